import { describe, expect, it } from 'vitest';
import { chooseVersions, parseVersionName } from '../../../src/domain/chosen.ts';
import { compareVersions, type Comparison } from '../../../src/domain/comparison.ts';
import { directionOf } from '../../../src/domain/direction.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { Fact } from '../../../src/domain/observed.ts';
import {
  aModel,
  anEvidence,
  known,
  unavailable,
  type EvidenceSpec,
  type ModelSpec,
} from '../../support/builders.ts';

describe('the direction of a metric', () => {
  it.each([
    ['loss', 'min'],
    ['val_loss', 'min'],
    ['validation/RMSE', 'min'],
    ['meanSquaredError', 'min'],
    ['mae', 'min'],
    ['false_positive_rate', 'min'],
    ['accuracy', 'max'],
    ['f1_score', 'max'],
    ['roc_auc', 'max'],
    ['true positive rate', 'max'],
    ['r2', 'max'],
    ['neg_mean_squared_error', undefined],
    ['precision_loss', undefined],
    ['glossary', undefined],
    ['score', undefined],
    ['churn_cost', undefined],
    ['', undefined],
  ])('of %j is %s', (metric, goal) => {
    expect(directionOf(metric, new Map())).toBe(goal);
  });

  it('is what the user says', () => {
    expect(directionOf('accuracy', new Map([['accuracy', 'min']]))).toBe('min');
    expect(directionOf('churn_cost', new Map([['churn_cost', 'max']]))).toBe('max');
  });
});

describe('the versions of a comparison', () => {
  const chosen = (spec: ModelSpec, ...names: string[]): unknown => {
    const wanted = names.flatMap((name) => parseVersionName(name) ?? []);
    const versions = chooseVersions(aModel(spec), wanted);
    return typeof versions === 'string'
      ? versions
      : versions.map(({ version, role }) => `${version.version}${role === undefined ? '' : ` ${role}`}`);
  };
  const staged: ModelSpec = {
    versions: { 1: 'Archived', 3: 'Production', 7: 'Staging', 8: { status: 'PENDING_REGISTRATION' } },
    aliases: { champion: '1', gone: '99' },
  };

  it.each([
    ['incumbent and newest READY version', staged, [], ['3 incumbent', '7 candidate']],
    [
      'the champion where nothing is in Production',
      { versions: { 1: {}, 2: {} }, aliases: { champion: '1' } },
      [],
      ['1 incumbent', '2 candidate'],
    ],
    ['the one named beside the incumbent', staged, ['1'], ['3 incumbent', '1']],
    ['those that are named, in their order', staged, ['7', '01', '8'], ['7 candidate', '1', '8']],
    ['a stage and an alias', staged, ['production', '@champion'], ['3 incumbent', '1']],
    ['one that is named twice, once', staged, ['3', 'Production', '7'], ['3 incumbent', '7 candidate']],
    ['the incumbent alone when it is the newest', { versions: { 1: 'Production' } }, [], ['1 incumbent']],
    ['only what is named where there is no incumbent', { versions: { 1: {}, 2: {} } }, ['1'], ['1']],
  ] as const)('are %s', (_, spec, names, expected) => {
    expect(chosen(spec, ...names)).toEqual(expected);
  });

  it.each([
    [staged, ['9'], 'churn has no version 9 (there are 8, 7, 3, 1)'],
    [staged, ['@gone'], 'churn has no alias "gone" (there are 8, 7, 3, 1)'],
    [{ versions: { 1: {} } }, ['Staging'], 'churn has no version in Staging (there is 1)'],
    [
      { versions: { 1: {} } },
      [],
      'no version of churn is in Production and none is champion: name those to compare (there is 1)',
    ],
  ] as const)('are missing for a reason', (spec, names, reason) => {
    expect(chosen(spec, ...names)).toBe(reason);
  });

  it.each(['', '0', '-1', '1.5', 'champion', '@', '@a b', 'latest', "1' OR '1"])('are not %j', (text) => {
    expect(parseVersionName(text)).toBeUndefined();
  });
});

describe('a comparison', () => {
  const compared = (specs: readonly (EvidenceSpec | Fact<Evidence>)[], goals = {}): Comparison => {
    const model = aModel({ versions: Object.fromEntries(specs.map((_, index) => [index + 1, {}])) });
    const versions = [...model.versions.values()];
    const facts = specs.map((spec) => ('kind' in spec ? spec : known(anEvidence(spec))));
    return compareVersions(
      model,
      versions.map((version) => ({ version, role: undefined })),
      { evidence: new Map(versions.map((version, index) => [version, facts[index] ?? unavailable])) },
      new Map(Object.entries(goals)),
    );
  };
  const row = (comparison: Comparison, name: string) => comparison.rows.find((one) => one.name === name);
  /** The versions whose value of a metric is marked. */
  const marked = (metric: string, values: readonly (number | undefined)[], goals = {}): number[] => {
    const specs = values.map((value) => ({ metrics: value === undefined ? {} : { [metric]: value } }));
    const cells = row(compared(specs, goals), metric)?.cells ?? [];
    return cells.flatMap((cell, index) => (cell.kind === 'number' && cell.better ? [index + 1] : []));
  };

  it.each([
    ['accuracy', [0.9, 0.8], {}, [1]],
    ['loss', [0.9, 0.8], {}, [2]],
    ['loss', [0.9, 0.8], { loss: 'max' }, [1]],
    ['churn_cost', [0.9, 0.8], {}, []],
    ['churn_cost', [0.9, 0.8], { churn_cost: 'min' }, [2]],
    ['accuracy', [0.8, 0.8], {}, []],
    ['accuracy', [0.8, 0.9, 0.9], {}, [2, 3]],
    ['accuracy', [0.8, undefined], {}, []],
    ['accuracy', [0.8, Number.NaN], {}, []],
    ['accuracy', [0.8, Number.NaN, 0.7], {}, [1]],
    ['loss', [-Infinity, 0.1], {}, [1]],
  ])('marks of %s %j with goals %j the versions %j', (metric, values, goals, better) => {
    expect(marked(metric, values, goals)).toEqual(better);
  });

  it('says what differs', () => {
    const comparison = compared([
      { metrics: { a: 1, b: Number.NaN }, params: { depth: '5', trees: '100' }, commit: 'abc' },
      { metrics: { a: 1, b: Number.NaN }, params: { depth: '7', trees: '100' } },
    ]);
    const differing = comparison.rows.filter(({ differs }) => differs).map(({ name }) => name);
    expect(differing).toEqual(['created', 'source', 'run', 'git commit', 'depth']);
  });

  it('tells what could not be read, and takes it for no difference', () => {
    const comparison = compared([{ metrics: { a: 1 }, doubtful: ['b'] }, unavailable, { kind: 'absent' }]);
    expect(row(comparison, 'a')?.cells.map(({ kind }) => kind)).toEqual(['number', 'unknown', 'none']);
    expect(row(comparison, 'b')?.cells.map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'none']);
    expect(row(comparison, 'b')?.differs).toBe(false);
    expect([...comparison.unread.keys()]).toEqual(['2']);
  });

  it('shows what goes into a model and what comes out', () => {
    const inputs = [
      { name: 'age', type: 'long', required: true },
      { name: 'income', type: 'double', required: false },
    ];
    const outputs = [{ type: 'tensor', 'tensor-spec': { dtype: 'int64', shape: [-1] } }];
    const signature = JSON.stringify({
      inputs: JSON.stringify(inputs),
      outputs: JSON.stringify(outputs),
      params: null,
    });
    const comparison = compared([{ signature }, { signature: '{"inputs":"no JSON"}' }]);
    expect(row(comparison, 'inputs')?.cells).toEqual([
      { kind: 'text', text: 'age: long, income: double (optional)' },
      { kind: 'text', text: 'no JSON' },
    ]);
    expect(row(comparison, 'outputs')?.cells[0]).toEqual({
      kind: 'text',
      text: 'tensor {"dtype":"int64","shape":[-1]}',
    });
    expect(row(comparison, 'params')).toBeUndefined();
  });
});
