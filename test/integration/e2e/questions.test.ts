/** `search` and `compare` as people and pipelines run them. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mountDisk } from '../../support/disk.ts';
import { answer, startFaultProxy } from '../../support/fault-proxy.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { modelpromotion } from '../../support/program.ts';
import { tracking } from '../../support/tracking.ts';

const mlflow = rest(sharedMlflow());
const { createExperiment, createRun, logModel } = bound(tracking(mlflow));
const NODE = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));

function bound(calls: ReturnType<typeof tracking>) {
  return {
    createExperiment: () => calls.createExperiment(),
    createRun: (spec: Parameters<typeof calls.createRun>[0]) => calls.createRun(spec),
    logModel: (experiment: string, run: string) => calls.logModel(experiment, run),
  };
}

const ask = async (...args: string[]) => {
  const { stderr, ...rest } = await modelpromotion([...args, '--registry-uri', sharedMlflow()]);
  return { ...rest, stderr: withoutProgress(stderr) };
};
/** On a machine that is busy everything takes more than a second, and that is told. */
const withoutProgress = (stderr: string) => stderr.replaceAll('Reading the registry…\n', '');
const shell = (script: string) =>
  promisify(execFile)('bash', ['--norc', '-o', 'pipefail', '-c', script], {
    env: { PATH: process.env['PATH'] ?? '', NODE, PROGRAM, MLFLOW_TRACKING_URI: sharedMlflow() },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr: withoutProgress(stderr) }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr: withoutProgress(stderr),
    }),
  );

/** Two models: `…-churn` with three versions and runs, `…-fraud` with one and a run that was deleted. */
const team = uniqueModel('team');
const [churn, fraud, empty] = [`${team}-churn`, `${team}-fraud`, `${team}-none`];
const runs: string[] = [];

const folder = await temporaryFolder();
/** Undefined where a test may not mount one. */
const disk = await mountDisk(join(folder.path, 'disk'), '4k');
afterAll(async () => {
  await disk?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

beforeAll(async () => {
  const experiment = await createExperiment();
  const signature = JSON.stringify([
    {
      artifact_path: 'model',
      signature: { inputs: '[{"name":"age","type":"long","required":true}]', outputs: null, params: null },
    },
  ]);
  const specs = [
    { metrics: { accuracy: 0.91, loss: 0.3, churn_cost: 7 }, params: { depth: '5', trees: '100' } },
    { metrics: { accuracy: 0.93, loss: 0.35, churn_cost: 5 }, params: { depth: '7', trees: '100' } },
    { metrics: { accuracy: 'NaN', loss: 0.1 } },
    { metrics: { accuracy: 0.99 } },
  ] as const;
  for (const spec of specs) {
    const tags = {
      'mlflow.source.git.commit': `${runs.length}`.repeat(40),
      'mlflow.log-model.history': signature,
    };
    runs.push(await createRun({ experiment, tags, ...spec }));
  }
  const [one = '', two = '', three = '', gone = ''] = runs;
  await mlflow.createModel(churn);
  await mlflow.createVersion(churn, { run_id: one, source: `s3://bucket/${one}/artifacts/model` });
  await mlflow.createVersion(churn, {
    run_id: two,
    source: `s3://bucket/${two}/artifacts/model`,
    tags: { team: 'churn' },
  });
  await mlflow.createVersion(churn, { run_id: three });
  await mlflow.transition(churn, '1', 'Production');
  await mlflow.transition(churn, '2', 'Staging');
  await mlflow.setAlias(churn, 'champion', '1');
  await mlflow.setAlias(churn, 'challenger', '2');
  await mlflow.createModel(fraud);
  await mlflow.createVersion(fraud, { run_id: gone });
  await mlflow.call('POST', 'runs/delete', { run_id: gone });
  await mlflow.createModel(empty);
  const owner = { key: 'modelpromotion.dev/owner/stage/Production', value: 'default/ml/fraud' };
  await mlflow.call('POST', 'registered-models/set-tag', { name: fraud, ...owner });
});

describe.concurrent('search', () => {
  /** `churn 3`, in the order of the answer. */
  const found = async (...args: string[]): Promise<string[]> => {
    const { code, stdout, stderr } = await ask('search', `${team}-*`, '-o', 'json', ...args);
    expect({ code, stderr: stderr.replace(/^nothing matches.*\n/, '') }).toEqual({ code: 0, stderr: '' });
    const { versions } = JSON.parse(stdout) as { versions: { model: string; version?: string }[] };
    return versions.map(({ model, version = '-' }) => `${model.slice(team.length + 1)} ${version}`);
  };

  it.each([
    [[], ['churn 3', 'churn 2', 'churn 1', 'fraud 1', 'none -']],
    [
      ['--stage', 'production', '--stage', 'Staging'],
      ['churn 2', 'churn 1'],
    ],
    [['--alias', 'champion'], ['churn 1']],
    [
      ['--alias', 'ch*'],
      ['churn 2', 'churn 1'],
    ],
    [['--tag', 'team=churn'], ['churn 2']],
    [['--tag', 'team', '--tag', 'modelpromotion.dev/owner/stage/Production'], []],
    [['--metric', 'accuracy>=0.9', '--stage', 'Production'], ['churn 1']],
    [
      ['--metric', 'loss<=0.35', '--metric', 'loss>0.1', '--alias', '*'],
      ['churn 2', 'churn 1'],
    ],
    [['--older-than', '1d'], []],
    [
      ['--newer-than', '2w', '--stage', 'None'],
      ['churn 3', 'fraud 1'],
    ],
    [['--unmanaged'], ['churn 3', 'churn 2', 'churn 1', 'none -']],
  ])('%j finds %j', async (args, expected) => {
    expect(await found(...args)).toEqual(expected);
  });

  it('shows the same in four forms', async () => {
    const args = [churn, '--metric', 'accuracy>0'];
    const [table, json, yaml, markdown] = await Promise.all(
      ['table', 'json', 'yaml', 'markdown'].map((output) => ask('search', ...args, '-o', output)),
    );
    expect(table?.stdout).toMatch(/^MODEL +VERSION +STAGE +ALIASES +accuracy +CREATED\n/);
    expect(table?.stdout).toMatch(new RegExp(`^${churn} +2 +Staging +challenger +0\\.93 +20..-`, 'm'));
    expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
      versions: [
        {
          model: churn,
          version: '2',
          stage: 'Staging',
          aliases: ['challenger'],
          metrics: { accuracy: 0.93 },
        },
        { model: churn, version: '1', stage: 'Production', run: runs[0] },
      ],
      unknown: [],
      summary: { found: 2, models: 1, versions: 3 },
    });
    expect(parse(yaml?.stdout ?? '')).toEqual(JSON.parse(json?.stdout ?? ''));
    expect(markdown?.stdout).toContain(`| ${churn} | 2 | Staging | challenger | 0.93 |`);
  });

  it('says which versions it could not tell of', async () => {
    const { code, stdout, stderr } = await ask('search', `${team}-*`, '--metric', 'accuracy>0.92');
    expect(code).toBe(0);
    expect(stdout).toContain('0.93');
    expect(stderr).toBe(
      `1 left out, for they could not be looked at:\n  ${fraud} 1: run ${runs[3]} was deleted\n`,
    );
  });

  it('reads runs only of versions that all other filters leave', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const args = [`${team}-*`, '--stage', 'Production', '--metric', 'accuracy>0', '-o', 'json'];
    const { code } = await modelpromotion(['search', ...args, '--registry-uri', proxy.url]);
    expect(code).toBe(0);
    const asked = proxy.seen.filter((line) => /runs|experiments|logged-models/.test(line));
    expect(asked).toEqual([`GET /api/2.0/mlflow/runs/get?run_id=${runs[0]}`]);
  });

  it('reads runs where MLFLOW_TRACKING_URI says they are', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const env = { MLFLOW_REGISTRY_URI: sharedMlflow(), MLFLOW_TRACKING_URI: proxy.url };
    const { code, stdout } = await modelpromotion(
      ['search', churn, '--metric', 'accuracy>0.92', '-o', 'json'],
      { env },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ summary: { found: 1 } });
    expect(proxy.seen.some((line) => line.includes('runs/search'))).toBe(true);
    expect(proxy.seen.some((line) => line.includes('registered-models'))).toBe(false);
  });

  it('fails when runs cannot be read now, and when the registry cannot', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    proxy.on({ path: /runs\// }, answer(503, 'busy'));
    const args = ['search', churn, '--metric', 'accuracy>0'];
    expect(await modelpromotion([...args, '--registry-uri', proxy.url])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('3 left out'),
    });
    expect(await modelpromotion([...args, '--registry-uri', 'http://127.0.0.1:9'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('is MLflow running there?'),
    });
  });

  it.each([
    [['--metric', 'accuracy'], '--metric: "accuracy" is not accepted; write METRIC, then >=, <=, > or <'],
    [['--metric', "accuracy>=0.9 OR name='x'"], '--metric: '],
    [['--stage', 'Live'], '--stage: "Live" is not accepted; write None, Staging, Production or Archived'],
    [['--alias', 'a b'], '--alias: "a b" is not accepted'],
    [['--tag', '=x'], '--tag: "=x" is not accepted; write KEY or KEY=VALUE'],
    [['--older-than', 'long'], '--older-than: "long" is not an age; write 12h, 30d or 2w'],
    [['--older-than', '30d', '--newer-than', '7d'], '--newer-than: must be longer ago than --older-than'],
    [['a\u0001b'], '"a\\u{1}b" is no name of a model'],
    [[''], '"" is no name of a model'],
    [['--owner', 'me'], "unknown option '--owner'"],
  ])('refuses %j with exit code 2 and says why', async (args, hint) => {
    const { code, stdout, stderr } = await ask('search', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(hint);
  });

  it('tells all mistakes at once, and takes filters from the environment, one a line', async () => {
    const env = { MODELPROMOTION_METRIC: 'accuracy\nloss', MODELPROMOTION_STAGE: 'Live' };
    const { code, stderr } = await modelpromotion(['search'], { env });
    expect(code).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(3);
    expect(await found('--metric', 'loss<0.32', '--alias', '*')).toEqual(['churn 1']);
  });

  it('says so when no registry is given', async () => {
    expect(await modelpromotion(['search'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--registry-uri: no registry is given'),
    });
  });

  it('ends well when its reader has seen enough', async () => {
    expect(await shell(`$NODE $PROGRAM search '${team}-*' -o json | head -c 1`)).toEqual({
      code: 0,
      stdout: '{',
      stderr: '',
    });
    expect(await shell(`$NODE $PROGRAM search '${team}-*' | true`)).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  it.runIf(process.platform === 'linux')('fails in words when its output cannot be written', async () => {
    const full = await shell(`$NODE $PROGRAM search '${team}-*' > /dev/full`);
    expect(full).toMatchObject({
      code: 1,
      stderr: 'error: the output cannot be written: there is no space left\n',
    });
  });

  it.skipIf(disk === undefined)('fails when a disk takes a part of its output', async () => {
    const search = `$NODE $PROGRAM search '${team}-*' -o json`;
    const { code, stderr } = await shell(`for i in {1..6}; do ${search}; done > ${disk?.path}/out`);
    expect(code).toBe(1);
    expect(stderr).toContain('error: the output cannot be written: there is no space left');
  });
});

describe.concurrent('compare', () => {
  it('shows the incumbent beside the newest version, and marks what is better', async () => {
    const { code, stdout, stderr } = await ask('compare', churn);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^${churn} +1 \\(incumbent\\) +3 \\(candidate\\)\n`));
    expect(stdout).toMatch(/^ {2}accuracy +0\.91 +NaN$/m);
    expect(stdout).toMatch(/^ {2}loss +0\.3 +0\.1 \*$/m);
    expect(stdout).toContain('\n* the better value\n');
  });

  it('shows only what differs, and which metrics it cannot judge', async () => {
    const { stdout } = await ask('compare', churn, '1', '@challenger', '--differences');
    expect(stdout).toMatch(/^ {2}accuracy +0\.91 +0\.93 \*$/m);
    expect(stdout).toMatch(/^ {2}loss +0\.3 \* +0\.35$/m);
    expect(stdout).toMatch(/^ {2}churn_cost +7 +5$/m);
    expect(stdout).toMatch(/^ {2}depth +5 +7$/m);
    expect(stdout).toMatch(/^ {2}stage +Production +Staging$/m);
    expect(stdout).toMatch(/^ {2}team +- +churn$/m);
    expect(stdout).not.toMatch(/trees|inputs/);
    expect(stdout).toContain('Which values are better is not known of churn_cost');
    const judged = await ask('compare', churn, '1', '2', '--goal', 'churn_cost=min');
    expect(judged.stdout).toMatch(/^ {2}churn_cost +7 +5 \*$/m);
    expect(judged.stdout).toMatch(/^ {2}inputs +age: long +age: long$/m);
    expect(judged.stdout).not.toContain('is not known');
  });

  it('gives the same as data', async () => {
    const json = JSON.parse((await ask('compare', churn, '1', '2', '3', '-o', 'json')).stdout);
    expect(json).toMatchObject({
      model: churn,
      versions: [{ version: '1', role: 'incumbent' }, { version: '2' }, { version: '3', role: 'candidate' }],
      sections: {
        version: { aliases: { values: { 1: 'champion', 2: 'challenger' } } },
        lineage: { run: { values: { 1: runs[0] } }, 'git commit': { values: { 2: '1'.repeat(40) } } },
        metrics: {
          accuracy: { goal: 'max', values: { 1: 0.91, 2: 0.93, 3: 'NaN' }, better: ['2'] },
          loss: { goal: 'min', better: ['3'] },
        },
        params: { depth: { differs: true, values: { 1: '5', 2: '7' } }, trees: { values: { 1: '100' } } },
      },
      undirected: ['churn_cost'],
      unknown: [],
    });
    expect(parse((await ask('compare', churn, '1', '2', '3', '-o', 'yaml')).stdout)).toEqual(json);
    expect((await ask('compare', churn, '1', '2', '-o', 'markdown')).stdout).toContain(
      '| accuracy | 0.91 | 0.93 \\* |',
    );
  });

  it('of 20 versions asks for all runs at once', async () => {
    const experiment = await createExperiment();
    const name = uniqueModel('many');
    await mlflow.createModel(name);
    for (let made = 0; made < 20; made += 1) {
      const run = await createRun({ experiment, metrics: { f1: made / 20 } });
      const id = await logModel(experiment, run);
      await mlflow.call('POST', 'model-versions/create', { name, source: `models:/${id}`, model_id: id });
    }
    await using proxy = await startFaultProxy(sharedMlflow());
    const versions = Array.from({ length: 20 }, (_, index) => String(index + 1));
    const { code, stdout } = await modelpromotion([
      'compare',
      name,
      ...versions,
      '--registry-uri',
      proxy.url,
      '-o',
      'json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sections: { metrics: { f1: { better: ['20'] } } } });
    const asked = proxy.seen.filter((line) => /runs|experiments|logged-models/.test(line));
    expect(asked).toHaveLength(3);
  });

  it('reads what goes into the models, and comes out, from their files', async () => {
    const make = tracking(mlflow, sharedMlflow());
    const experiment = await make.createExperiment();
    const name = uniqueModel('signed');
    await mlflow.createModel(name);
    const input = (type: string) => `'[{"name": "age", "type": "${type}", "required": true}]'`;
    for (const type of ['long', 'double']) {
      const run_id = await make.createRun({ experiment });
      const signature = `signature:\n  inputs: ${input(type)}\n  outputs: '[{"type": "string"}]'\n  params: null\n`;
      const source = await make.putModelFile(run_id, `run_id: ${run_id}\nflavors: {}\n${signature}`);
      await mlflow.createVersion(name, { run_id, source });
    }
    await mlflow.createVersion(name);
    const read = (...more: string[]) => ask('compare', name, '1', '2', '3', ...more);
    expect((await read()).stdout).not.toContain('SIGNATURE');
    const { code, stdout, stderr } = await read('--signature');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}inputs +age: long +age: double +\?$/m);
    expect(stdout).toMatch(/^ {2}outputs +string +string +\?$/m);
    expect(stderr).toMatch(/^version 3: the file MLmodel cannot be read: /);
  });

  it('tells what it could not read', async () => {
    const { code, stdout, stderr } = await ask('compare', fraud, '1');
    expect(code).toBe(0);
    expect(stdout).toContain('? could not be read');
    expect(stderr).toContain(`version 1: run ${runs[3]} was deleted`);
  });

  it.each([
    [['compare'], 2, "missing required argument 'model'"],
    [['compare', churn, 'newest'], 2, '"newest" names no version; write a number, a stage, or @alias'],
    [['compare', churn, '--goal', 'accuracy=up'], 2, '--goal: "accuracy=up" is not accepted'],
    [['compare', churn, '7'], 1, `${churn} has no version 7 (there are 3, 2, 1)`],
    [['compare', `${churn}x`], 1, `there is no model`],
    [['compare', fraud], 1, 'is in Production and none is champion: name those to compare (there is 1)'],
    [['compare', empty], 1, '(the model has no versions)'],
  ])('answers %j with exit code %d', async (args, expected, hint) => {
    const { code, stdout, stderr } = await ask(...args);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(hint);
  });
});
