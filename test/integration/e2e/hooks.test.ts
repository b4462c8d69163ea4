/** Signed hints through the built program: a push and a change by hand are seen at once, and nobody else is listened to. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { github, mlflowSigned, post } from '../../support/hooks.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
const secret = `canary-${randomUUID()}`;
/** Nothing is looked at again by itself while these tests run. */
const RARELY = ['--git-interval', '1h', '--sweep-interval', '1h'];
const HOOKED = [...RARELY, '--hook-secret', 'hooks', '--log-level', 'debug'];

const model = uniqueModel('hooked');
let place: Installation;
let daemon: Daemon;

const champion = (version: string) => ({
  'hooked.yaml': promotion('hooked', { model, aliases: [{ name: 'champion', version }] }),
});
const counted = (kind: string, result: string) =>
  daemon.metric(`modelpromotion_hints_total{kind="${kind}",result="${result}"}`);
const polls = async () => {
  const results = ['changed', 'unchanged', 'failed'];
  const series = results.map((result) => `modelpromotion_source_polls_total{result="${result}"}`);
  const values = await Promise.all(series.map((one) => daemon.metric(one)));
  return values.reduce((sum, value) => sum + value, 0);
};
const searches = () =>
  daemon.metric('modelpromotion_registry_requests_total{call="search-models",result="ok"}');
const gitHook = () => `${daemon.url}/hooks/git`;
const mlflowHook = () => `${daemon.url}/hooks/mlflow`;
const aliasEvent = (name: string) =>
  JSON.stringify({ entity: 'model_version_alias', action: 'created', data: { name, id: randomUUID() } });

beforeAll(async () => {
  await mlflow.seed(model, 4);
  place = await install();
  await place.writeSecret('hooks', { token: `${secret}\n` });
  await place.commit(champion('1'));
  daemon = await place.start(HOOKED);
  await daemon.settled('default/hooked', 'UpToDate');
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

// First of all: no look that a hint has caused is under way.
describe('a request that nobody signed', () => {
  it.each<[string, (body: string) => Record<string, string>, number]>([
    ['without a signature', () => ({}), 401],
    ['with a wrong one', (body) => ({ ...github(body, 'somebody else entirely') }), 401],
    ['with that of another body', () => ({ ...github('another', secret) }), 401],
    ['with the secret of nobody as token', () => ({ 'x-gitlab-token': 'x' }), 401],
    ["with MLflow's signature", (body) => ({ ...mlflowSigned(body, secret) }), 401],
  ])('%s is refused and does nothing', async (_, headers, status) => {
    const before = [await polls(), await counted('git', 'refused')];
    const body = randomUUID();
    expect(await post(gitHook(), body, headers(body))).toBe(status);
    expect([await polls(), await counted('git', 'refused')]).toEqual([before[0], (before[1] ?? 0) + 1]);
  });
});

describe('a push', () => {
  it('reaches the registry at once when its hint comes, and never without one', async () => {
    const commit = await place.commit(champion('2'));
    expect(await post(gitHook(), `{"after":"${commit}"}`, github(`{"after":"${commit}"}`, secret))).toBe(202);
    await daemon.settled('default/hooked', 'UpToDate', commit);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
    expect((await daemon.status()).source).toHaveProperty('lastHint');
  });

  it('is looked for once more after a look that many hints fell into, and no oftener', async () => {
    const before = await polls();
    const bodies = Array.from({ length: 12 }, () => randomUUID());
    const answers = await Promise.all(bodies.map((body) => post(gitHook(), body, github(body, secret))));
    expect(new Set(answers)).toEqual(new Set([202]));
    await eventually(async () => expect(await polls()).toBeGreaterThan(before));
    const commit = await place.commit(champion('1'));
    await post(gitHook(), commit, github(commit, secret));
    await daemon.read(commit);
    expect(await polls()).toBeLessThanOrEqual(before + 6);
  });
});

describe('a flood of requests that nobody signed', () => {
  it('keeps nobody out, however often it comes', async () => {
    const flood = Array.from({ length: 300 }, (_, index) =>
      post(gitHook(), `${index}`, github('x', 'y'.repeat(20))),
    );
    const body = randomUUID();
    await eventually(async () => expect(await post(gitHook(), body, github(body, secret))).not.toBe(429));
    expect(await counted('git', 'limited')).toBe(0);
    await Promise.all(flood);
  });
});

describe('what is no news', () => {
  it('is thanked for: the copy of a hint, the ping of GitHub, the example of MLflow', async () => {
    await eventually(async () => {
      const body = randomUUID();
      expect(await post(gitHook(), body, github(body, secret))).toBe(202);
      const before = await polls();
      expect(await post(gitHook(), body, github(body, secret))).toBe(200);
      expect(await polls()).toBeLessThanOrEqual(before + 1);
    });
    expect(await post(gitHook(), '{"zen":"x"}', github('{"zen":"x"}', secret, 'ping'))).toBe(200);
    const example = aliasEvent('example_model');
    expect(await post(mlflowHook(), example, mlflowSigned(example, secret))).toBe(200);
    expect(await counted('git', 'replayed')).toBeGreaterThanOrEqual(1);
    expect(await counted('git', 'ignored')).toBe(1);
    expect(await counted('mlflow', 'ignored')).toBe(1);
  });
});

describe('a change by hand in MLflow', () => {
  it('is put right at once when a hint names the model', async () => {
    const { champion: declared } = (await mlflow.state(model)).aliases;
    await mlflow.setAlias(model, 'champion', '4');
    const body = aliasEvent(model);
    expect(await post(mlflowHook(), body, mlflowSigned(body, secret))).toBe(202);
    await eventually(async () => expect((await mlflow.state(model)).aliases).toEqual({ champion: declared }));
  });

  it('is put right with the next sweep, which is then due, when a hint names none of our models', async () => {
    const { champion: declared } = (await mlflow.state(model)).aliases;
    await mlflow.setAlias(model, 'champion', '4');
    const body = aliasEvent(uniqueModel('foreign'));
    expect(await post(mlflowHook(), body, mlflowSigned(body, secret))).toBe(202);
    await eventually(async () => expect((await mlflow.state(model)).aliases).toEqual({ champion: declared }));
  });

  it('is looked for a few times at most when hundreds of hints come, and after the last of them for sure', async () => {
    const { champion: declared } = (await mlflow.state(model)).aliases;
    const before = await searches();
    const bodies = Array.from({ length: 300 }, () => aliasEvent(model));
    await Promise.all(bodies.map((body) => post(mlflowHook(), body, mlflowSigned(body, secret))));
    await mlflow.setAlias(model, 'champion', '4');
    const body = aliasEvent(model);
    await post(mlflowHook(), body, mlflowSigned(body, secret));
    await eventually(async () => expect((await mlflow.state(model)).aliases).toEqual({ champion: declared }));
    expect((await searches()) - before).toBeLessThan(100);
  });

  it.each([
    ['nothing', ''],
    ['a word', 'x'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['no data', '{"data":null}'],
    ['a name that is a number', '{"data":{"name":7}}'],
    ['endless nesting', '['.repeat(100_000)],
  ])('may be told in nonsense: %s does no harm when it is signed', async (_, nonsense) => {
    const body = `${nonsense}${' '.repeat(1 + Math.floor(Math.random() * 1_000))}`;
    expect(await post(mlflowHook(), body, mlflowSigned(body, secret))).toBe(202);
    expect((await fetch(`${daemon.url}/healthz`)).status).toBe(200);
  });
});

describe('the secret of the hooks', () => {
  it('is replaced without a gap and without a restart', async () => {
    const next = `canary-${randomUUID()}`;
    const answer = async (key: string) => {
      const body = aliasEvent(model);
      return post(mlflowHook(), body, mlflowSigned(body, key));
    };
    expect(await answer(next)).toBe(401);
    await place.writeSecret('hooks', { token: `${next}\n${secret}\n` });
    await eventually(async () => expect(await answer(next)).toBe(202));
    expect(await answer(secret)).toBe(202);
    await place.writeSecret('hooks', { token: next });
    await eventually(async () => expect(await answer(secret)).toBe(401));
    expect(await answer(next)).toBe(202);

    await place.writeSecret('hooks', { token: 'canary-short' });
    await eventually(async () => expect(await answer(next)).toBe(503));
    await daemon.logged('the secret of the hooks cannot be used; hints are refused');
    await place.writeSecret('hooks', { token: secret });
    await eventually(async () => expect(await answer(secret)).toBe(202));
    expect(daemon.output()).not.toMatch(/canary-/);
  });

  it('appears in nothing that the program says, nor do the bodies of hints', async () => {
    const said = [
      daemon.output(),
      JSON.stringify(await daemon.status()),
      await (await fetch(`${daemon.url}/metrics`)).text(),
    ].join('\n');
    expect(said).not.toContain(secret);
    expect(said).not.toContain('model_version_alias');
    await daemon.logged('hints were refused', { hook: 'git' });
  });
});

describe('without a secret', () => {
  it('there are no hooks', async () => {
    await using plain = await place.start(RARELY);
    for (const path of ['/hooks/git', '/hooks/mlflow']) {
      expect(await post(`${plain.url}${path}`, 'x', github('x', secret))).toBe(404);
      expect((await fetch(`${plain.url}${path}`)).status).toBe(404);
    }
  });

  it('the option says what is missing', async () => {
    const { code, stderr } = await modelpromotion(['run', '--source', 'folder', '--hook-secret', 'hooks']);
    expect(code).toBe(2);
    expect(stderr).toContain('--hook-secret: there is no --secrets-dir to read secret hooks from');
  });
});
