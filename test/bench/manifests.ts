/** Manifests of the promotions that are measured. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Wanted {
  readonly model: string;
  readonly version: string;
  readonly alias?: string;
  readonly description?: string;
}

const A_FILE = 100;

export function manifest({ model, version, alias, description }: Wanted): string {
  const details = description === undefined ? '' : `\n      description: ${description}`;
  const aliases =
    alias === undefined ? '' : `\n  aliases:\n    - name: ${alias}\n      version: "${version}"`;
  return `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata:
  name: ${model}
  namespace: bench
spec:
  model: ${model}
  stages:
    - name: Production
      version: "${version}"${details}${aliases}
`;
}

/** Writes them into a folder, a hundred a file. */
export async function writeManifests(folder: string, wanted: readonly Wanted[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let first = 0; first < wanted.length; first += A_FILE) {
    const documents = wanted.slice(first, first + A_FILE).map(manifest);
    await writeFile(join(folder, `promotions-${first}.yaml`), documents.join('---\n'));
  }
}
