/** Reading models by their names, all that match: no page may lose a row, whatever happens while they are read. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, meanwhile, startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import type { PageSizes } from '../../../src/adapters/mlflow/client.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { openRegistry, soon } from './world.ts';

const mlflow = rest(sharedMlflow());
const TINY = { models: 2, versions: 2, recent: 5 };
let proxy: FaultProxy;
beforeEach(async () => {
  proxy = await startFaultProxy(sharedMlflow());
});
afterEach(() => proxy[Symbol.asyncDispose]());

/** Models `…-a`, `…-b` and so on, two versions each, and what they have in common. */
async function letters(count = 5): Promise<{ prefix: string; names: string[] }> {
  const prefix = uniqueModel('letters');
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${'abcdefghij'[index]}`);
  for (const name of names) await mlflow.seed(name, 2);
  return { prefix, names };
}

const matching = (...patterns: string[]) => namesOf(patterns, TINY);

async function namesOf(patterns: readonly string[], pages?: PageSizes): Promise<Record<string, unknown>> {
  const { registry } = openRegistry(proxy.url, [], pages === undefined ? {} : { pages });
  const models = await registry.matching(patterns, soon());
  return Object.fromEntries(
    [...models].map(([name, fact]) => [
      name,
      fact.kind === 'known' ? [...fact.value.versions.keys()] : fact.kind,
    ]),
  );
}

const two = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, ['1', '2']]));

it('finds what matches, and nothing else', async () => {
  const { prefix, names } = await letters();
  const [a = '', , c = ''] = names;
  expect(await matching(`${prefix}-*`)).toEqual(two(names));
  expect(await matching(a, `${prefix}-c`, `${prefix}-z`)).toEqual(two([a, c]));
  expect(await matching(`*${prefix.slice(8)}-c`, a)).toEqual(two([a, c]));
  expect(await matching(`${prefix.toUpperCase()}-*`)).toEqual({});
});

it('finds everything where nothing is asked for', async () => {
  const { names } = await letters();
  expect(await namesOf([])).toMatchObject(two(names));
});

it.each([`it's`, `"quoted"`, `it's "both"`, 'per%cent', 'under_score', 'back\\slash', '[a-z]', 'ünï😀'])(
  'finds a model called %s by its name and by a pattern',
  async (odd) => {
    const name = `${odd} ${uniqueModel('odd')}`;
    await mlflow.seed(name, 1);
    const neighbour = name.replaceAll(/['"%_\\[]/g, 'x');
    if (neighbour !== name) await mlflow.seed(neighbour, 1);
    expect(await matching(name)).toEqual({ [name]: ['1'] });
    expect(await matching(`${name.slice(0, -3)}*`)).toEqual({ [name]: ['1'] });
  },
);

describe('rows that move while pages are read', () => {
  const laterPage = (search: string) => new RegExp(`${search}.*page_token`);

  it.each([
    ['a model', /registered-models\/search.*LIKE.*page_token/],
    ['the versions of a model', laterPage('model-versions/search')],
  ])('are found all the same when %s that was read already is deleted', async (_, path) => {
    const { prefix, names } = await letters();
    const [first = '', ...others] = names;
    proxy.on(
      { path, times: 1 },
      meanwhile(() => mlflow.deleteModel(first)),
    );
    const found = await matching(`${prefix}-*`);
    expect(found).toMatchObject(two(others));
    expect(Object.keys(found).filter((name) => !others.includes(name))).toEqual(
      found[first] === undefined ? [] : [first],
    );
  });

  it('are found all the same when single versions are deleted', async () => {
    const { prefix, names } = await letters();
    const [first = '', ...others] = names;
    proxy.on(
      { path: laterPage('model-versions/search'), times: 1 },
      meanwhile(() => mlflow.deleteVersion(first, '1')),
    );
    expect(await matching(`${prefix}-*`)).toMatchObject(two(others));
  });

  it('are there once when a model comes in before them', async () => {
    const { prefix, names } = await letters();
    proxy.on(
      { path: laterPage('search'), times: 1 },
      meanwhile(() => mlflow.seed(`${prefix}-0`, 1)),
    );
    expect(await matching(`${prefix}-*`)).toMatchObject(two(names));
  });
});

it('leaves prompts out', async () => {
  const name = uniqueModel('prompt');
  const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
  await mlflow.call('POST', 'registered-models/create', { name, tags });
  await mlflow.createVersion(name);
  expect(await matching(`${name}*`)).toEqual({});
});

it('fails when a page cannot be read', async () => {
  const { prefix } = await letters(3);
  proxy.on({ path: /model-versions\/search.*page_token/ }, answer(503, 'busy'));
  await expect(matching(`${prefix}-*`)).rejects.toThrow('busy');
});
