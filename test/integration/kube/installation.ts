/** Manifests as objects, as users compose them, and what they let a service account do. */
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { ControlPlane } from '../../support/controlplane/control-plane.ts';
import { temporaryFolder } from '../../support/git-repo.ts';

export const MANIFESTS = join(import.meta.dirname, '../../../manifests');

interface Rule {
  readonly apiGroups?: string[];
  readonly resources?: string[];
  readonly verbs: string[];
}

export interface KubeObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
  };
  readonly rules?: readonly Rule[];
  readonly spec?: {
    readonly template?: { readonly spec: object };
    readonly ports?: readonly { readonly name: string }[];
    readonly endpoints?: readonly { readonly port: string }[];
    readonly selector?: { readonly matchLabels?: Record<string, string> };
  };
}

/** What the API server lets a service account do in a namespace: verb, resource, group. */
export async function rightsOf(
  account: string,
  namespace: string,
  cluster: ControlPlane,
): Promise<Set<string>> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace },
  };
  const as = `--as=system:serviceaccount:${account}`;
  const argv = ['create', '--validate=false', '-f', '-', '-o', 'json', as];
  const { stdout } = await cluster.kubectl(argv, stringify(review));
  const { status } = JSON.parse(stdout) as { status: { resourceRules: Rule[] } };
  return new Set(status.resourceRules.flatMap(rightsIn));
}

function rightsIn({ apiGroups = [], resources = [], verbs }: Rule): string[] {
  return verbs.flatMap((verb) =>
    resources.flatMap((resource) => apiGroups.map((group) => `${verb} ${resource} ${group}`)),
  );
}

/** An installation as a user composes it. */
export async function kustomization(overlay: string, components: readonly string[]) {
  const folder = await temporaryFolder();
  const inManifests = (...names: string[]): string => relative(folder.path, join(MANIFESTS, ...names));
  const content = {
    resources: [inManifests('overlays', overlay)],
    components: components.map((name) => inManifests('components', name)),
  };
  await writeFile(join(folder.path, 'kustomization.yaml'), stringify(content));
  return folder;
}

export function objectsIn(text: string): KubeObject[] {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  return objects.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

function idOf({ kind, metadata: { namespace = '', name } }: KubeObject): string {
  return `${kind} ${namespace}/${name}`;
}
