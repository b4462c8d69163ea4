import { describe, expect, it } from 'vitest';
import { KeyedMutex } from '../../../src/runtime/limiter.ts';
import type { Action } from '../../../src/domain/action.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { openRegistry, plain, soon, sweptRegistry, write } from './world.ts';

const mlflow = rest(sharedMlflow());

async function seeded(): Promise<string> {
  const name = uniqueModel();
  await mlflow.createModel(name);
  await mlflow.createVersion(name, { description: 'first', tags: { kept: 'yes' } });
  await mlflow.createVersion(name, { description: 'second', tags: { kept: 'yes' } });
  await mlflow.transition(name, '1', 'Production');
  await mlflow.setAlias(name, 'old', '1');
  return name;
}

const BEFORE = {
  tags: {},
  aliases: { old: '1' },
  versions: {
    1: { stage: 'Production', description: 'first', tags: { kept: 'yes' } },
    2: { stage: 'None', description: 'second', tags: { kept: 'yes' } },
  },
};

function changed(versions: Readonly<Record<string, object>>, more: object = {}): Record<string, unknown> {
  const merged = Object.entries(BEFORE.versions).map(([number, version]) => [
    number,
    { ...version, ...versions[number] },
  ]);
  return { ...BEFORE, ...more, versions: Object.fromEntries(merged) };
}

describe('a write', () => {
  it.each<[string, Action, string, object]>([
    [
      'moves a version and archives the others in one request',
      write.transition('2', 'Production', true),
      'transition',
      changed({ 1: { stage: 'Archived' }, 2: { stage: 'Production' } }),
    ],
    [
      'moves a version beside the others',
      write.transition('2', 'Production'),
      'transition',
      changed({ 2: { stage: 'Production' } }),
    ],
    ['takes a stage away', write.transition('1', 'None'), 'transition', changed({ 1: { stage: 'None' } })],
    ['archives', write.transition('1', 'Archived'), 'transition', changed({ 1: { stage: 'Archived' } })],
    [
      'sets an alias',
      write.setAlias('new', '2'),
      'set-alias',
      changed({}, { aliases: { old: '1', new: '2' } }),
    ],
    ['moves an alias', write.setAlias('old', '2'), 'set-alias', changed({}, { aliases: { old: '2' } })],
    ['deletes an alias', write.deleteAlias('old', '1'), 'delete-alias', changed({}, { aliases: {} })],
    [
      'sets a tag',
      write.setTag('2', 'a/b c.d-e:f', 'ünï\n"code"'),
      'set-version-tag',
      changed({ 2: { tags: { kept: 'yes', 'a/b c.d-e:f': 'ünï\n"code"' } } }),
    ],
    [
      'empties a tag',
      write.setTag('2', 'kept', ''),
      'set-version-tag',
      changed({ 2: { tags: { kept: '' } } }),
    ],
    [
      'describes',
      write.describe('2', 'new words'),
      'set-description',
      changed({ 2: { description: 'new words' } }),
    ],
    [
      'takes a description away',
      write.describe('2', ''),
      'set-description',
      changed({ 2: { description: '' } }),
    ],
  ])('%s, and nothing else', async (_what, action, call, expected) => {
    const name = await seeded();
    const { registry, during } = await sweptRegistry(sharedMlflow(), [name]);
    expect(await during(() => registry.write(name, action, soon()))).toEqual([`${call} ok`]);
    expect(plain(await registry.read(name, soon()))).toEqual({ name, ...expected });
    expect(plain(registry.snapshot(name))).toEqual({ name, ...expected });
  });

  it.each<[string, Action, string]>([
    ['a version that does not exist', write.transition('9', 'Production', true), 'not found'],
    ['an alias to a version that does not exist', write.setAlias('new', '9'), 'not found'],
    ['an alias that MLflow reserves', write.setAlias('v3', '1'), 'reserved'],
    ['archiving others for Archived', write.transition('1', 'Archived', true), 'cannot archive existing'],
  ])('to %s is refused in the words of the server, and not sent again', async (_what, action, words) => {
    const name = await seeded();
    const { registry, during } = await sweptRegistry(sharedMlflow(), [name]);
    const calls = await during(async () => {
      await expect(registry.write(name, action, soon())).rejects.toMatchObject({
        name: 'WriteError',
        reason: 'RegistryRefused',
        message: expect.stringContaining(words),
      });
    });
    expect(calls).toHaveLength(1);
    expect(plain(await registry.read(name, soon()))).toEqual({ name, ...BEFORE });
  });

  it('answered by "not found" is to be read before it is believed: a lagging replica says so too', async () => {
    const name = await seeded();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    const given = registry.write(name, write.setAlias('new', '9'), soon());
    await expect(given).rejects.toMatchObject({ ambiguous: true });
    const refused = registry.write(name, write.setAlias('v3', '1'), soon());
    await expect(refused).rejects.toMatchObject({ ambiguous: false });
  });

  it('whose waiting was ended says so, and nothing of the registry', async () => {
    const name = await seeded();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    const given = registry.write(name, write.setAlias('new', '2'), AbortSignal.abort(new Error('stopping')));
    await expect(given).rejects.toThrow('stopping');
  });
});

describe('a mark', () => {
  it('goes on a version, on the model, and off the model again', async () => {
    const name = await seeded();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    await registry.mark(
      name,
      { version: '2', key: 'modelpromotion.dev/applied', value: '{"by":"us"}' },
      soon(),
    );
    const owner = { version: undefined, key: 'modelpromotion.dev/owner/stage/Production' };
    await registry.mark(name, { ...owner, value: 'here/ns/name' }, soon());
    expect(plain(await registry.read(name, soon()))).toEqual({
      name,
      ...changed(
        { 2: { tags: { kept: 'yes', 'modelpromotion.dev/applied': '{"by":"us"}' } } },
        { tags: { 'modelpromotion.dev/owner/stage/Production': 'here/ns/name' } },
      ),
    });
    await registry.mark(name, { ...owner, value: '' }, soon());
    expect(plain(await registry.read(name, soon()))).toMatchObject({ tags: {} });
  });

  it('that cannot be left is an error of a write', async () => {
    const name = await seeded();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    const given = registry.mark(name, { version: '2', key: 'not,a,key', value: 'x' }, soon());
    await expect(given).rejects.toMatchObject({ name: 'WriteError', reason: 'RegistryRefused' });
  });
});

describe('the writers of one model', () => {
  it('take turns, also through two registries that lead to one server', async () => {
    const writers = new KeyedMutex();
    const { registry: one } = openRegistry(sharedMlflow(), [], { writers });
    const { registry: other } = openRegistry(sharedMlflow(), [], { writers });
    const log: string[] = [];
    const work = (who: string) => async (): Promise<void> => {
      log.push(`${who} in`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push(`${who} out`);
    };
    await Promise.all([
      one.exclusive('m', work('a')),
      other.exclusive('m', work('b')),
      one.exclusive('m', work('c')),
      one.exclusive('n', work('-')),
    ]);
    expect(log.filter((line) => !line.startsWith('-'))).toEqual([
      'a in',
      'a out',
      'b in',
      'b out',
      'c in',
      'c out',
    ]);
    expect(log.indexOf('- in')).toBeLessThan(log.indexOf('a out'));
  });
});

describe('a registry that was closed', () => {
  it('lets a write under way end, and answers everything else at once', async () => {
    const name = await seeded();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    const written = registry.write(name, write.setAlias('new', '2'), soon());
    await new Promise((resolve) => setImmediate(resolve));
    const closed = registry.close();
    await expect(written).resolves.toBeUndefined();
    await closed;
    expect(await registry.read(name, soon())).toMatchObject({
      kind: 'unknown',
      reason: 'RegistryUnavailable',
    });
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure?.message).toBe('the connection to the registry was closed');
    await expect(registry.write(name, write.setAlias('new', '1'), soon())).rejects.toMatchObject({
      name: 'WriteError',
      ambiguous: false,
    });
  });
});
