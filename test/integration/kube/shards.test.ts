/** Several operators that share the promotions of a cluster. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow } from '../../support/mlflow.ts';
import { type Daemon, eventually } from '../../support/program.ts';
import { inProduction, KubeWorld, mlflow, production, readyOf, transitionsOf } from './world.ts';

const COUNT = 3;

let world: KubeWorld;

beforeAll(async () => {
  world = await KubeWorld.open();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const aModel = (): Promise<string> => inProduction('shards');

function operatorOf(index: number): Promise<Daemon> {
  return world.operator(['--shard', `${index}/${COUNT}`]);
}

/** All of them, each leading its share. */
async function shards() {
  await using starting = new AsyncDisposableStack();
  const operators = await Promise.all(Array.from({ length: COUNT }, (_, index) => operatorOf(index)));
  for (const operator of operators) starting.use(operator);
  for (const operator of operators) await operator.logged('leading');
  const started = starting.move();
  return { operators, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** How many promotions of a namespace each of them says are its own. */
async function sharesOf(operators: readonly Daemon[], namespace: string): Promise<number[]> {
  const isThere = ({ metadata }: { metadata: { namespace: string } }): boolean =>
    metadata.namespace === namespace;
  const pages = await Promise.all(operators.map((operator) => operator.status()));
  return pages.map(({ promotions }) => promotions.filter(isThere).length);
}

describe('Operators that share the promotions', () => {
  it('do each of them once, and tell the status of each', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    const models = await Promise.all(Array.from({ length: 12 }, () => aModel()));
    await using started = await shards();
    for (const model of models) await world.promote(`${namespace}/${model}`, { model, ...production('2') });
    for (const model of models) await world.settled(`${namespace}/${model}`, 'UpToDate');
    for (const model of models) {
      expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Archived', 2: 'Production' } });
      expect(transitionsOf(proxy, model)).toEqual(['2']);
    }
    const shares = await sharesOf(started.operators, namespace);
    expect(shares.reduce((sum, one) => sum + one)).toBe(models.length);
    expect(Math.max(...shares)).toBeLessThan(models.length);
    await world.settled(`${namespace}/mlflow`, 'Reachable', 'modelregistry');
  });

  it('know every claim: of two promotions of a model the older one has its target, whatever its registry is called', async () => {
    const [namespace, other, model] = [await world.namespace(), await world.namespace(), await aModel()];
    await using _ = await shards();
    await world.promote(`${namespace}/first`, { model, ...production('2') });
    await world.settled(`${namespace}/first`, 'UpToDate');
    await world.promote(`${other}/second`, { model, ...production('3') });
    const { status } = await world.settled(`${other}/second`, 'Conflict');
    expect(JSON.stringify(status)).toContain(`${namespace}/first`);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
  });

  it('do not fight over a server that has two names, and two shards for them', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const [namespace, other] = [await world.namespace(), await world.namespace({ uri: proxy.url })];
    const models = await Promise.all([1, 2, 3, 4].map(() => aModel()));
    await using _ = await shards();
    for (const model of models) await world.promote(`${namespace}/${model}`, { model, ...production('2') });
    for (const model of models) await world.settled(`${namespace}/${model}`, 'UpToDate');
    for (const model of models) await world.promote(`${other}/${model}`, { model, ...production('3') });
    for (const model of models) {
      await world.settled(`${other}/${model}`, 'Conflict');
      await world.settled(`${namespace}/${model}`, 'UpToDate');
      expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
      expect(transitionsOf(proxy, model)).toEqual([]);
    }
  });

  it('go on one without the other: what is the share of one that died waits for it', async () => {
    const namespace = await world.namespace();
    const models = await Promise.all(Array.from({ length: 8 }, () => aModel()));
    await using started = await shards();
    for (const model of models) await world.promote(`${namespace}/${model}`, { model, ...production('2') });
    for (const model of models) await world.settled(`${namespace}/${model}`, 'UpToDate');
    const shares = await sharesOf(started.operators, namespace);
    const victim = shares.findIndex((share) => share > 0 && share < models.length);
    await started.operators[victim]?.stop('SIGKILL');
    for (const model of models) await world.promote(`${namespace}/${model}`, { model, ...production('3') });
    const isDone = async (model: string): Promise<boolean> =>
      (await mlflow.state(model)).stages['3'] === 'Production';
    const done = async (): Promise<number> => (await Promise.all(models.map(isDone))).filter(Boolean).length;
    await eventually(async () => expect(await done()).toBe(models.length - (shares[victim] ?? 0)));
    await using _ = await operatorOf(victim);
    for (const model of models) await world.settled(`${namespace}/${model}`, 'UpToDate');
    expect(await done()).toBe(models.length);
  });

  it('release what is deleted, and promote what is declared anew in its name for a model of another share', async () => {
    const namespace = await world.namespace();
    const models = await Promise.all([1, 2, 3, 4, 5].map(() => aModel()));
    const spec = { aliases: [{ name: 'champion', version: '2' }], deletionPolicy: 'Release' };
    await using started = await shards();
    for (const model of models) {
      await world.promote(`${namespace}/moving`, { model, ...spec });
      await world.settled(`${namespace}/moving`, 'UpToDate');
      expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
      await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'moving']);
      expect((await mlflow.state(model)).aliases).toEqual({});
    }
    for (const operator of started.operators) expect((await operator.stop()).code).toBe(0);
  });

  it('let go of what is deleted together with its registry', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    const spec = { aliases: [{ name: 'champion', version: '2' }], deletionPolicy: 'Release' };
    await using _ = await shards();
    for (const name of ['one', 'two', 'three']) {
      await world.promote(`${namespace}/${name}`, { model: await aModel(), ...spec });
      await world.settled(`${namespace}/${name}`, 'UpToDate');
    }
    await world.promote(`${namespace}/four`, { model, ...spec });
    await world.cluster.kubectl(['delete', 'modelregistry', '-n', namespace, 'mlflow']);
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, '--all', '--wait=false']);
    for (const name of ['one', 'two', 'three', 'four'])
      await eventually(async () => expect(await world.isThere(`${namespace}/${name}`)).toBe(false));
  });

  it('move what is declared for another server to whom it falls on, with its history', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const [namespace, models] = [
      await world.namespace(),
      await Promise.all([1, 2, 3, 4, 5, 6].map(() => aModel())),
    ];
    await using _ = await shards();
    for (const model of models) await world.promote(`${namespace}/${model}`, { model, ...production('2') });
    for (const model of models) await world.settled(`${namespace}/${model}`, 'UpToDate');
    const patch = JSON.stringify({ spec: { uri: proxy.url } });
    await world.cluster.kubectl([
      'patch',
      'modelregistry',
      '-n',
      namespace,
      'mlflow',
      '--type=merge',
      '-p',
      patch,
    ]);
    for (const model of models) await world.promote(`${namespace}/${model}`, { model, ...production('3') });
    for (const model of models) {
      const moved = await world.settled(`${namespace}/${model}`, 'UpToDate');
      expect(readyOf(moved)?.status).toBe('True');
      expect(moved.status?.history?.map(({ to }) => to)).toEqual(['3', '2']);
      expect(await mlflow.state(model)).toMatchObject({ stages: { 3: 'Production' } });
    }
  });
});
