/** The commands that people and pipelines run: what they print, what they change, and how they exit. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion, startOnTerminal, type Daemon } from '../../support/program.ts';
import { openGateway } from './gateway.ts';
import { install, promotion, registry, type Installation } from './installation.ts';

const run = promisify(execFile);
const mlflow = rest(sharedMlflow());
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder?.[Symbol.asyncDispose]());

/** Writes files and gives the folder that holds them. */
async function files(contents: Readonly<Record<string, string>>): Promise<string> {
  const place = join(folder.path, uniqueModel('files'));
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), text);
  }
  return place;
}

const champion = (name: string, model: string, version: string, more: object = {}) =>
  promotion(name, { model, aliases: [{ name: 'champion', version }], ...more });

const COMMANDS = [
  'run',
  'validate',
  'plan',
  'apply',
  'export',
  'adopt',
  'status',
  'history',
  'wait',
  'search',
  'compare',
  'rollback',
  'suspend',
  'resume',
  'reconcile',
  'diff',
  'copy',
  'quickstart',
  'version',
  'completion',
];

describe.concurrent('the program', () => {
  it('tells its commands, and shows an example for each', async () => {
    const { code, stdout } = await modelpromotion(['--help']);
    expect(code).toBe(0);
    await Promise.all(
      COMMANDS.map(async (command) => {
        expect(stdout).toContain(`  ${command} `);
        const help = await modelpromotion([command, '--help']);
        expect(help).toMatchObject({ code: 0, stderr: '' });
        expect(help.stdout).toMatch(new RegExp(`Examples:\n(.*\n)*.*modelpromotion ${command}`));
      }),
    );
  });

  it('tells its version', async () => {
    const manifest = await import('../../../package.json', { with: { type: 'json' } });
    const expected = manifest.default.version;
    expect(await modelpromotion(['version'])).toMatchObject({
      code: 0,
      stdout: `modelpromotion ${expected}\n`,
    });
    expect((await modelpromotion(['--version'])).stdout.trim()).toBe(expected);
  });

  it('completes in bash, in a script that bash can parse', async () => {
    const { code, stdout } = await modelpromotion(['completion', 'bash']);
    expect(code).toBe(0);
    const place = await files({ 'completion.bash': stdout });
    await run('bash', ['-n', join(place, 'completion.bash')]);
    const ask = `source "$0"; COMP_WORDS=(modelpromotion plan --exit); COMP_CWORD=2; _modelpromotion; echo "\${COMPREPLY[@]}"`;
    expect((await run('bash', ['-c', ask, join(place, 'completion.bash')])).stdout.trim()).toBe(
      '--exit-code',
    );

    const offers = async (...words: string[]) => {
      const quoted = ['modelpromotion', ...words].map((word) => `'${word}'`).join(' ');
      const script = `source "$0"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _modelpromotion; echo "\${COMPREPLY[@]}"`;
      return (await run('bash', ['-c', script, join(place, 'completion.bash')])).stdout.trim();
    };
    expect(await offers('plan', '-o', '')).toBe('table json yaml markdown');
    expect(await offers('status', '')).toBe('');
    expect(await offers('help', 'pl')).toBe('plan');
    expect(await offers('validate', 'package.js')).toBe('package.json');
    expect(await offers('run', '--cache-dir', 'package.js')).toBe('package.json');

    for (const shell of ['zsh', 'fish']) {
      expect((await modelpromotion(['completion', shell])).stdout).toContain('exit-code');
    }
    expect(await modelpromotion(['completion', 'tcsh'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('bash, zsh, fish'),
    });
  });

  it.each([
    [['plan', '--registry-url', 'x', '.'], '--registry-uri'],
    [['aply', '.'], 'apply'],
    [['aply', '--help'], 'apply'],
    [['plan'], 'plan --help'],
    [['status', '-o', 'jason'], 'table, json, yaml, markdown'],
    [['run'], '--source git'],
    [['run', '--source', 'git'], '--git-url'],
    [['run', '--source', 'folder', '--git-url', 'https://git.example.com/m.git'], '--git-url: not used'],
    [['run', '--source', 'git', '--git-url', 'git@example.com:models.git'], '--git-url'],
  ])('answers %j with exit code 2 and says %s', async (args, hint) => {
    const { code, stdout, stderr } = await modelpromotion(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(hint);
  });

  it('says what is wrong with an option before it reads anything, and no more than that', async () => {
    for (const command of ['plan', 'apply']) {
      expect(
        await modelpromotion([command, '/nowhere', '--registry-uri', 'sqlite:///mlflow.db']),
      ).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^--registry-uri: .*sqlite.*\n$/),
      });
    }
  });

  it('tells all mistakes in its options at once, and takes options from the environment', async () => {
    const env = { MODELPROMOTION_GIT_INTERVAL: 'soon', MODELPROMOTION_WORKERS: 'many' };
    const { code, stderr } = await modelpromotion(['run', '--sweep-interval', '1ms'], { env });
    expect(code).toBe(2);
    for (const hint of ['MODELPROMOTION_GIT_INTERVAL', 'MODELPROMOTION_WORKERS', '--sweep-interval'])
      expect(stderr).toContain(hint);
  });
});

describe.concurrent('validate', () => {
  it('says what is wrong at file:line:column, all at once, and exits with 2', async () => {
    const place = await files({
      'a.yaml': champion('a', 'm', '1').replace('version: "1"', 'version: latest'),
      'deep/b.yml': champion('b', 'm', '1').replace('model:', 'modle:'),
      'good.yaml': champion('good', 'm', '1'),
    });
    const { code, stdout } = await modelpromotion(['validate', '.'], { cwd: place });

    expect(code).toBe(2);
    expect(stdout).toMatch(/^a\.yaml:\d+:\d+.*spec\.aliases\[0\]\.version/m);
    expect(stdout).toMatch(/^deep\/b\.yml:\d+:\d+.*did you mean "model"/m);
  });

  it('gives the same as data', async () => {
    const place = await files({
      'a.yaml': champion('a', 'm', '0'),
      'other.yaml': 'kind: Other\napiVersion: v1\n',
    });
    const as = (output: string) => modelpromotion(['validate', place, '-o', output]);
    const json = JSON.parse((await as('json')).stdout);

    expect(json).toMatchObject({
      valid: false,
      summary: { ignored: 1, problems: 1 },
      problems: [{ file: join(place, 'a.yaml'), line: 9, path: 'spec.aliases[0].version' }],
    });
    expect(parse((await as('yaml')).stdout)).toEqual(json);
    expect((await as('markdown')).stdout).toContain('| spec.aliases');
  });

  it('reads standard input, and exits with 0 when all is well', async () => {
    const result = await modelpromotion(['validate', '-'], { input: champion('a', 'm', '1') });
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });

  it('hints at a wrong folder when nothing is found', async () => {
    const place = await files({ 'README.md': '' });
    for (const command of [['validate'], ['plan', '--registry-uri', 'http://127.0.0.1:9']])
      expect(await modelpromotion([...command, place])).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`no manifest of ours was found in ${place}`),
      });
  });

  it('exits with 2 for a path that is not there', async () => {
    const { code, stdout, stderr } = await modelpromotion(['validate', '/nowhere/at/all']);
    expect(code).toBe(2);
    expect(stdout + stderr).toContain('/nowhere/at/all');
  });
});

describe('plan', () => {
  const model = uniqueModel('plan');
  const registryUri = ['--registry-uri', sharedMlflow()];
  const plan = (path: string, ...more: string[]) => modelpromotion(['plan', path, ...registryUri, ...more]);

  beforeAll(async () => {
    await mlflow.seed(model, 3);
    await mlflow.transition(model, '1', 'Production');
  });

  it('shows what would change in four forms, and changes nothing', async () => {
    const spec = {
      model,
      stages: [{ name: 'Production', version: '2', tags: { ticket: 'T-1' } }],
      aliases: [{ name: 'champion', version: '2' }],
    };
    const place = await files({ 'churn.yaml': promotion('ml/churn', spec) });
    const before = await mlflow.state(model);
    const table = await plan(place);
    const json = JSON.parse((await plan(place, '-o', 'json')).stdout);
    const markdown = (await plan(place, '-o', 'markdown')).stdout;

    expect(table.code).toBe(0);
    expect(table.stdout).toContain(`ml/churn  model ${model}`);
    expect(table.stdout).toMatch(/Production +1 → 2/);
    expect(table.stdout).toContain('+ move version 2 from None to Production, archive 1');
    expect(table.stdout).toContain('+ set @champion to version 2');
    expect(table.stdout).toContain('+ tag version 2 with ticket="T-1"');
    expect(table.stdout).toContain('Plan: 3 changes to apply');
    expect(json).toMatchObject({
      promotions: [
        {
          promotion: 'ml/churn',
          state: 'Changes',
          digest: expect.stringMatching(/^sha256:/),
          targets: [{ target: 'stage/Production', current: '1', desired: '2' }, { target: 'alias/champion' }],
        },
      ],
      summary: { changes: 3, drift: 0, blocked: 0, invalid: 0 },
    });
    expect(parse((await plan(place, '-o', 'yaml')).stdout)).toEqual(json);
    expect(markdown).toContain('### Plan: 3 changes to apply');
    expect(markdown).toMatch(/\| ml\/churn \|.*\| Production \| 1 \| 2 \|/);
    expect(await mlflow.state(model)).toEqual(before);
  });

  it('counts what drifted and what is suspended apart, and says which version is there', async () => {
    const drifted = uniqueModel('plan-drift');
    await mlflow.seed(drifted, 2);
    const spec = { model: drifted, stages: [{ name: 'Production', version: '2' }] };
    const place = await files({ 'churn.yaml': promotion('ml/churn', { ...spec, drift: 'Report' }) });
    expect((await modelpromotion(['apply', place, ...registryUri, '--yes'])).code).toBe(0);
    await mlflow.transition(drifted, '1', 'Production');
    await mlflow.transition(drifted, '2', 'Archived');
    const reported = await plan(place);
    expect(reported.stdout).toMatch(/Production +1, declared 2/);
    expect(reported.stdout).toContain(
      '0 changes to apply, 0 promotions up to date, 1 drifted and left alone.',
    );
    const asleep = await files({ 'churn.yaml': promotion('ml/churn', { ...spec, suspend: true }) });
    expect((await plan(asleep)).stdout).toContain('0 promotions up to date, 1 suspended.');
  });

  it('exits by what it found: 0, with --exit-code 4, blocked 3, failed 1, invalid 2, the worst of them', async () => {
    await using down = await openGateway();
    await down.down();
    const unreachable = [
      registry('down', { uri: down.url }),
      champion('failed', model, '1', { registryRef: { name: 'down' } }),
    ].join('---\n');
    const one = {
      upToDate: promotion('up-to-date', { model, stages: [{ name: 'Production', version: '1' }] }),
      changes: champion('changes', model, '1'),
      blocked: promotion('blocked', { model, aliases: [{ name: 'next', version: '9' }] }),
      failed: unreachable,
      invalid: 'spec: [',
    };
    const codeOf = async (parts: (keyof typeof one)[], ...more: string[]) => {
      const place = await files(Object.fromEntries(parts.map((part) => [`${part}.yaml`, one[part]])));
      return (await plan(place, ...more)).code;
    };

    const codes = await Promise.all([
      codeOf(['upToDate'], '--exit-code'),
      codeOf(['changes']),
      codeOf(['upToDate', 'changes'], '--exit-code'),
      codeOf(['changes', 'blocked'], '--exit-code'),
      codeOf(['changes', 'blocked', 'failed'], '--exit-code'),
      codeOf(['changes', 'blocked', 'failed', 'invalid'], '--exit-code'),
    ]);
    expect(codes).toEqual([0, 0, 4, 3, 1, 2]);
  });
});

describe.concurrent('apply', () => {
  const apply = (path: string, ...more: string[]) =>
    modelpromotion(['apply', path, '--registry-uri', sharedMlflow(), ...more]);
  const seeded = async (versions = 2) => {
    const model = uniqueModel('apply');
    await mlflow.seed(model, versions);
    return model;
  };

  it('refuses to change anything unasked without a terminal', async () => {
    const model = await seeded();
    const { code, stderr } = await apply(await files({ 'a.yaml': champion('a', model, '1') }));

    expect(code).toBe(2);
    expect(stderr).toContain('--yes');
    expect((await mlflow.state(model)).aliases).toEqual({});
  });

  it('carries the plan out with --yes, has nothing to do then, and knows its own work from drift', async () => {
    const model = await seeded();
    const place = await files({
      'a.yaml': promotion('a', {
        model,
        stages: [{ name: 'Production', version: '1' }],
        aliases: [
          { name: 'champion', version: '1' },
          { name: 'follower', versionFrom: { stage: 'Production' } },
        ],
      }),
    });
    const first = await apply(place, '--yes');
    expect(first.code).toBe(0);
    expect(first.stdout).toContain('Applied: 3 changes to 1 promotion.');
    expect(await mlflow.state(model)).toEqual({
      stages: { 1: 'Production' },
      aliases: { champion: '1', follower: '1' },
    });

    const second = await apply(place, '--yes', '-o', 'json');
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toEqual({ applied: [], problems: [] });

    await mlflow.setAlias(model, 'champion', '2');
    const third = await apply(place, '--yes');
    expect(third.stdout).toContain('~ move @champion from version 2 to 1');
    expect((await mlflow.state(model)).aliases).toMatchObject({ champion: '1' });
  });

  it('applies the rest when one file is bad, and exits with 2', async () => {
    const model = await seeded();
    const place = await files({
      'bad.yaml': champion('bad', model, '1').replace('spec:', 'specs:'),
      'good.yaml': champion('good', model, '2'),
    });
    const { code, stdout } = await apply(place, '--yes', '-o', 'json');

    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      applied: [{ promotion: 'default/good', actions: [{ kind: 'SetAlias' }] }],
      problems: expect.arrayContaining([expect.objectContaining({ file: join(place, 'bad.yaml') })]),
    });
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
  });

  it('stopped by Ctrl-C tells what was done already, and of what it does not know that', async () => {
    const model = await seeded();
    await using proxy = await startFaultProxy(sharedMlflow());
    const hanging = Promise.withResolvers<void>();
    proxy.on({ path: /registered-models\/alias/ }, () => hanging.resolve());
    const spec = {
      model,
      stages: [{ name: 'Production', version: '1' }],
      aliases: [{ name: 'champion', version: '1' }],
    };
    const place = await files({ 'a.yaml': promotion('a', spec) });
    const stopped = await modelpromotion(
      ['apply', place, '--yes', '-o', 'json', '--registry-uri', proxy.url],
      { interrupt: hanging.promise },
    );
    expect(stopped.code).toBe(1);
    expect(JSON.parse(stopped.stdout)).toEqual({
      applied: [
        {
          promotion: 'default/a',
          actions: [expect.objectContaining({ description: 'move version 1 from None to Production' })],
          obstacle: {
            reason: 'ProgressingWithRetry',
            message:
              'stopped by SIGINT, and whether this was done is not known: set @champion to version 1; run apply again',
          },
        },
      ],
      problems: [],
    });
  });

  it('says in every form why it can do nothing', async () => {
    const model = await seeded();
    const place = await files({ 'a.yaml': champion('a', model, '9') });
    const json = await apply(place, '--yes', '-o', 'json');
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({
      applied: [{ promotion: 'default/a', actions: [], obstacle: { reason: 'VersionNotFound' } }],
    });
    expect((await apply(place, '--yes', '-o', 'markdown')).stdout).toContain('version 9');
  });

  it('shows the plan that it asks about, whatever form the result has', async () => {
    const model = await seeded();
    const place = await files({ 'a.yaml': champion('a', model, '1') });
    const args = ['apply', place, '-o', 'json', '--registry-uri', sharedMlflow()];
    const asked = await startOnTerminal(args, 'Apply this plan?');
    const { output } = await asked.answer('no');
    expect(output.indexOf('set @champion to version 1')).toBeGreaterThan(-1);
    expect(output.indexOf('set @champion to version 1')).toBeLessThan(output.indexOf('Apply this plan?'));
  });

  it('exits with 3 when something is blocked, with 1 when the registry is away', async () => {
    const model = await seeded();
    const blocked = await files({
      'a.yaml': promotion('a', {
        model,
        aliases: [
          { name: 'champion', version: '1' },
          { name: 'next', version: '9' },
        ],
      }),
    });
    const { code, stdout } = await apply(blocked, '--yes');
    expect(code).toBe(3);
    expect(stdout).toContain('version 9');
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' });

    await using gateway = await openGateway();
    await gateway.down();
    const away = await modelpromotion(['apply', blocked, '--yes', '--registry-uri', gateway.url]);
    expect(away.code).toBe(1);
  });

  it('swaps two versions between two promotions in one run', async () => {
    const model = await seeded(4);
    await mlflow.transition(model, '3', 'Production');
    await mlflow.transition(model, '4', 'Staging');
    const place = await files({
      'a.yaml': promotion('a', { model, stages: [{ name: 'Staging', version: '3' }] }),
      'b.yaml': promotion('b', { model, stages: [{ name: 'Production', version: '4' }] }),
    });
    const args = [place, '--registry-uri', sharedMlflow()];
    expect((await modelpromotion(['plan', ...args])).stdout).toContain(
      'until default/b (Production) has moved on',
    );
    expect(await modelpromotion(['apply', ...args, '--yes'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 changes to 2 promotions'),
    });
    expect((await mlflow.state(model)).stages).toEqual({ 3: 'Staging', 4: 'Production' });
  });

  it('asks on a terminal, takes nothing but "yes", and refuses a plan that is stale by then', async () => {
    const model = await seeded(3);
    await mlflow.setAlias(model, 'champion', '1');
    const place = await files({ 'a.yaml': champion('a', model, '2') });
    const args = ['apply', place, '--registry-uri', sharedMlflow()];

    const declined = await startOnTerminal(args, 'Apply this plan?');
    expect(await declined.answer('y')).toMatchObject({
      code: 1,
      output: expect.stringContaining('Nothing was changed'),
    });
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' });

    const stale = await startOnTerminal(args, 'Apply this plan?');
    await mlflow.setAlias(model, 'champion', '3');
    expect(await stale.answer('yes')).toMatchObject({
      code: 1,
      output: expect.stringContaining('plan is stale'),
    });
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '3' });

    const agreed = await startOnTerminal(args, 'Apply this plan?');
    expect(await agreed.answer('yes')).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 change'),
    });
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
  });
});

describe('status and wait', () => {
  let place: Installation;
  let daemon: Daemon;
  const model = uniqueModel('wait');
  beforeAll(async () => {
    await mlflow.seed(model, 2);
    place = await install();
    await place.commit({
      'good.yaml': champion('ml/good', model, '1'),
      'stuck.yaml': promotion('ml/stuck', { model, aliases: [{ name: 'next', version: '9' }] }),
    });
    daemon = await place.start();
    await daemon.settled('ml/good', 'UpToDate');
    await daemon.settled('ml/stuck', 'VersionNotFound');
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await place?.[Symbol.asyncDispose]();
  });
  const ask = (command: string, ...args: string[]) =>
    modelpromotion([command, ...args, '--server', daemon.url]);

  it('status shows every promotion, or those that are named, in four forms', async () => {
    const table = await ask('status');
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^PROMOTION +MODEL +STAGES +ALIASES +READY +REASON +MESSAGE/);
    expect(table.stdout).toMatch(new RegExp(`^ml/good +${model} +- +champion=1 +True +UpToDate`, 'm'));
    expect(table.stdout).toMatch(/^ml\/stuck .* False +VersionNotFound/m);

    const json = JSON.parse((await ask('status', 'good', '-o', 'json')).stdout);
    expect(json).toEqual({ promotions: [await daemon.promotion('ml/good')] });
    expect(parse((await ask('status', 'good', '-o', 'yaml')).stdout)).toEqual(json);
    expect((await ask('status', '-o', 'markdown')).stdout).toContain('| ml/good |');
  });

  it('status reads the status branch when there is no server to ask', async () => {
    await eventually(() => place.statusFile('ml/good'));
    const { code, stdout } = await modelpromotion(['status', 'ml/good', '-o', 'json', ...place.gitOptions()]);
    expect(code).toBe(0);
    expect(await daemon.promotion('ml/good')).toMatchObject(JSON.parse(stdout).promotions[0]);
  });

  it('status says what to do when nothing answers, or the name is not there', async () => {
    const nobody = await modelpromotion(['status', '--server', 'http://127.0.0.1:9']);
    expect(nobody).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--git-url') });
    const unknown = await ask('status', 'ml/unknown');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('no promotion ml/unknown') });
  });

  it('wait ends with 0 when ready, and with 1 when stalled or when the time is up', async () => {
    expect(await ask('wait', 'ml/good')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('ml/good: UpToDate'),
    });
    expect(await ask('wait', 'ml/stuck')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('VersionNotFound'),
    });
    expect(await ask('wait', 'ml/nobody', '--timeout', '1s')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not ready in time'),
    });
  });

  it('wait --revision ends when that commit is carried out, and not before', async () => {
    const commit = await place.commit({ 'good.yaml': champion('ml/good', model, '2') });
    expect((await ask('wait', 'ml/good', '--revision', commit)).code).toBe(0);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });

    const never = await ask('wait', 'ml/good', '--revision', 'deadbeef', '--timeout', '1s');
    expect(never).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('waiting for revision deadbeef'),
    });
  });
});
