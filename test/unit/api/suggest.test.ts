import { expect, it } from 'vitest';
import { editDistance, suggest } from '../../../src/api/suggest.ts';

const fields = ['name', 'version', 'versionFrom', 'archiveExisting', 'tags'];

it.each([
  ['verson', 'version'],
  ['VERSION', 'version'],
  ['versionfrom', 'versionFrom'],
  ['archive', 'archiveExisting'],
  ['archiveExsiting', 'archiveExisting'],
  ['tag', 'tags'],
  ['nmae', 'name'],
  ['metric', undefined],
  ['x', undefined],
  ['', undefined],
  ['v'.repeat(10_000), undefined],
])('takes %s for %s', (typed, meant) => {
  expect(suggest(typed, fields)).toBe(meant);
});

it.each([
  ['', 'abc', 3],
  ['abc', 'abc', 0],
  ['abc', 'acb', 1],
  ['kitten', 'sitting', 3],
])('counts the edits from %j to %j', (from, to, edits) => {
  expect(editDistance(from, to)).toBe(edits);
  expect(editDistance(to, from)).toBe(edits);
});
