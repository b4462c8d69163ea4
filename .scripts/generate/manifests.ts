/** What kustomize cannot reach or users want in one piece: the CRDs below manifests/, and install.yaml. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
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
  ];
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
    (result, { name, newName, newTag }) =>
      result.replaceAll(`image: ${name}\n`, `image: ${newName}:${newTag}\n`),
    text,
  );
}

function kustomizationIn(folder: string): Kustomization {
  return parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization;
}
