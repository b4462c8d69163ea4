/** What kustomize cannot reach or users want in one piece: the CRDs below manifests/, and install.yaml. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

/** An image by its tag, or pinned: kustomize writes either of the two. */
interface Image {
  readonly name: string;
  readonly newName: string;
  readonly newTag?: string;
  readonly digest?: string;
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly Image[];
}

const BANNER = '# Made from the rest of manifests/ by `npm run generate`. Do not edit.\n';

/** Path below the repository's root, and content. */
export function manifestFiles(root: string): [path: string, content: string][] {
  const crds = readdirSync(join(root, 'crds')).toSorted();
  const copies = crds.map((name): [string, string] => [
    `manifests/crds/${name}`,
    readFileSync(join(root, 'crds', name), 'utf8'),
  ]);
  const resources = crds.map((name) => `  - ${name}\n`).join('');
  const kustomization = `# Copies of crds/, made by \`npm run generate\`: kustomize reads nothing outside its folder.\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n${resources}`;
  return [
    ...copies,
    ['manifests/crds/kustomization.yaml', kustomization],
    ['manifests/install.yaml', installation(root, copies)],
    [
      'manifests/argocd/argocd-cm.yaml',
      argoCdSettings(join(root, 'manifests/argocd/resource_customizations')),
    ],
  ];
}

/** The customizations as settings of Argo CD, for whoever's Argo CD does not have them built in. */
function argoCdSettings(folder: string): string {
  const group = 'modelpromotion.dev';
  const lua = (...path: string[]): string => readFileSync(join(folder, group, ...path), 'utf8');
  const actions = ['reconcile', 'suspend', 'resume'];
  const data = {
    [`resource.customizations.health.${group}_ModelPromotion`]: lua('ModelPromotion', 'health.lua'),
    [`resource.customizations.health.${group}_ModelRegistry`]: lua('ModelRegistry', 'health.lua'),
    [`resource.customizations.actions.${group}_ModelPromotion`]: stringify(
      {
        'discovery.lua': lua('ModelPromotion', 'actions', 'discovery.lua'),
        definitions: actions.map((name) => ({
          name,
          'action.lua': lua('ModelPromotion', 'actions', name, 'action.lua'),
        })),
      },
      { lineWidth: 0 },
    ),
  };
  const metadata = { name: 'argocd-cm', namespace: 'argocd' };
  const patch = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
  return (
    BANNER.replace('the rest of manifests/', 'resource_customizations/') + stringify(patch, { lineWidth: 0 })
  );
}

/** All that `kubectl apply -k manifests/overlays/cluster-wide` applies; a test compares the two. */
function installation(root: string, crds: readonly [string, string][]): string {
  const base = kustomizationIn(join(root, 'manifests/base'));
  const overlay = kustomizationIn(join(root, 'manifests/overlays/cluster-wide'));
  const texts = [
    ...crds.map(([, text]) => text),
    ...base.resources
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => readFileSync(join(root, 'manifests/base', name), 'utf8')),
    ...overlay.resources
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => readFileSync(join(root, 'manifests/overlays/cluster-wide', name), 'utf8')),
  ];
  return BANNER + withImages(texts.join('---\n'), base);
}

function withImages(text: string, { images = [] }: Kustomization): string {
  return images.reduce(
    (result, image) => result.replaceAll(`image: ${image.name}\n`, `image: ${referenceTo(image)}\n`),
    text,
  );
}

/** As kustomize writes it. */
function referenceTo({ newName, newTag, digest }: Image): string {
  const tagged = newTag === undefined ? newName : `${newName}:${newTag}`;
  return digest === undefined ? tagged : `${tagged}@${digest}`;
}

function kustomizationIn(folder: string): Kustomization {
  return parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization;
}
