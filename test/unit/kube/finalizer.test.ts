/** Where our finalizer stands. */
import { expect, it } from 'vitest';
import { finalizersFor } from '../../../src/cli/operator/finalizer.ts';

const OURS = 'modelpromotion.dev/release';

it.each([
  ['is added where a release is asked for', 'Release', ['other'], false, ['other', OURS]],
  ['stays where it is', 'Release', [OURS], false, undefined],
  ['is not added to what is being deleted', 'Release', ['other'], true, undefined],
  ['is not there where nothing is to be released', 'Orphan', ['other'], false, undefined],
  [
    'is taken away when nothing is to be released any more, and others stay',
    'Orphan',
    ['other', OURS],
    false,
    ['other'],
  ],
] as const)('Our finalizer %s', (_what, policy, finalizers, deleting, expected) => {
  expect(finalizersFor(policy, { finalizers, deleting })).toEqual(expected);
});
