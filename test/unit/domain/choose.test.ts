import { describe, expect, it } from 'vitest';
import type { VersionFrom } from '../../../src/api/generated/types.ts';
import { chooseAll, type Choice } from '../../../src/domain/choose.ts';
import { sampleKey } from '../../../src/domain/grounds.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import {
  aModel,
  anEvidence,
  aPromotion,
  aRecord,
  known,
  MINUTE,
  NOW,
  records,
  unavailable,
} from '../../support/builders.ts';

interface World {
  readonly model?: Model;
  /** By run. */
  readonly metrics?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Runs of which something else is known. */
  readonly others?: Readonly<Record<string, Fact<Evidence>>>;
  /** Every logged value of acc, by run. */
  readonly values?: Readonly<Record<string, readonly number[]>>;
  readonly since?: string;
  readonly pin?: { version: string; reason: string; until: string };
}

/** Versions 1 to 4; version 3 holds Production; accuracy rises with the number. */
const four = aModel({ versions: { 1: 'None', 2: 'None', 3: 'Production', 4: 'None' } });
const rising = {
  'run-1': { acc: 0.7 },
  'run-2': { acc: 0.8 },
  'run-3': { acc: 0.9 },
  'run-4': { acc: 0.95 },
};

function choose(
  versionFrom: VersionFrom,
  { model = four, metrics = rising, others = {}, values = {}, since, pin }: World = {},
): Choice {
  const promotion = aPromotion({ stages: { Production: { versionFrom, ...(pin && { pin }) } } });
  const measured = Object.entries(metrics).map(
    ([id, values]) => [id, known(anEvidence({ metrics: values }))] as const,
  );
  const runs = new Map<string, Fact<Evidence>>([...measured, ...Object.entries(others)]);
  const evidence = new Map(
    [...model.versions.values()].flatMap(({ version, runId }) => {
      const fact = runs.get(runId);
      return fact === undefined ? [] : [[version, fact] as const];
    }),
  );
  const samples = new Map(
    Object.entries(values).map(([runId, all]) => [sampleKey({ runId, metric: 'acc' }), known(all)]),
  );
  const choices = chooseAll(promotion, {
    model,
    grounds: { evidence, sources: new Map(), samples },
    records: since === undefined ? new Map() : records({ 'stage/Production': aRecord('3', { since }) }),
    now: NOW,
    mayRegister: true,
  });
  const choice = choices.get('stage/Production');
  if (choice === undefined) throw new Error('there is no choice');
  return choice;
}

function chosen(choice: Choice): string {
  const { candidate } = choice;
  if (candidate.kind === 'found') return candidate.version.version;
  return candidate.kind === 'unregistered' ? candidate.source.declared : candidate.message;
}

const best = { metric: 'acc', goal: 'maximize', minImprovement: 0 } as const;

describe('best', () => {
  it.each<[string, VersionFrom['best'] & object, World, string]>([
    ['is the highest value', best, {}, '4'],
    ['is the lowest value where less is better', { ...best, goal: 'minimize' }, {}, '1'],
    ['is the newer of equal ones', best, { metrics: { ...rising, 'run-1': { acc: 0.95 } } }, '4'],
    ['considers nothing below min', { ...best, min: 0.99 }, {}, 'no version has a usable acc'],
    ['considers nothing above max', { ...best, max: 0.92 }, {}, '3'],
    ['considers only what passes', { ...best, filter: 'version_number < 3' }, {}, '2'],
    [
      'says when nothing passes',
      { ...best, filter: "tags.x = 'y'" },
      {},
      'no READY version passes the filter',
    ],
    ['leaves NaN out', best, { metrics: { ...rising, 'run-4': { acc: Number.NaN } } }, '3'],
    ['leaves infinities out', best, { metrics: { ...rising, 'run-4': { acc: Infinity } } }, '3'],
    [
      'keeps who holds the target when its run was deleted',
      best,
      { others: { 'run-3': { kind: 'unknown', reason: 'RegistryRefused', message: 'run 3 was deleted' } } },
      '3',
    ],
    [
      'leaves out another one whose run was deleted',
      best,
      { others: { 'run-4': { kind: 'unknown', reason: 'RegistryRefused', message: 'run 4 was deleted' } } },
      '3',
    ],
    [
      'reckons as people do',
      { ...best, minImprovement: 0.1 },
      { metrics: { 'run-3': { acc: 0.2 }, 'run-4': { acc: 0.3 } } },
      '4',
    ],
    ['leaves out what has no such metric', best, { metrics: { ...rising, 'run-4': { f1: 1 } } }, '3'],
    ['leaves out whose run is gone', best, { others: { 'run-4': { kind: 'absent' } } }, '3'],
    [
      'selects nothing while a run cannot be read',
      best,
      { others: { 'run-1': unavailable } },
      'the registry answered 503',
    ],
    ['changes nothing for less than minImprovement', { ...best, minImprovement: 0.06 }, {}, '3'],
    ['changes for minImprovement', { ...best, minImprovement: 0.04 }, {}, '4'],
    [
      'asks for no improvement on who is not considered any more',
      { ...best, minImprovement: 0.5, min: 0.91 },
      {},
      '4',
    ],
    [
      'takes only READY versions',
      best,
      { model: aModel({ versions: { 3: 'Production', 4: { status: 'FAILED_REGISTRATION' } } }) },
      '3',
    ],
  ])('%s', (_what, rule, world, expected) => {
    expect(chosen(choose({ best: rule }, world))).toBe(expected);
  });

  it('stays for holdFor with what it put there, and says until when', () => {
    const rule = { ...best, holdFor: '1h' };
    const since = new Date(NOW - 10 * MINUTE).toISOString();
    const choice = choose({ best: rule }, { since });
    expect([chosen(choice), choice.until]).toEqual(['3', NOW + 50 * MINUTE]);
    expect(choice.evidence.at(-1)).toMatch(/^3 stays until .* \(holdFor\)$/);
    expect(chosen(choose({ best: rule }, { since: new Date(NOW - 61 * MINUTE).toISOString() }))).toBe('4');
  });

  it.each<[string, Readonly<Record<string, readonly number[]>>, string, RegExp]>([
    [
      'takes the place with an effect beyond chance',
      { 'run-3': [0.899, 0.9, 0.901], 'run-4': [0.949, 0.95, 0.951] },
      '4',
      /^4 is better than 3 by 0\.05 ± 0\.00\d+ \(95 % for 3 candidates; 3 and 3 values of acc\)$/,
    ],
    [
      'stays where the difference may be chance',
      { 'run-3': [0.8, 0.9, 1], 'run-4': [0.85, 0.95, 1.05] },
      '3',
      /^3 stays: 4 is better than 3 by 0\.05 ± 0\.\d+ .*, and at least 0\.01 is asked for$/,
    ],
    [
      'stays where there is one value',
      { 'run-3': [0.8, 0.9, 1], 'run-4': [0.95] },
      '3',
      /^3 stays: 4 and 3 have 1 and 3 values of acc; to tell a difference from chance, at least two finite/,
    ],
    ['stays where the values are not known', {}, '3', /have 0 and 0 values/],
  ])('with minEffect %s', (_what, values, expected, words) => {
    const choice = choose({ best: { ...best, minEffect: 0.01 } }, { values });
    expect([chosen(choice), choice.evidence.at(-1)]).toEqual([expected, expect.stringMatching(words)]);
  });

  it('goes to the next one with minEffect where the best cannot show an effect', () => {
    const model = aModel({ versions: { 1: 'Production', 2: 'None', 3: 'None' } });
    const metrics = { 'run-1': { acc: 0.8 }, 'run-2': { acc: 0.9 }, 'run-3': { acc: 0.91 } };
    const values = { 'run-1': [0.799, 0.8, 0.801], 'run-2': [0.899, 0.9, 0.901], 'run-3': [0.91] };
    const choice = choose({ best: { ...best, minEffect: 0.01 } }, { model, metrics, values });
    expect([chosen(choice), choice.evidence.at(-1)]).toEqual([
      '2',
      expect.stringMatching(/^2 is better than 1/),
    ]);
  });

  it('shows what it had to choose from', () => {
    const { evidence } = choose({ best: { ...best, min: 0.75 } }, { metrics: { ...rising, 'run-2': {} } });
    expect(evidence).toEqual([
      '4: acc=0.95',
      '3: acc=0.9 (holds Production)',
      '2 of 4 versions considered; 1 without a finite value of acc, 1 out of bounds',
    ]);
  });

  it('shows ten of a thousand', () => {
    const numbers = Array.from({ length: 1_000 }, (_, index) => index + 1);
    const model = aModel({
      versions: Object.fromEntries(numbers.map((number) => [number, 'None' as const])),
    });
    const metrics = Object.fromEntries(numbers.map((number) => [`run-${number}`, { acc: number }]));
    const { evidence } = choose({ best }, { model, metrics });
    expect([evidence.length, evidence[0], evidence.at(-1)]).toEqual([
      11,
      '1000: acc=1000',
      '1000 of 1000 versions considered',
    ]);
  });
});

describe('latest', () => {
  it.each<[string, string | undefined, string]>([
    ['is the highest number', undefined, '4'],
    ['is the highest number that passes', 'version_number != 4', '3'],
    ['is none where none passes', "tags.a = 'b'", 'no READY version passes the filter'],
  ])('%s', (_what, filter, expected) => {
    expect(chosen(choose({ latest: { ...(filter !== undefined && { filter }) } }))).toBe(expected);
  });

  it('counts as numbers do', () => {
    expect(chosen(choose({ latest: {} }, { model: aModel({ versions: { 9: 'None', 10: 'None' } }) }))).toBe(
      '10',
    );
  });
});

describe('a run', () => {
  it('stands for the newest version that was registered from it', () => {
    const model = aModel({ versions: { 1: { runId: 'x' }, 2: { runId: 'x' }, 3: { runId: 'y' } } });
    expect(chosen(choose({ runId: 'x' }, { model }))).toBe('2');
    expect(chosen(choose({ runId: 'z' }, { model }))).toBe('no version is registered from run z');
  });
});

describe('a pin', () => {
  const pin = { version: '1', reason: 'INC-7', until: new Date(NOW + MINUTE).toISOString() };

  it('comes before the rule, with its reason', () => {
    const choice = choose({ latest: {} }, { pin });
    expect([chosen(choice), choice.until]).toEqual(['1', NOW + MINUTE]);
    expect(choice.evidence).toEqual([`pinned to 1 until ${pin.until}: INC-7`]);
  });

  it('runs out', () => {
    expect(chosen(choose({ latest: {} }, { pin: { ...pin, until: new Date(NOW).toISOString() } }))).toBe('4');
  });
});
