/** A registry as manifests: what they say, what is left out, and that they plan to nothing. */
import { describe, expect, it } from 'vitest';
import { parseFile } from '../../../src/api/documents.ts';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { manifestText } from '../../../src/cli/render/export.ts';
import { toPromotion } from '../../../src/domain/desired.ts';
import { exportRegistry, type Export, type ExportOptions } from '../../../src/domain/export.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import { planPromotion } from '../../../src/domain/plan.ts';
import { ownerTag } from '../../../src/domain/provenance.ts';
import { aContext, aModel, known, unavailable, type ModelSpec } from '../../support/builders.ts';

const options: ExportOptions = { namespace: 'ml', registry: 'default', installation: 'default' };

function exportOf(models: readonly Model[], more: Partial<ExportOptions> = {}): Export {
  const facts = new Map(models.map((model) => [model.name, known(model)]));
  return exportRegistry(facts, { ...options, ...more });
}

function exported(models: readonly ModelSpec[], more: Partial<ExportOptions> = {}): Export {
  return exportOf(models.map(aModel), more);
}

const specsOf = ({ documents }: Export) => documents.map(({ manifest }) => manifest.spec);

describe('a model as a manifest', () => {
  it('declares who holds Production, Staging and the aliases, and nothing that goes without saying', () => {
    const model = {
      name: 'Customer_Churn',
      versions: { 1: 'Archived', 3: 'Production', 4: 'Staging', 5: 'None' },
      aliases: { champion: '3', challenger: '5' },
    } as const;
    expect(exported([model]).documents.map(manifestText)).toEqual([
      [
        'apiVersion: modelpromotion.dev/v1alpha1',
        'kind: ModelPromotion',
        'metadata:',
        '  name: customer-churn',
        '  namespace: ml',
        'spec:',
        '  model: Customer_Churn',
        '  stages:',
        '    - name: Production',
        '      version: "3"',
        '    - name: Staging',
        '      version: "4"',
        '  aliases:',
        '    - name: challenger',
        '      version: "5"',
        '    - name: champion',
        '      version: "3"',
        '',
      ].join('\n'),
    ]);
  });

  it('names the registry where that is not the default', () => {
    const model = { versions: { 1: 'Production' } } as const;
    expect(specsOf(exported([model], { registry: 'mlflow' }))).toMatchObject([
      { registryRef: { name: 'mlflow' } },
    ]);
  });

  it('keeps the highest of several that share a stage, archives nobody, and says so', () => {
    const { documents } = exported([{ versions: { 3: 'Production', 12: 'Production', 4: 'None' } }]);
    const [document] = documents;
    expect(document?.manifest.spec.stages).toEqual([
      { name: 'Production', version: '12', archiveExisting: false },
    ]);
    expect(document && manifestText(document)).toMatch(
      /^# Production is held by versions 12, 3; .*\napiVersion/,
    );
  });

  it('keeps the highest that is ready', () => {
    const versions = {
      3: 'Production',
      4: { stage: 'Production', status: 'FAILED_REGISTRATION' },
    } as const;
    expect(specsOf(exported([{ versions }]))).toMatchObject([{ stages: [{ version: '3' }] }]);
  });

  it('gives a model with more aliases than one promotion may hold several', () => {
    const aliases = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`a${index}`, '1']));
    const result = exported([{ name: 'big', versions: { 1: 'Production' }, aliases }]);
    expect(result.documents.map(({ manifest }) => manifest.metadata.name)).toEqual(['big', 'big-2', 'big-3']);
    expect(specsOf(result).map(({ stages, aliases }) => [stages?.length, aliases?.length])).toEqual([
      [1, 50],
      [undefined, 50],
      [undefined, 20],
    ]);
  });
});

describe('what is left out', () => {
  const reasonsOf = (model: ModelSpec) => exported([model]).leftOut.map(({ message }) => message);

  it('is a model that holds nothing, or is a prompt', () => {
    const result = exported([
      { name: 'bare', versions: { 1: 'None', 2: 'Archived' } },
      { name: 'empty' },
      { name: 'prompt', tags: { 'mlflow.prompt.is_prompt': 'true' }, aliases: { live: '1' } },
    ]);
    expect(result).toMatchObject({ documents: [], leftOut: [], bare: ['bare', 'empty', 'prompt'] });
  });

  it.each<[string, ModelSpec, string]>([
    ['an alias that MLflow reserves', { versions: { 1: 'None' }, aliases: { Latest: '1' } }, '@Latest'],
    ['an alias that our rules refuse', { versions: { 1: 'None' }, aliases: { 'a b': '1' } }, '@a b'],
    ['an alias that points at nothing', { versions: {}, aliases: { champion: '3' } }, 'which does not exist'],
    [
      'a version that is not ready',
      { versions: { 2: { stage: 'Staging', status: 'PENDING_REGISTRATION' } } },
      'Staging is held by version 2, whose status is PENDING_REGISTRATION',
    ],
    ['a model with a slash', { name: 'a/b', versions: { 1: 'Production' } }, '"a/b" is not'],
    ['a model called ..', { name: '..', versions: { 1: 'Production' } }, '".."'],
    ['a model with a control', { name: 'a\u0007', versions: { 1: 'Production' } }, 'characters'],
    [
      'a stage of another installation',
      { versions: { 1: 'Production' }, tags: { [ownerTag('stage/Production')]: 'prod/ml/churn' } },
      'Production is managed by prod/ml/churn already',
    ],
  ])('is %s, and said', (_, model, reason) => {
    expect(exported([model]).documents).toEqual([]);
    expect(reasonsOf(model)).toEqual([expect.stringContaining(reason)]);
  });

  it('is only what has to be: the rest of the model is exported', () => {
    const model = { versions: { 1: 'Production' }, aliases: { v1: '1', good: '1', gone: '9' } } as const;
    const result = exported([model]);
    expect(specsOf(result)).toEqual([
      {
        model: 'churn',
        stages: [{ name: 'Production', version: '1' }],
        aliases: [{ name: 'good', version: '1' }],
      },
    ]);
    expect(result.leftOut).toHaveLength(2);
  });

  it('is what could not be read', () => {
    const facts = new Map<string, Fact<Model>>([['churn', unavailable]]);
    expect(exportRegistry(facts, options)).toMatchObject({
      documents: [],
      leftOut: [{ model: 'churn', message: 'the registry answered 503' }],
    });
  });
});

describe('an export', () => {
  it('tells which models our own installation manages already', () => {
    const tags = { [ownerTag('alias/champion')]: 'default/ml/churn' };
    const result = exported([{ versions: { 1: 'None' }, aliases: { champion: '1' }, tags }]);
    expect(result.managed).toEqual(['churn']);
    expect(result.documents).toHaveLength(1);
  });

  const odd = [
    'on',
    '1e3',
    'null',
    ' leading',
    "it's",
    'say "x"',
    '# no comment',
    '- dash',
    'a: b',
    '価格',
    '2026-01-01',
    '{}',
    '~',
    'true',
    'multi\nline',
    '\ttab',
    "'",
  ];

  it.each(odd.filter((name) => !name.includes(':')))(
    'of model %j is read back as it was, and plans to nothing',
    (name) => {
      const model = aModel({
        name,
        versions: { 3: 'Production', 12: 'Production', 4: { stage: 'Staging' } },
        aliases: { champion: '3', on: '4', '1': '12', null: '12' },
      });
      const [document] = exportOf([model]).documents;
      const { problems, declarations } = parseFile(
        'a.yaml',
        new TextEncoder().encode(document && manifestText(document)),
      );
      expect(problems).toEqual([]);
      const object = declarations[0]?.object as ModelPromotion;
      expect(object.spec.model).toBe(name);
      expect(object.spec.aliases).toHaveLength(4);
      const promotion = toPromotion(object, { uid: 'u', generation: 1, revision: 'r' });
      expect(planPromotion(promotion, known(model), aContext()).kind).toBe('UpToDate');
    },
  );
});
