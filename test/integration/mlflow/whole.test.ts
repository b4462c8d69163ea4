/** A registry read whole, and models and versions made in it, against a real MLflow. */
import { describe, expect, it } from 'vitest';
import type { NewVersion } from '../../../src/domain/copy.ts';
import { aVersion } from '../../support/builders.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { openRegistry, plain, soon } from './world.ts';

const mlflow = rest(sharedMlflow());

function aCopy(model: string, more: Partial<NewVersion> = {}): NewVersion {
  return {
    model,
    source: 's3://bucket/7',
    description: 'the seventh',
    tags: new Map([['modelpromotion.dev/copy-id', 'sha256:1']]),
    original: { model, version: aVersion('7') },
    ...more,
  };
}

describe('a registry', () => {
  it('is read whole with searches, whatever is managed', async () => {
    const model = uniqueModel('whole');
    await mlflow.seed(model, 2);
    await mlflow.transition(model, '2', 'Production');
    await mlflow.setAlias(model, 'champion', '1');
    const { registry, during } = openRegistry(sharedMlflow(), []);
    await registry.matching([], soon());
    let found: unknown;
    const calls = await during(async () => {
      found = plain((await registry.matching([], soon())).get(model));
    });
    // What others change meanwhile is read again, by its name.
    expect(calls).toEqual(expect.arrayContaining(['search-models ok', 'search-versions ok']));
    expect(found).toMatchObject({
      name: model,
      aliases: { champion: '1' },
      versions: { 1: { stage: 'None' }, 2: { stage: 'Production' } },
    });
  });

  it('is not read when it is away: that is an error, and no empty registry', async () => {
    const { registry } = openRegistry('http://127.0.0.1:9', []);
    await expect(registry.matching([], soon())).rejects.toThrow('127.0.0.1:9');
  });
});

describe('a model that is made', () => {
  it('has description and tags, and is no error when it is there already', async () => {
    const name = uniqueModel('made');
    const { registry } = openRegistry(sharedMlflow(), []);
    const described = { description: 'Churn', tags: new Map([['team', 'churn']]) };
    expect(await registry.describeModel(name, soon())).toBeUndefined();
    await registry.createModel(name, described, soon());
    await registry.createModel(name, { description: 'another', tags: new Map() }, soon());
    expect(await registry.describeModel(name, soon())).toEqual(described);
  });

  it('gets versions with tags in the same call, and tells where their artifacts are', async () => {
    const name = uniqueModel('made');
    await mlflow.createModel(name);
    const { registry } = openRegistry(sharedMlflow(), []);
    expect(await registry.createVersion(aCopy(name), soon())).toBe('1');
    expect(await mlflow.version(name, '1')).toMatchObject({
      source: 's3://bucket/7',
      description: 'the seventh',
    });
    expect(await mlflow.versionTags(name, '1')).toEqual({ 'modelpromotion.dev/copy-id': 'sha256:1' });
    expect(await registry.location(name, '1', soon())).toBe('s3://bucket/7');
  });

  it('refuses a version of a run that is not named, for good', async () => {
    const name = uniqueModel('made');
    await mlflow.createModel(name);
    const { registry } = openRegistry(sharedMlflow(), []);
    const refused = registry.createVersion(aCopy(name, { source: 'runs:/1/model' }), soon());
    await expect(refused).rejects.toMatchObject({ reason: 'RegistryRefused', ambiguous: false });
    await expect(registry.createVersion(aCopy(uniqueModel('gone')), soon())).rejects.toMatchObject({
      reason: 'RegistryRefused',
    });
  });
});
