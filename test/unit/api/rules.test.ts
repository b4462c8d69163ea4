import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from '@marcbachmann/cel-js';
import { describe, expect, it } from 'vitest';
import { isFields } from '../../../src/api/fields.ts';
import { Findings } from '../../../src/api/finding.ts';
import { checkRules } from '../../../src/api/rules.ts';
import { validate, type Kind } from '../../../src/api/validate.ts';
import { parseYaml } from '../../../src/api/yaml.ts';
import { readTree } from '../../../src/api/tree.ts';

const crds = join(import.meta.dirname, '../../../crds');

/** The schema of the spec, by kind, from the CRDs. */
const specSchemas = new Map(
  readdirSync(crds).map((file) => {
    const [document] = parseYaml(readFileSync(join(crds, file), 'utf8')).documents;
    const crd = document?.root ? readTree(document.root).value : undefined;
    const schema = at(crd, 'spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec');
    return [at(crd, 'spec', 'names', 'kind'), schema];
  }),
);

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return inner[Number(key)];
    return isFields(inner) ? inner[key] : undefined;
  }, value);
}

const cel = new Environment({ unlistedVariablesAreDyn: true });

/** The messages of all CEL rules that fail, as an API server would evaluate them when the object is created. */
function celFailures(schema: unknown, value: unknown): string[] {
  if (value === undefined) return [];
  const own = rulesOf(schema)
    .filter(({ rule }) => !rule.includes('oldSelf'))
    .filter(({ rule }) => cel.evaluate(rule, { self: value }) !== true);
  return [
    ...own.map(({ message }) => message),
    ...children(schema, value).flatMap(([inner, part]) => celFailures(inner, part)),
  ];
}

function rulesOf(schema: unknown): { rule: string; message: string }[] {
  const rules = at(schema, 'x-kubernetes-validations');
  return Array.isArray(rules) ? rules : [];
}

function children(schema: unknown, value: unknown): [schema: unknown, value: unknown][] {
  if (Array.isArray(value)) return value.map((item) => [at(schema, 'items'), item]);
  const properties = at(schema, 'properties');
  return isFields(properties) ? Object.keys(properties).map((key) => [properties[key], at(value, key)]) : [];
}

interface Row {
  readonly spec: string;
  readonly fields: object;
}

function verdicts(kind: Kind, fields: object): { cel: string[]; rules: string[] } {
  const manifest = {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind,
    metadata: { name: 'x' },
    spec: structuredClone(fields),
  };
  expect(validate(kind, manifest, () => undefined).findings).toEqual([]);
  const findings = new Findings();
  findings.add(checkRules(kind, manifest));
  return {
    cel: celFailures(specSchemas.get(kind), manifest.spec),
    rules: findings.all.map(({ message }) => message),
  };
}

function promotion(stages: object[], aliases: object[] = [], more: object = {}): object {
  return { model: 'churn', stages, aliases, ...more };
}

const [staging, production] = ['Staging', 'Production'].map((name) => ({ name }));
const from = (versionFrom: object) => ({ versionFrom });
const pinned = { name: 'Staging', version: '4' };

const valid: Row[] = [
  { spec: 'a pinned stage', fields: promotion([pinned]) },
  { spec: 'an alias alone', fields: promotion([], [{ name: 'a', version: '4' }]) },
  { spec: 'two stages with two versions', fields: promotion([pinned, { ...production, version: '3' }]) },
  {
    spec: 'an alias from a declared stage',
    fields: promotion([pinned], [{ name: 'a', ...from({ stage: 'Staging' }) }]),
  },
  {
    spec: 'a stage from another stage that is not declared',
    fields: promotion([{ ...production, ...from({ stage: 'Staging' }) }]),
  },
  {
    spec: 'a stage from a declared alias',
    fields: promotion([{ ...production, ...from({ alias: 'a' }) }], [{ name: 'a', version: '3' }]),
  },
  {
    spec: 'aliases in a chain',
    fields: promotion(
      [],
      [
        { name: 'a', ...from({ alias: 'b' }) },
        { name: 'b', ...from({ alias: 'c' }) },
      ],
    ),
  },
  {
    spec: 'a stage and an alias from one alias',
    fields: promotion([{ ...staging, ...from({ alias: 'x' }) }], [{ name: 'a', ...from({ alias: 'x' }) }]),
  },
  {
    spec: 'a rule with everything',
    fields: promotion([
      {
        ...production,
        ...from({
          best: { metric: 'f1', goal: 'maximize', min: 0, max: 0, minImprovement: 0, holdFor: '1h' },
        }),
        pin: { version: '3', reason: 'x', until: '2026-12-31T00:00:00Z' },
      },
    ]),
  },
  {
    spec: 'a registration with everything',
    fields: promotion([{ ...production, ...from({ source: 'runs:/a/b' }) }], [], {
      register: { tags: { a: 'b' }, createModel: { tags: { a: 'b' } } },
    }),
  },
  { spec: 'the shortest interval', fields: promotion([pinned], [], { interval: '1000ms' }) },
  { spec: 'the longest interval', fields: promotion([pinned], [], { interval: '575h60m' }) },
  { spec: 'an interval with a fraction', fields: promotion([pinned], [], { interval: '1.5h' }) },
  {
    spec: 'all tag keys that MLflow takes',
    fields: promotion([
      {
        ...pinned,
        tags: { 'a/b': '', 'a..b': '', 'a.b:c-d_e f': '', '.a': '', 'a/.b': '', ['k'.repeat(250)]: '' },
      },
    ]),
  },
];

const invalid: Row[] = [
  { spec: 'no target', fields: promotion([]) },
  { spec: 'an alias that MLflow reserves', fields: promotion([], [{ name: 'V3', version: '4' }]) },
  {
    spec: 'a selector from such an alias',
    fields: promotion([{ ...production, ...from({ alias: 'latest' }) }]),
  },
  {
    spec: 'bounds with nothing between them',
    fields: promotion([
      {
        ...production,
        ...from({ best: { metric: 'f1', goal: 'maximize', min: 2, max: 1, minImprovement: 0 } }),
      },
    ]),
  },
  {
    spec: 'a hold that is too long',
    fields: promotion([
      {
        ...production,
        ...from({ best: { metric: 'f1', goal: 'maximize', minImprovement: 0, holdFor: '600h' } }),
      },
    ]),
  },
  {
    spec: 'a pin without a rule',
    fields: promotion([{ ...pinned, pin: { version: '3', reason: 'x', until: '2026-12-31T00:00:00Z' } }]),
  },
  {
    spec: 'a reserved tag on what is registered',
    fields: promotion([pinned], [], { register: { tags: { 'modelpromotion.dev/x': '' } } }),
  },
  {
    spec: 'a reserved tag on a model that is made',
    fields: promotion([pinned], [], { register: { createModel: { tags: { 'mlflow.prompt.x': '' } } } }),
  },
  { spec: 'neither version nor versionFrom', fields: promotion([{ ...staging }]) },
  { spec: 'an alias with neither', fields: promotion([], [{ name: 'a' }]) },
  { spec: 'both version and versionFrom', fields: promotion([{ ...pinned, ...from({ alias: 'a' }) }]) },
  { spec: 'one version in two stages', fields: promotion([pinned, { ...production, version: '4' }]) },
  { spec: 'a stage from itself', fields: promotion([{ ...staging, ...from({ stage: 'Staging' }) }]) },
  {
    spec: 'a stage from a declared stage',
    fields: promotion([pinned, { ...production, ...from({ stage: 'Staging' }) }]),
  },
  { spec: 'an alias from itself', fields: promotion([], [{ name: 'a', ...from({ alias: 'a' }) }]) },
  {
    spec: 'two aliases from each other',
    fields: promotion(
      [],
      [
        { name: 'a', ...from({ alias: 'b' }) },
        { name: 'b', ...from({ alias: 'a' }) },
      ],
    ),
  },
  {
    spec: 'a stage and an alias from each other',
    fields: promotion(
      [{ ...staging, ...from({ alias: 'a' }) }],
      [{ name: 'a', ...from({ stage: 'Staging' }) }],
    ),
  },
  {
    spec: 'one version in two stages by an alias',
    fields: promotion([pinned, { ...production, ...from({ alias: 'a' }) }], [{ name: 'a', version: '4' }]),
  },
  {
    spec: 'a stage from a declared stage by an alias',
    fields: promotion(
      [pinned, { ...production, ...from({ alias: 'a' }) }],
      [{ name: 'a', ...from({ stage: 'Staging' }) }],
    ),
  },
  {
    spec: 'two stages from one alias',
    fields: promotion([
      { ...staging, ...from({ alias: 'a' }) },
      { ...production, ...from({ alias: 'a' }) },
    ]),
  },
  { spec: 'the model .', fields: { ...promotion([pinned]), model: '.' } },
  { spec: 'the model ..', fields: { ...promotion([pinned]), model: '..' } },
  { spec: 'an interval below a second', fields: promotion([pinned], [], { interval: '0.9s' }) },
  { spec: 'an interval of more than 24 days', fields: promotion([pinned], [], { interval: '576h1s' }) },
  ...[
    '',
    'a,b',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/..',
    'a/./b',
    '..a',
    'é',
    'k'.repeat(251),
    'modelpromotion.dev/x',
    'mlflow.prompt.x',
  ].map((key) => ({
    spec: `the tag key "${key.slice(0, 20)}"`,
    fields: promotion([{ ...pinned, tags: { [key]: 'x' } }]),
  })),
];

const beyondCel: Row[] = [
  {
    spec: 'a circle of three aliases',
    fields: promotion(
      [],
      ['a', 'b', 'c'].map((name, i, all) => ({ name, ...from({ alias: all[(i + 1) % 3] }) })),
    ),
  },
  {
    spec: 'a circle through a stage and two aliases',
    fields: promotion(
      [{ ...staging, ...from({ alias: 'a' }) }],
      [
        { name: 'a', ...from({ alias: 'b' }) },
        { name: 'b', ...from({ stage: 'Staging' }) },
      ],
    ),
  },
  {
    spec: 'one version in two stages by two aliases',
    fields: promotion(
      [
        { ...staging, ...from({ alias: 'a' }) },
        { ...production, ...from({ alias: 'b' }) },
      ],
      [
        { name: 'a', version: '4' },
        { name: 'b', version: '4' },
      ],
    ),
  },
  {
    spec: 'a stage from a declared stage by two aliases',
    fields: promotion(
      [pinned, { ...production, ...from({ alias: 'a' }) }],
      [
        { name: 'a', ...from({ alias: 'b' }) },
        { name: 'b', ...from({ stage: 'Staging' }) },
      ],
    ),
  },
];

describe('CEL in the CRD and our own rules agree on a ModelPromotion', () => {
  it.each(valid)('that is valid: $spec', ({ fields }) => {
    expect(verdicts('ModelPromotion', fields)).toEqual({ cel: [], rules: [] });
  });

  it.each(invalid)('that is not: $spec', ({ fields }) => {
    const { cel, rules } = verdicts('ModelPromotion', fields);
    expect(cel).not.toEqual([]);
    expect(rules).toHaveLength(1);
  });

  it.each(beyondCel)('which only the controller finds invalid: $spec', ({ fields }) => {
    const { cel, rules } = verdicts('ModelPromotion', fields);
    expect(cel).toEqual([]);
    expect(rules).not.toEqual([]);
  });
});

describe('CEL in the CRD and our own rules agree on a ModelRegistry', () => {
  const uri = 'https://mlflow.example.com/prefix';

  it.each([
    { spec: 'an address alone', fields: { uri } },
    {
      spec: 'a webhook with a secret of its own',
      fields: {
        uri,
        auth: { secretRef: { name: 'mlflow' } },
        webhook: { url: 'https://hooks.example.com/hooks/mlflow', secretRef: { name: 'hooks' } },
      },
    },
    { spec: 'both durations', fields: { uri, sweepInterval: '1m', limits: { requestTimeout: '1s' } } },
  ])('that is valid: $spec', ({ fields }) => {
    expect(verdicts('ModelRegistry', fields)).toEqual({ cel: [], rules: [] });
  });

  it.each([
    {
      spec: 'a webhook with the secret of the credentials',
      fields: {
        uri,
        auth: { secretRef: { name: 'mlflow' } },
        webhook: { url: 'https://hooks.example.com/hooks/mlflow', secretRef: { name: 'mlflow' } },
      },
    },
    { spec: 'a sweep below a second', fields: { uri, sweepInterval: '10ms' } },
    { spec: 'a timeout of a month', fields: { uri, limits: { requestTimeout: '720h' } } },
  ])('that is not: $spec', ({ fields }) => {
    const { cel, rules } = verdicts('ModelRegistry', fields);
    expect(cel).toHaveLength(1);
    expect(rules).toHaveLength(1);
  });
});
