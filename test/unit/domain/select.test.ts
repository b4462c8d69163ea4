/** Which version a target asks for. */
import { describe, expect, it } from 'vitest';
import type { Want } from '../../../src/domain/desired.ts';
import { currentHolder, isHeldBy, selectCandidate } from '../../../src/domain/select.ts';
import { aModel } from '../../support/builders.ts';

const model = aModel({
  versions: {
    1: 'Production',
    2: 'Archived',
    3: { status: 'PENDING_REGISTRATION', statusMessage: 'copying' },
    4: { status: 'FAILED_REGISTRATION' },
    9: 'Staging',
    10: 'Staging',
  },
  aliases: { champion: '1', waiting: '3', gone: '77' },
});

function select(want: Want): string {
  const candidate = selectCandidate(want, model);
  switch (candidate.kind) {
    case 'found':
      return `version ${candidate.version.version}`;
    case 'none':
      return candidate.message;
    case 'unregistered':
      return `to be registered from ${candidate.source.declared}`;
    case 'unusable':
      return `${candidate.reason}: ${candidate.message}`;
    default:
      return candidate satisfies never;
  }
}

const pinned = (version: string): Want => ({ kind: 'pinned', version });
const follows = (source: Extract<Want, { kind: 'follows' }>['source']): Want => ({ kind: 'follows', source });

describe('a candidate', () => {
  it.each([
    ['a pinned version', pinned('2'), 'version 2'],
    ['the holder of a stage', follows('stage/Production'), 'version 1'],
    ['the highest number of several holders', follows('stage/Staging'), 'version 10'],
    ['what an alias points at', follows('alias/champion'), 'version 1'],
    ['nothing behind an unknown alias', follows('alias/nobody'), 'nothing holds @nobody'],
    ['nothing behind a dangling alias', follows('alias/gone'), 'nothing holds @gone'],
    [
      'nothing usable while a version is registered',
      pinned('3'),
      'VersionNotReady: version 3 is still being registered (PENDING_REGISTRATION: copying)',
    ],
    [
      'nothing usable behind an alias of such a version',
      follows('alias/waiting'),
      'VersionNotReady: version 3 is still being registered (PENDING_REGISTRATION: copying)',
    ],
    [
      'nothing usable after a failure',
      pinned('4'),
      'VersionFailed: version 4 cannot be promoted: its status is FAILED_REGISTRATION',
    ],
    [
      'no version that does not exist, and what there is instead',
      pinned('7'),
      'VersionNotFound: version 7 of churn does not exist (newest are 10, 9, 4, 3, 2)',
    ],
  ])('is %s', (_, want, expected) => {
    expect(select(want)).toBe(expected);
  });

  it.each([
    [{}, 'the model has no versions'],
    [{ 1: 'None' }, 'there is 1'],
    [{ 1: 'None', 2: 'None' }, 'there are 2, 1'],
  ] as const)('that is missing is told with what there is: %j', (versions, hint) => {
    expect(selectCandidate(pinned('7'), aModel({ versions }))).toMatchObject({
      message: `version 7 of churn does not exist (${hint})`,
    });
  });
});

describe('a holder', () => {
  it('is one of several in a stage, and the only one behind an alias', () => {
    expect(currentHolder('stage/Staging', model)?.version).toBe('10');
    expect(isHeldBy('stage/Staging', { version: '9' }, model)).toBe(true);
    expect(isHeldBy('stage/Staging', { version: '1' }, model)).toBe(false);
    expect(isHeldBy('alias/champion', { version: '1' }, model)).toBe(true);
    expect(isHeldBy('alias/champion', { version: '2' }, model)).toBe(false);
  });

  it('is nobody behind a dangling alias', () => {
    expect(currentHolder('alias/gone', model)).toBeUndefined();
  });
});
