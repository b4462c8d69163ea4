import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generatedFiles, staleFiles } from '../../.scripts/generate.ts';
import { manifestFiles } from '../../.scripts/generate/manifests.ts';
import { temporaryFolder } from '../support/git-repo.ts';

it('finds every generated file as the CRDs ask for it', () => {
  expect(staleFiles(generatedFiles())).toEqual([]);
});

it('names a file that is stale', () => {
  expect(staleFiles(new Map([['docs/reference.md', 'something else']]))).toEqual(['docs/reference.md']);
});

it('pins the image of install.yaml when the base pins it', async () => {
  await using copy = await temporaryFolder();
  const root = join(import.meta.dirname, '../..');
  for (const name of ['crds', 'manifests'])
    await cp(join(root, name), join(copy.path, name), { recursive: true });
  const base = join(copy.path, 'manifests/base/kustomization.yaml');
  const text = await readFile(base, 'utf8');
  const digest = `sha256:${'0'.repeat(64)}`;
  await writeFile(base, text.replace(/newTag: .*/, `digest: ${digest}`));
  const install = new Map(manifestFiles(copy.path)).get('manifests/install.yaml');
  expect(install).toContain(`image: ghcr.io/modelpromotion/modelpromotion@${digest}\n`);
});
