/** Whatever a registry answers, and whatever somebody wrote into it. */
import * as fc from 'fast-check';
import { RegistryError } from '../../../src/adapters/mlflow/errors.ts';
import {
  parseJson,
  readModel,
  readModelPage,
  readServerInfo,
  readServerVersion,
  readVersion,
  readVersionPage,
  toModel,
  toVersion,
} from '../../../src/adapters/mlflow/wire.ts';
import { PROVENANCE_TAG, provenanceOf, recordsFromMarks } from '../../../src/domain/provenance.ts';
import { aModel } from '../../support/builders.ts';
import { ensure, ensurePrintable, fuzz, type Fuzz } from '../fuzz.ts';

const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e300,
    '',
    '3',
    'Production',
    'READY',
    'None',
    '__proto__',
    '\ud800',
    'NaN',
  ),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const key = fc.oneof(
  fc.constantFrom(
    'name',
    'version',
    'key',
    'value',
    'alias',
    'tags',
    'aliases',
    'current_stage',
    'latest_versions',
    'creation_timestamp',
    '__proto__',
    'constructor',
    'toString',
    'length',
  ),
  fc.string({ maxLength: 6 }),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 3, arbitrary: fc.dictionary(key, tie('value'), { maxKeys: 6 }) },
  ),
}));
const good = {
  name: 'churn',
  version: '3',
  tags: [{ key: 'a', value: 'b' }],
  aliases: [{ alias: 'champion', version: '3' }],
  latest_versions: [{ version: '3' }],
};
/** One field of a good answer is another one. */
const nearlyGood = fc.tuple(key, value).map(([field, odd]) => ({ ...good, [field]: odd }));
const item = fc.oneof(nearlyGood, value);
const answer = fc.oneof(
  value,
  item.map((registered_model) => ({ registered_model })),
  item.map((model_version) => ({ model_version })),
  fc.record(
    { registered_models: fc.array(item, { maxLength: 3 }), next_page_token: scalar },
    { requiredKeys: [] },
  ),
  fc.record(
    { model_versions: fc.array(item, { maxLength: 3 }), next_page_token: scalar },
    { requiredKeys: [] },
  ),
  fc.record({ workspaces_enabled: scalar }),
);

const readers: readonly ((json: unknown) => void)[] = [
  (json) => void toModel(readModel(json), []),
  (json) => void toModel({ name: 'churn' }, [toVersion(readVersion(json))]),
  (json) => void readModelPage(json).items.map((model) => toModel(model, [])),
  (json) => void toModel({ name: 'churn' }, readVersionPage(json).items.map(toVersion)),
  (json) => void readServerInfo(json),
];

const body = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('<html>\u{1b}[2J</html>', '3.17.2', '{"a":', 'null', '\u{feff}{}'),
  fc.nat(400).map((length) => '<'.repeat(length)),
);

const markText = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc
    .record(
      { by: scalar, targets: value, revision: scalar, digest: scalar, at: scalar },
      { requiredKeys: [] },
    )
    .map((mark) => JSON.stringify(mark)),
  fc.constantFrom(
    '',
    'null',
    '[]',
    '{}',
    '[[[[',
    '{"by":"main/ml/churn","targets":["stage/Production","alias/x"],"revision":"","digest":"","at":"2026-01-01T00:00:00Z"}',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

export const registry: readonly Fuzz[] = [
  fuzz('any answer of a registry is a value or a RegistryError', {
    weight: 8,
    short: 1_000,
    input: answer,
    holds: (json) => {
      // As it comes over the wire, since checking drops fields in place.
      for (const read of readers) onlyRegistryError(() => read(JSON.parse(JSON.stringify(json) ?? 'null')));
    },
  }),
  fuzz('an answer that is no JSON is told in a printable sentence', {
    weight: 2,
    short: 300,
    input: fc.record({ body, contentType: fc.constantFrom('', 'text/html', 'application/json') }),
    holds: (answer) => {
      onlyRegistryError(() => parseJson(answer));
      onlyRegistryError(() => readServerVersion(answer));
    },
  }),
  fuzz('a provenance tag that anybody wrote is a mark or nothing', {
    weight: 3,
    short: 500,
    input: fc.array(markText, { minLength: 1, maxLength: 4 }),
    holds: (texts) => {
      const versions = Object.fromEntries(
        texts.map((text, index) => [index + 1, { tags: { [PROVENANCE_TAG]: text } }]),
      );
      const model = aModel({ versions });
      for (const version of model.versions.values()) {
        const mark = provenanceOf(version);
        ensure(
          mark === undefined || mark.targets.every((target) => typeof target === 'string'),
          'no mark',
          mark,
        );
      }
      recordsFromMarks(model, 'main/ml/churn');
    },
  }),
];

function onlyRegistryError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    ensurePrintable(error.message, 2_000);
  }
}
