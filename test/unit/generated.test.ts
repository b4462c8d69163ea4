import { expect, it } from 'vitest';
import { generatedFiles, staleFiles } from '../../.scripts/generate.ts';

it('finds every generated file as the CRDs ask for it', () => {
  expect(staleFiles(generatedFiles())).toEqual([]);
});

it('names a file that is stale', () => {
  expect(staleFiles(new Map([['docs/reference.md', 'something else']]))).toEqual(['docs/reference.md']);
});
