/** A registry that is taken over: exported, planned, adopted; its history, its differences, and copies of it elsewhere. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { fillRegistry } from '../../bench/registry.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { createRepo, temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { startMlflowOn, type MlflowProcess } from '../../support/mlflow-server.ts';
import { modelpromotion, startOnTerminal } from '../../support/program.ts';
import { openGateway } from './gateway.ts';
import { install, promotion } from './installation.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../../..');
const mlflow = rest(sharedMlflow());
const uri = ['--registry-uri', sharedMlflow()];
const PROVENANCE = 'modelpromotion.dev/applied';

const stopping = new AbortController();
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** Another registry. */
let other: MlflowProcess;

beforeAll(async () => {
  folder = await temporaryFolder();
  const dir = join(folder.path, 'mlflow');
  await mkdir(dir);
  other = await startMlflowOn({
    dir,
    workers: 1,
    database: `sqlite:///${join(dir, 'mlflow.db')}`,
    signal: stopping.signal,
  });
  await fillRegistry(other, 1_000);
});
afterAll(async () => {
  await other?.stop();
  stopping.abort();
  await folder?.[Symbol.asyncDispose]();
});

const place = (): string => join(folder.path, uniqueModel('place'));

async function files(contents: Readonly<Record<string, string>>): Promise<string> {
  const root = place();
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

/** A model with a version in Production, one in Staging, and an alias at the first. */
async function seeded(prefix: string): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, 3);
  await mlflow.transition(model, '1', 'Production');
  await mlflow.transition(model, '2', 'Staging');
  await mlflow.setAlias(model, 'champion', '1');
  return model;
}

async function modelTags(model: string): Promise<Record<string, string>> {
  const { registered_model: found } = await mlflow.call('GET', 'registered-models/get', { name: model });
  return Object.fromEntries((found.tags ?? []).map(({ key, value = '' }) => [key, value]));
}

describe('an export of 1,000 models', () => {
  it('plans to nothing, as files and as one stream', { timeout: 240_000 }, async () => {
    const registry = ['--registry-uri', other.url];
    const dir = place();
    const exported = await modelpromotion(['export', ...registry, '--output-dir', dir]);
    expect(exported).toMatchObject({ code: 0, stdout: '' });
    expect(exported.stderr).toContain('1000 files written');
    expect(exported.stderr).toContain('1000 models exported.');
    expect(await readdir(dir)).toHaveLength(1_000);

    const planned = await modelpromotion(['plan', dir, ...registry, '--exit-code']);
    expect(planned.code).toBe(0);
    expect(planned.stdout).toMatch(/0 changes to apply, 1000 promotions up to date\.\n$/);

    const stream = await modelpromotion(['export', ...registry]);
    expect(stream.code).toBe(0);
    const again = await modelpromotion(['plan', '-', ...registry, '--exit-code', '-o', 'json'], {
      input: stream.stdout,
    });
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout).summary).toMatchObject({ changes: 0, upToDate: 1_000, invalid: 0 });
  });
});

describe.concurrent('export', () => {
  it('writes what holds something, in manifests that name namespace and registry', async () => {
    const model = await seeded('export');
    const bare = `${model}-bare`;
    await mlflow.seed(bare, 1);
    const args = ['export', `${model}*`, ...uri, '--namespace', 'ml', '--registry-name', 'prod'];
    const { code, stdout, stderr } = await modelpromotion(args);
    expect(code).toBe(0);
    expect(parse(stdout)).toEqual({
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelPromotion',
      metadata: { name: model.slice(0, 63), namespace: 'ml' },
      spec: {
        registryRef: { name: 'prod' },
        model,
        stages: [
          { name: 'Production', version: '1' },
          { name: 'Staging', version: '2' },
        ],
        aliases: [{ name: 'champion', version: '1' }],
      },
    });
    expect(stderr).toContain('1 model exported, 1 left out that have no version');
  });

  it('is one List in JSON, which plans to nothing too, and a table for people', async () => {
    const model = await seeded('export-list');
    const exported = (...more: string[]) => modelpromotion(['export', model, ...uri, ...more]);
    const { stdout } = await exported('-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'List', items: [{ spec: { model } }] });
    const planned = await modelpromotion(['plan', '-', ...uri, '-o', 'json'], { input: stdout });
    expect(JSON.parse(planned.stdout).summary).toMatchObject({ changes: 0, upToDate: 1 });
    const targets = 'Production=1, Staging=2, @champion=1';
    expect((await exported('-o', 'table')).stdout).toMatch(
      new RegExp(`PROMOTION +MODEL +TARGETS\n.*${targets}`),
    );
    const markdown = await exported('-o', 'markdown');
    expect(markdown.stdout).toContain('| Promotion | Model | Targets |');
    expect(await exported('-o', 'json', '--output-dir', place())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--output-dir: the files are YAML'),
    });
  });

  it('keeps a race as it is, tells of it, and plans to nothing all the same', async () => {
    const model = await seeded('export-race');
    await mlflow.transition(model, '3', 'Production');
    const { code, stdout, stderr } = await modelpromotion(['export', model, ...uri]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# Production is held by versions 3, 1;/);
    expect(stderr).toContain(`warning: model "${model}": Production is held by versions 3, 1;`);
    const planned = await modelpromotion(['plan', '-', ...uri, '--exit-code'], { input: stdout });
    expect(planned.code).toBe(0);
    await modelpromotion(['apply', '-', ...uri, '--yes'], { input: stdout });
    expect((await mlflow.state(model)).stages).toMatchObject({ 1: 'Production', 3: 'Production' });
  });

  it('quotes names that YAML would read as something else, and tells apart what has one label', async () => {
    const mark = uniqueModel('odd').slice(0, 12);
    const names = [
      `on ${mark}`,
      `# ${mark}`,
      `it's "${mark}"`,
      `- ${mark}: `.replace(':', ''),
      `価格 ${mark}`,
      `ON ${mark}`,
    ];
    for (const name of names) {
      await mlflow.createModel(name);
      await mlflow.createVersion(name, { source: 's3://models/odd' });
      await mlflow.setAlias(name, 'on', '1');
    }
    const { code, stdout } = await modelpromotion(['export', `*${mark}*`, ...uri]);
    expect(code).toBe(0);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS());
    expect(new Set(documents.map(({ spec }) => spec.model))).toEqual(new Set(names));
    expect(new Set(documents.map(({ metadata }) => metadata.name)).size).toBe(names.length);
    const planned = await modelpromotion(['plan', '-', ...uri, '-o', 'json'], { input: stdout });
    expect(JSON.parse(planned.stdout).summary).toMatchObject({ changes: 0, upToDate: names.length });
  });

  it('overwrites nothing unless it is told to, and then writes each file whole', async () => {
    const model = await seeded('export-files');
    const dir = place();
    const run = (...more: string[]) =>
      modelpromotion(['export', model, ...uri, '--output-dir', dir, ...more]);
    expect((await run()).code).toBe(0);
    expect((await run()).stderr).toContain('0 files written to');
    const [name = ''] = await readdir(dir);
    await writeFile(join(dir, name), '# mine\n');
    expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(await readFile(join(dir, name), 'utf8')).toBe('# mine\n');
    expect((await run('--force')).code).toBe(0);
    expect(await readFile(join(dir, name), 'utf8')).toContain(`model: ${model}`);
    expect(await readdir(dir)).toEqual([name]);
  });

  it('exits with 1 for a pattern that fits no model and for a registry that is away, with 2 without one', async () => {
    const missing = await modelpromotion(['export', 'no-such-model-*', ...uri]);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('no model is called "no-such-model-*"');
    await using gateway = await openGateway();
    await gateway.down();
    expect(await modelpromotion(['export', '--registry-uri', gateway.url])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('connection refused'),
    });
    expect(await modelpromotion(['export'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^--registry-uri: needed/),
    });
  });

  it('has no complaint of a pager that is quit, and one of a disk that is full', async () => {
    const program = [join(ROOT, 'node_modules/.bin/node'), join(ROOT, 'dist/main.js')];
    const command = [...program, 'export', '--registry-uri', other.url].map((word) => `'${word}'`).join(' ');
    const { stdout, stderr } = await run('bash', ['-c', `${command} | head -1; echo "\${PIPESTATUS[0]}"`]);
    expect(stdout).toBe('apiVersion: modelpromotion.dev/v1alpha1\n0\n');
    expect(stderr).not.toContain('EPIPE');
    await expect(run('bash', ['-c', `${command} > /dev/full`])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the output cannot be written: there is no space left'),
    });
  });

  it('leaves out what another installation manages, and exits with 3', async () => {
    const model = await seeded('export-managed');
    const place = await files({
      'a.yaml': promotion('a', { model, aliases: [{ name: 'champion', version: '1' }] }),
    });
    const adopted = await modelpromotion(['adopt', place, ...uri, '--yes', '--installation', 'theirs']);
    expect(adopted.code).toBe(0);
    const { code, stdout, stderr } = await modelpromotion(['export', model, ...uri]);
    expect(code).toBe(3);
    expect(stderr).toContain('@champion is managed by theirs/default/a already');
    expect(parse(stdout).spec).not.toHaveProperty('aliases');
  });
});

describe.concurrent('adopt', () => {
  it('sets our tags and changes nothing else, so that what changes then is drift', async () => {
    const model = await seeded('adopt');
    const before = await mlflow.version(model, '1');
    const { stdout } = await modelpromotion(['export', model, ...uri]);
    const place = await files({ 'a.yaml': stdout });
    const adopt = (...more: string[]) => modelpromotion(['adopt', place, ...uri, '--yes', ...more]);

    const first = await adopt();
    expect(first.code).toBe(0);
    expect(first.stdout).toContain('Adopted: 1 promotion with 5 tags.');
    expect(Object.keys(await modelTags(model)).toSorted()).toEqual([
      'modelpromotion.dev/owner/alias/champion',
      'modelpromotion.dev/owner/stage/Production',
      'modelpromotion.dev/owner/stage/Staging',
    ]);
    const after = await mlflow.version(model, '1');
    expect(after.last_updated_timestamp).toBe(before.last_updated_timestamp);
    expect(JSON.parse((await mlflow.versionTags(model, '1'))[PROVENANCE] ?? '')).toMatchObject({
      targets: ['stage/Production', 'alias/champion'],
    });
    expect(await mlflow.state(model)).toEqual({
      stages: { 1: 'Production', 2: 'Staging' },
      aliases: { champion: '1' },
    });

    const second = await adopt('-o', 'json');
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ promotions: [{ state: 'Unchanged', tags: [] }] });

    await mlflow.setAlias(model, 'champion', '3');
    const planned = await modelpromotion(['plan', place, ...uri]);
    expect(planned.stdout).toContain('~ move @champion from version 3 to 1');
  });

  it('refuses what is not as declared, says what differs, and writes nothing for it', async () => {
    const [good, bad] = [await seeded('adopt-good'), await seeded('adopt-bad')];
    const spec = (model: string, version: string) => ({
      model,
      stages: [{ name: 'Staging', version: '2' }],
      aliases: [{ name: 'champion', version }],
    });
    const place = await files({
      'bad.yaml': promotion('bad', spec(bad, '3')),
      'good.yaml': promotion('good', spec(good, '1')),
    });
    const { code, stdout } = await modelpromotion(['adopt', place, ...uri, '--yes']);
    expect(code).toBe(3);
    expect(stdout).toContain('not as declared: move @champion from version 1 to 3');
    expect(stdout).toContain('Adopted: 1 promotion with 4 tags, 1 refused.');
    expect(await modelTags(bad)).toEqual({});
    expect(await mlflow.versionTags(bad, '2')).toEqual({});
    const markdown = await modelpromotion(['adopt', place, ...uri, '--yes', '-o', 'markdown']);
    expect(markdown.stdout).toContain('1 adopted already, 1 refused');
  });

  it('asks first, and exits as apply does', async () => {
    const model = await seeded('adopt-ask');
    const place = await files({
      'a.yaml': promotion('a', { model, aliases: [{ name: 'champion', version: '1' }] }),
    });
    expect(await modelpromotion(['adopt', place, ...uri])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
    const dialogue = await startOnTerminal(['adopt', place, ...uri], 'Set these tags?');
    expect(await dialogue.answer('no')).toMatchObject({
      code: 1,
      output: expect.stringContaining('Nothing was changed'),
    });
    expect(await modelTags(model)).toEqual({});
    const agreed = await startOnTerminal(['adopt', place, ...uri], 'Set these tags?');
    expect(await agreed.answer('yes')).toMatchObject({ code: 0 });
    const invalid = await files({ 'a.yaml': 'spec: [' });
    expect((await modelpromotion(['adopt', invalid, ...uri, '--yes'])).code).toBe(2);
    await using gateway = await openGateway();
    await gateway.down();
    expect((await modelpromotion(['adopt', place, '--registry-uri', gateway.url, '--yes'])).code).toBe(1);
  });

  it('settles a lost answer by reading', async () => {
    const model = await seeded('adopt-lost');
    await using proxy = await startFaultProxy(sharedMlflow());
    proxy.on({ path: /registered-models\/set-tag/, times: 1 }, async (exchange) => {
      await exchange.forward();
      exchange.reset();
    });
    const place = await files({
      'a.yaml': promotion('a', { model, aliases: [{ name: 'champion', version: '1' }] }),
    });
    const { code } = await modelpromotion(['adopt', place, '--yes', '--registry-uri', proxy.url]);
    expect(code).toBe(0);
    expect(await modelTags(model)).toEqual({
      'modelpromotion.dev/owner/alias/champion': 'default/default/a',
    });
  });
});

describe.concurrent('history', () => {
  it('tells from the tags of the registry alone, newest first, in four forms', async () => {
    const model = await seeded('history');
    const at = (version: string) => promotion('ml/a', { model, aliases: [{ name: 'champion', version }] });
    for (const version of ['2', '3']) {
      const place = await files({ 'a.yaml': at(version) });
      expect((await modelpromotion(['apply', place, ...uri, '--yes'])).code).toBe(0);
    }
    const history = (...more: string[]) => modelpromotion(['history', model, ...uri, ...more]);
    const json = JSON.parse((await history('-o', 'json')).stdout);
    expect(json).toMatchObject({
      model,
      changes: [
        { target: 'alias/champion', to: '3', promotion: 'ml/a', told: 'registry' },
        { target: 'alias/champion', to: '2', promotion: 'ml/a', told: 'registry' },
      ],
    });
    expect(parse((await history('-o', 'yaml')).stdout)).toEqual(json);
    expect((await history('-o', 'markdown')).stdout).toContain('| TIME |');
    const table = await history();
    expect(table).toMatchObject({ code: 0, stderr: expect.stringContaining('no controller answers') });
    expect(table.stdout).toMatch(/^TIME +TARGET +FROM +TO/);
    expect(table.stdout).toMatch(/@champion +\? +3 /);
  });

  it('tells from the statuses of a controller and from its status branch, by model and by promotion', async () => {
    const model = await seeded('history-daemon');
    await using world = await install();
    const at = (version: string) =>
      promotion('ml/churn', { model, aliases: [{ name: 'champion', version }] });
    await world.commit({ 'a.yaml': at('2') });
    const daemon = await world.start();
    try {
      await daemon.settled('ml/churn', 'UpToDate');
      const commit = await world.commit({ 'a.yaml': at('3') });
      await daemon.settled('ml/churn', 'UpToDate', commit);
      const told = [
        { target: 'alias/champion', from: '2', to: '3', cause: 'Promotion', told: 'both' },
        { target: 'alias/champion', from: '1', to: '2', cause: 'Promotion', told: 'both' },
      ];
      for (const name of [model, 'ml/churn', 'churn']) {
        const args = ['history', name, ...uri, '--server', daemon.url, '-o', 'json'];
        expect(JSON.parse((await modelpromotion(args)).stdout)).toMatchObject({ model, changes: told });
      }
    } finally {
      await daemon.stop();
    }
    const branch = await modelpromotion(['history', 'ml/churn', ...world.gitOptions(), '-o', 'json']);
    expect(branch.code).toBe(0);
    expect(JSON.parse(branch.stdout)).toMatchObject({ changes: [{ to: '3', told: 'status' }, { to: '2' }] });
    expect(branch.stdout + branch.stderr).not.toContain(world.password);
  });

  it('exits with 1 for what nobody knows, and where there is nobody to ask', async () => {
    expect(await modelpromotion(['history', 'no-such-model', ...uri])).toMatchObject({ code: 1, stdout: '' });
    expect(await modelpromotion(['history', 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no controller answers'),
    });
  });
});

describe.concurrent('diff', () => {
  it('tells what two revisions of a repository mean, and what is in the folder now', async () => {
    const root = place();
    await mkdir(root);
    const repo = await createRepo(join(root, 'origin.git'));
    const at = (version: string, name = 'ml/churn') =>
      promotion(name, { model: 'churn', stages: [{ name: 'Production', version }] });
    await repo.commit({ 'manifests/a.yaml': at('3'), 'README.md': 'x' });
    await repo.commit({ 'manifests/a.yaml': at('4'), 'manifests/new.yaml': at('1', 'ml/new') });
    const work = join(root, 'work');
    await repo.git('clone', '--quiet', '--branch', 'main', repo.directory, work);
    const diff = (...more: string[]) => modelpromotion(['diff', ...more], { cwd: work });

    const table = await diff('HEAD~1:manifests', 'HEAD:');
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toMatch(/~ ml\/churn {2}model churn\n +Production +3 → 4\n/);
    expect(table.stdout).toMatch(/\+ ml\/new {2}model churn\n +Production +1\n/);
    expect(table.stdout).toMatch(/1 promotion added, 0 removed, 1 changed\.\n$/);

    const json = await diff('HEAD~1:', 'manifests', '-o', 'json', '--exit-code');
    expect(json.code).toBe(4);
    expect(JSON.parse(json.stdout)).toMatchObject({
      promotions: [
        {
          promotion: 'ml/churn',
          kind: 'Changed',
          differences: [{ target: 'stage/Production', field: 'version', from: '3', to: '4' }],
        },
        { promotion: 'ml/new', kind: 'Added' },
      ],
    });
    expect((await diff('HEAD:', 'manifests', '--exit-code')).code).toBe(0);
    expect(await diff('nowhere:', 'HEAD:')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('git knows no revision "nowhere"'),
    });
    expect((await diff('--', '--help:', 'HEAD:')).stderr).toContain('git knows no revision "--help"');
    expect((await diff('HEAD:nowhere', 'HEAD:')).code).toBe(2);
    expect((await diff('HEAD:')).code).toBe(2);
    expect(await modelpromotion(['diff', 'HEAD:', 'HEAD~1:'], { cwd: '/' })).toMatchObject({ code: 1 });
  });
});

describe.concurrent('copy', () => {
  const copy = (version: string, ...more: string[]) =>
    modelpromotion(['copy', version, ...uri, '--to-registry-uri', other.url, ...more]);
  const there = () => rest(other.url);

  it('makes model and version with their tags and where they come from, once', async () => {
    const model = uniqueModel('copy');
    const tags = [{ key: 'team', value: 'churn' }];
    await mlflow.call('POST', 'registered-models/create', { name: model, description: 'Churn', tags });
    await mlflow.createVersion(model);
    await mlflow.createVersion(model, {
      source: 's3://bucket/7',
      run_id: '0123456789abcdef0123456789abcdef',
      description: 'the second',
      tags: { ticket: 'T-1', [PROVENANCE]: '{}' },
    });
    await mlflow.setAlias(model, 'champion', '2');

    const first = await copy(`${model}@champion`, '-o', 'json');
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      from: { registry: sharedMlflow(), model, version: '2' },
      to: { registry: other.url, model, version: '1' },
      result: 'Copied',
      madeModel: true,
    });
    const made = await there().call('GET', 'registered-models/get', { name: model });
    expect(made.registered_model).toMatchObject({ description: 'Churn', tags });
    const version = await there().version(model, '1');
    expect(version).toMatchObject({
      source: 's3://bucket/7',
      description: 'the second',
      current_stage: 'None',
    });
    const found = await there().versionTags(model, '1');
    expect(Object.keys(found).toSorted()).toEqual([
      'modelpromotion.dev/copied-from',
      'modelpromotion.dev/copy-id',
      'ticket',
    ]);
    expect(JSON.parse(found['modelpromotion.dev/copied-from'] ?? '')).toEqual({
      registry: sharedMlflow(),
      model,
      version: '2',
      runId: '0123456789abcdef0123456789abcdef',
      source: 's3://bucket/7',
    });

    const second = await copy(`${model}/2`);
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('already; nothing was copied') });
    expect((await copy(`${model}/1`)).stdout).toContain(`copied ${model}/1 at`);
    expect((await there().version(model, '2')).source).toBe(`s3://models/${model}`);
  });

  it('makes no second one when the answer is lost', async () => {
    const model = uniqueModel('copy-lost');
    await mlflow.seed(model, 1);
    await using proxy = await startFaultProxy(other.url);
    proxy.on({ path: /(?:registered-models|model-versions)\/create/ }, async (exchange) => {
      await exchange.forward();
      exchange.reset();
    });
    const args = ['copy', model, ...uri, '--to-registry-uri', proxy.url];
    expect(await modelpromotion(args)).toMatchObject({ code: 0, stdout: expect.stringContaining('copied') });
    expect(await modelpromotion(args)).toMatchObject({ code: 0, stdout: expect.stringContaining('already') });
    const search = { filter: `name='${model}'` };
    const { model_versions: versions = [] } = await there().call('GET', 'model-versions/search', search);
    expect(versions).toHaveLength(1);
  });

  it('refuses, with nothing made, what the other server cannot read or is not there', async () => {
    const model = uniqueModel('copy-refused');
    await mlflow.seed(model, 1);
    const run = await startRun();
    await mlflow.createVersion(model, { source: `runs:/${run}/model`, run_id: run });
    const refused = await copy(`${model}/2`);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toContain('cannot read the artifacts of version 2');
    expect((await copy(`${model}/9`)).stderr).toContain('has no version 9');
    expect((await copy(`${model}@gone`)).code).toBe(3);
    expect((await copy('no-such-model')).code).toBe(3);
    await expect(there().call('GET', 'registered-models/get', { name: model })).rejects.toThrow('404');
  });

  it('sends the other server the credential that is meant for it, and no other', async () => {
    const model = uniqueModel('copy-secret');
    await mlflow.seed(model, 1);
    await using proxy = await startFaultProxy(other.url);
    const sent = new Set<string | undefined>();
    proxy.on({}, async (exchange) => {
      sent.add(exchange.headers.authorization);
      exchange.reply(await exchange.forward());
    });
    const token = `canary-${uniqueModel()}`;
    const secrets = await files({ 'prod/token': token, 'elsewhere/token': token });
    await writeFile(join(secrets, 'prod/origins'), `${proxy.url}\n`);
    const args = ['copy', model, ...uri, '--to-registry-uri', proxy.url, '--secrets-dir', secrets];
    const env = { MLFLOW_TRACKING_TOKEN: 'of-the-first-registry' };
    const copied = await modelpromotion([...args, '--to-registry-secret', 'prod'], { env });
    expect(copied.code).toBe(0);
    expect([...sent]).toEqual([`Bearer ${token}`]);

    sent.clear();
    const refused = await modelpromotion([...args, '--to-registry-secret', 'elsewhere'], { env });
    expect(refused.code).toBe(1);
    expect(refused.stdout + refused.stderr).toContain('secret elsewhere is not for');
    expect(refused.stdout + refused.stderr).not.toContain(token);
    expect(sent.size).toBe(0);
  });

  it('refuses options that make no sense', async () => {
    const mistakes: [string[], string][] = [
      [['copy', 'a/b/c', ...uri, '--to-registry-uri', other.url], 'names no version'],
      [['copy', 'm', ...uri], '--to-registry-uri: needed'],
      [['copy', 'm', ...uri, '--to-registry-uri', `${sharedMlflow()}/`], 'is the registry itself'],
      [['copy', 'm', ...uri, '--to-registry-uri', 'sqlite:///x'], '--to-registry-uri: "sqlite:"'],
      [['copy', 'm', ...uri, '--to-registry-uri', 'http://u:p@h'], '--to-registry-secret'],
      [
        ['copy', 'm', ...uri, '--to-registry-uri', other.url, '--registry-allow', 'https://a'],
        '--registry-allow',
      ],
    ];
    for (const [args, hint] of mistakes)
      expect(await modelpromotion(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(hint) });
  });

  it('gives two registries that are not the same, as diff tells, until a promotion makes them so', async () => {
    const model = uniqueModel('copy-diff');
    await mlflow.seed(model, 2);
    await mlflow.transition(model, '2', 'Production');
    expect((await copy(`${model}/Production`)).code).toBe(0);
    const diff = async () => {
      const args = ['diff', ...uri, '--to-registry-uri', other.url, '-o', 'json'];
      const { models } = JSON.parse((await modelpromotion(args)).stdout);
      return models.find((one: { model: string }) => one.model === model);
    };
    expect(await diff()).toMatchObject({
      kind: 'Changed',
      differences: [{ target: 'stage/Production', from: '2' }],
    });
    await there().transition(model, '1', 'Production');
    expect(await diff()).toBeUndefined();
    const table = await modelpromotion(['diff', ...uri, '--to-registry-uri', other.url, '--exit-code']);
    expect(table).toMatchObject({ code: 4, stdout: expect.stringMatching(/models? added/) });
  });
});

async function startRun(): Promise<string> {
  const body = { experiment_id: '0' };
  const { run } = (await mlflow.call('POST', 'runs/create', body)) as unknown as {
    run: { info: { run_id: string } };
  };
  return run.info.run_id;
}
