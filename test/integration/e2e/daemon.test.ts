/** The daemon as a process: what probes and scrapers see, and how it starts and ends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion, startDaemon, type Daemon } from '../../support/program.ts';
import { openSilence } from './gateway.ts';
import { install, promotion, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
const model = uniqueModel('daemon');
let place: Installation;
let daemon: Daemon;

beforeAll(async () => {
  await mlflow.seed(model, 2);
  place = await install();
  await place.commit({
    'daemon.yaml': promotion('daemon', { model, aliases: [{ name: 'champion', version: '1' }] }),
  });
  daemon = await place.start();
  await daemon.settled('default/daemon', 'UpToDate');
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

const get = (path: string) => fetch(`${daemon.url}${path}`);

describe('the daemon', () => {
  it('answers probes, and says what else there is', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const nowhere = await get('/nowhere');
    expect(nowhere.status).toBe(404);
    expect(await nowhere.text()).toContain('/status');
    expect((await fetch(`${daemon.url}/status`, { method: 'POST' })).status).toBe(405);
  });

  it('counts what it does, with every label there from the beginning', async () => {
    const answer = await get('/metrics');
    expect(answer.headers.get('content-type')).toContain('version=0.0.4');
    const text = await answer.text();
    for (const series of [
      'modelpromotion_actions_total{kind="Transition",cause="Release"} 0',
      'modelpromotion_actions_total{kind="SetAlias",cause="Promotion"} 1',
      'modelpromotion_actions_total{kind="SetTag",cause="Drift"} 0',
      'modelpromotion_reconcile_total{result="stalled"} 0',
      'modelpromotion_registry_requests_total{call="set-alias",result="ok"} 1',
      'modelpromotion_registry_requests_total{call="transition",result="throttled"} 0',
      'modelpromotion_source_polls_total{result="failed"} 0',
      'modelpromotion_status_writes_total{result="failed"} 0',
      'modelpromotion_promotions{ready="True"} 1',
      'modelpromotion_promotions{ready="Suspended"} 0',
      'modelpromotion_registry_ready{registry="default"} 1',
      'modelpromotion_hints_total{kind="mlflow",result="limited"} 0',
      'modelpromotion_queue_depth 0',
    ]) {
      expect(text.split('\n')).toContain(series);
    }
    for (const line of text.split('\n').filter((line) => line.startsWith('modelpromotion_'))) {
      expect(text).toContain(`# TYPE ${line.replace(/(_bucket|_sum|_count)?[{ ].*/, '')} `);
    }
  });

  it('asks the registry for nothing but sweeps while there is nothing to do', async () => {
    const before = await calls();
    await daemon.sweeps(3);
    const after = await calls();
    const grown = [...after].filter(([series, value]) => value !== before.get(series));

    expect(new Set(grown.map(([series]) => /call="([^"]+)"/.exec(series)?.[1]))).toEqual(
      new Set(['search-models', 'search-versions']),
    );
  });

  it('says so when its port is taken, and exits with 1', async () => {
    const args = ['run', ...place.gitOptions(), '--listen', daemon.url.slice('http://'.length)];
    const { code, stderr } = await modelpromotion(args);
    expect(code).toBe(1);
    expect(stderr).toContain('the port is in use; choose another with --listen');
  });

  it('ends with 0 within seconds of SIGTERM and of SIGINT, also while it cannot reach anything', async () => {
    const bringBack = await place.hideRepository();
    await using lost = await place.start(['--registry-uri', 'http://127.0.0.1:9']);
    await lost.logged(
      'the status branch cannot be read; nothing is done before it is, for it tells drift from promotion',
    );
    const ended = [await lost.stop('SIGTERM'), await daemon.stop('SIGINT')];
    await bringBack();

    for (const { code, milliseconds } of ended) {
      expect(code).toBe(0);
      expect(milliseconds).toBeLessThan(5_000);
    }
    expect(daemon.log().at(-1)?.msg).toBe('stopped');
  });
});

describe('a daemon whose git server and registry never answer', () => {
  it('ends with 0 within seconds of SIGTERM, and does not take its own end for a failure', async () => {
    await using silent = await openSilence();
    const options = [
      '--source',
      'git',
      '--git-url',
      `${silent.url}/models.git`,
      '--registry-uri',
      silent.url,
    ];
    await using waiting = await startDaemon(options);
    await eventually(() => expect(silent.authorizations).not.toEqual([]));
    const { code, milliseconds } = await waiting.stop('SIGTERM');

    expect(code).toBe(0);
    expect(milliseconds).toBeLessThan(5_000);
    expect(waiting.log().map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      'info started',
      'info stopping: what has begun is finished',
      'info stopped',
    ]);
  });
});

async function calls(): Promise<Map<string, string>> {
  const lines = (await (await get('/metrics')).text()).split('\n');
  return new Map(
    lines
      .filter((line) => line.startsWith('modelpromotion_registry_requests_total{'))
      .map((line) => {
        const space = line.lastIndexOf(' ');
        return [line.slice(0, space), line.slice(space + 1)] as const;
      }),
  );
}
