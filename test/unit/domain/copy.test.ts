/** Which version is copied, and what a copy says of itself. */
import { describe, expect, it } from 'vitest';
import {
  copiedFrom,
  copyIdText,
  newVersion,
  parseVersionReference,
  selectReferenced,
  unreachableFrom,
} from '../../../src/domain/copy.ts';
import { aModel, aVersion } from '../../support/builders.ts';

describe('the name of a version', () => {
  it.each([
    ['churn/3', { model: 'churn', at: { kind: 'version', version: '3' } }],
    ['churn/Production', { model: 'churn', at: { kind: 'stage', stage: 'Production' } }],
    ['churn@champion', { model: 'churn', at: { kind: 'alias', alias: 'champion' } }],
    ['a@b@champion', { model: 'a@b', at: { kind: 'alias', alias: 'champion' } }],
    ['a@b/3', { model: 'a@b', at: { kind: 'version', version: '3' } }],
    ['my model', { model: 'my model', at: { kind: 'newest' } }],
  ])('%s', (text, reference) => {
    expect(parseVersionReference(text)).toEqual(reference);
  });

  it.each(['', '/3', 'a/b/3', 'churn/', 'churn/0', 'churn/03', 'churn/None', '@champion', 'churn@'])(
    'is not %j',
    (text) => {
      expect(parseVersionReference(text)).toBeUndefined();
    },
  );
});

describe('the version that is meant', () => {
  const model = aModel({
    versions: {
      2: 'Production',
      9: 'None',
      10: 'None',
      11: { status: 'PENDING_REGISTRATION' },
    },
    aliases: { champion: '9', gone: '7', early: '11' },
  });
  const found = (text: string) => {
    const reference = parseVersionReference(text);
    const selected = reference && selectReferenced(reference, model);
    return selected && 'version' in selected ? selected.version.version : selected?.refusal;
  };

  it.each([
    ['churn', '10'],
    ['churn/2', '2'],
    ['churn/Production', '2'],
    ['churn@champion', '9'],
    ['churn@gone', '"churn" has no version at @gone'],
    ['churn/Staging', '"churn" has no version in Staging'],
    ['churn/99', '"churn" has no version 99'],
    ['churn@early', 'version 11 is not ready: its status is PENDING_REGISTRATION'],
  ])('by %s is %s', (text, version) => {
    expect(found(text)).toBe(version);
  });
});

describe('a source that another server can read', () => {
  it.each(['s3://bucket/a', 'gs://b/a', 'abfss://c@a.dfs.core.windows.net/m', 'dbfs:/m', 'hdfs://h/m'])(
    'is %s',
    (source) => {
      expect(unreachableFrom(source)).toBeUndefined();
    },
  );

  it.each([
    'runs:/1/model',
    'models:/m-1',
    'models:/churn/3',
    'mlflow-artifacts:/1/a',
    '/srv/m',
    './m',
    'file:///m',
    'https://h/m',
    '',
  ])('is not %j', (source) => {
    expect(unreachableFrom(source)).toEqual(expect.any(String));
  });
});

describe('a copy', () => {
  const version = aVersion('7', {
    source: 's3://bucket/7',
    description: 'the seventh',
    tags: { ticket: 'T-1', 'modelpromotion.dev/applied': '{}', 'mlflow.prompt.text': 'no' },
  });
  const original = { model: 'churn', version };
  const copy = newVersion(original, {
    model: 'prod.churn',
    source: version.source,
    uri: 'http://dev',
    id: 'sha256:1',
  });

  it('has description and tags of the original, without those that would not be true of it', () => {
    expect(copy).toMatchObject({ model: 'prod.churn', source: 's3://bucket/7', description: 'the seventh' });
    expect(Object.fromEntries(copy.tags)).toEqual({
      ticket: 'T-1',
      'modelpromotion.dev/copy-id': 'sha256:1',
      'modelpromotion.dev/copied-from':
        '{"registry":"http://dev","model":"churn","version":"7","runId":"run-7","source":"s3://bucket/7"}',
    });
    expect(copiedFrom({ ...version, tags: copy.tags })).toMatchObject({ model: 'churn', version: '7' });
  });

  it('tells nobody the user name and password in a source', () => {
    const secret = { ...version, source: 's3://user:pa1ss@bucket/7' };
    const { tags } = newVersion(
      { model: 'churn', version: secret },
      { model: 'churn', source: secret.source, uri: 'http://dev', id: 'sha256:1' },
    );
    expect(JSON.stringify([...tags])).not.toContain('pa1ss');
  });

  it('has another id when it is of another version, be it one that was made anew under the number', () => {
    const again = { ...version, creationTimestamp: version.creationTimestamp + 1 };
    const texts = [original, { ...original, model: 'Churn' }, { ...original, version: again }].map(
      copyIdText,
    );
    expect(new Set(texts).size).toBe(3);
    expect(copyIdText({ ...original, version: { ...version, stage: 'Archived' } })).toBe(texts[0]);
  });

  it.each(['', '1', 'null', '{"registry":1}', '{', '[]'])('is not what a tag %j says', (text) => {
    const tags = new Map([['modelpromotion.dev/copied-from', text]]);
    expect(copiedFrom({ ...version, tags })).toBeUndefined();
  });
});
