import { expect, it } from 'vitest';
import { signatureIn } from '../../../src/adapters/mlflow/signature.ts';

const LAUGHTER = `a: &a [x, x]\n${'bcdefghijklmnopqrstuvwxyz'
  .split('')
  .map(
    (name, index) =>
      `${name}: &${name} [*${'abcdefghijklmnopqrstuvwxyz'[index]}, *${'abcdefghijklmnopqrstuvwxyz'[index]}]\n`,
  )
  .join('')}`;

it.each([
  [
    "flavors: {}\nsignature:\n  inputs: '[]'\n  outputs: null\n",
    { kind: 'known', value: '{"inputs":"[]","outputs":null}' },
  ],
  ['flavors: {}\n', { kind: 'absent' }],
  ['signature: null\n', { kind: 'absent' }],
  ['', { kind: 'unknown' }],
  ['<html>not found</html>', { kind: 'unknown' }],
  ['a: [', { kind: 'unknown' }],
  ['- signature\n', { kind: 'unknown' }],
])('the file %j tells %j', (text, expected) => {
  expect(signatureIn(text)).toMatchObject(expected);
});

it('a file that grows without an end when it is read is not read', () => {
  expect(signatureIn(LAUGHTER).kind).not.toBe('known');
});
