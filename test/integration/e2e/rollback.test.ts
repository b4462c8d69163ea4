/** Going back from the prompt: the built program, a real git server, a real MLflow, and the controller that carries it out. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import {
  eventually,
  modelpromotion,
  startDaemon,
  startOnTerminal,
  type Daemon,
} from '../../support/program.ts';
import { install, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
const AUTHOR = ['--author', 'Ada <ada@example.com>'];
const REGISTRY = ['--registry-uri', sharedMlflow()];
const SECRET = `canary-${randomUUID()}`;

let place: Installation;
let daemon: Daemon;
/** One that no test changes. */
let steady: Promoted;

beforeAll(async () => {
  place = await install();
  await place.writeSecret('hooks', { token: SECRET });
  await place.commit({ 'README.md': 'models\n', 'other.yaml': manifest('other', 'nobody', '1') });
  daemon = await place.start(['--hook-secret', 'hooks']);
  steady = await promoted();
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

/** As a person writes it. */
function manifest(name: string, model: string, version: string): string {
  return `# The model behind the offers.
apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: ${name}, namespace: ml }   # team offers
spec:
  model: ${model}
  stages:
    - name: Production
      version: '${version}'   # see the wiki

  aliases: [ {name: champion, version: "${version}"} ]
`;
}

interface Promoted {
  readonly name: string;
  readonly model: string;
  readonly file: string;
  readonly key: string;
}

/** A promotion of its own that went from 2 to 3. */
async function promoted(): Promise<Promoted> {
  const name = uniqueModel('back').toLowerCase().replaceAll('_', '-');
  const [model, file, key] = [name, `models/${name}.yaml`, `ml/${name}`];
  await mlflow.seed(model, 4);
  for (const version of ['2', '3']) {
    const commit = await place.commit({ [file]: manifest(name, model, version) });
    await daemon.settled(key, 'UpToDate', commit);
  }
  await eventually(async () => {
    const { status } = await place.statusFile(key);
    expect(status?.history).toHaveLength(4);
  });
  return { name, model, file, key };
}

const prompt = (command: string, ...args: string[]) =>
  modelpromotion([command, ...args, ...place.gitOptions(), ...(command === 'rollback' ? REGISTRY : [])]);

describe('rollback over git', () => {
  it('is one command: the file changes in two places, and the controller carries it out', async () => {
    const { key, model, file } = await promoted();
    const before = await place.repo.show('main', file);
    const { code, stdout, stderr } = await prompt(
      'rollback',
      key,
      '--yes',
      '--reason',
      'wrong scores',
      ...AUTHOR,
    );

    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/Production +3 → 2 +2 held it until 20/);
    expect(stdout).toMatch(/Undoes the change of 20.* by Ada Reviewer <ada@example.com> \(main@sha1:/);
    expect(stdout).toContain(`In the registry: version 2 of ${model} exists and is READY.`);
    expect(stdout).toContain(`${file}:9:16: spec.stages[0].version: "3" → "2"`);
    expect(await place.repo.show('main', file)).toBe(before.replace("'3'", "'2'").replace('"3"', '"2"'));
    expect(await place.repo.git('log', '-1', '--format=%an <%ae>%n%B', 'main')).toBe(`Ada <ada@example.com>
Roll back ${key} to version 2

Production: 3 -> 2
@champion: 3 -> 2
Reason: wrong scores

Promotion: ${key}
Rollback-From: 3
Rollback-To: 2`);
    await daemon.settled(key, 'UpToDate', await place.repo.tip());
    expect(await mlflow.state(model)).toMatchObject({
      stages: { 2: 'Production' },
      aliases: { champion: '2' },
    });
  });

  it('goes to a branch for review, and leaves the watched one alone', async () => {
    const { key, file } = await promoted();
    const before = await place.repo.tip();
    const branch = `back-${randomUUID()}`;
    const back = () => prompt('rollback', key, '--to', '1', '--yes', '--branch', branch, ...AUTHOR);
    expect(await back()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`no record that 1 ever held it[^]*Pushed [0-9a-f]{12} to the new branch ${branch}; merge`)), // prettier-ignore
    });
    expect(await place.repo.tip()).toBe(before);
    expect(await place.repo.show(branch, file)).toContain("version: '1'");
    expect(await back()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`branch ${branch} already`),
    });
  });

  it('asks on a terminal, and changes nothing for any answer but yes', async () => {
    const { key } = await promoted();
    const before = await place.repo.tip();
    const ask = () =>
      startOnTerminal(
        ['rollback', key, ...place.gitOptions(), ...REGISTRY, ...AUTHOR],
        'Only "yes" is accepted',
      );
    const no = await (await ask()).answer('y');
    expect(no).toMatchObject({ code: 1, output: expect.stringContaining('Nothing was changed.') });
    expect(await place.repo.tip()).toBe(before);
    const yes = await (await ask()).answer('yes');
    expect(yes).toMatchObject({ code: 0, output: expect.stringContaining('Committed') });
    expect(await place.repo.tip()).not.toBe(before);
  });

  it('goes on top of what others pushed meanwhile, and stops where they changed the promotion itself', async () => {
    const { key, file, name, model } = await promoted();
    const ask = () =>
      startOnTerminal(
        ['rollback', key, ...place.gitOptions(), ...REGISTRY, ...AUTHOR],
        'Only "yes" is accepted',
      );
    const overtaken = await ask();
    const theirs = await place.commit({ [file]: manifest(name, model, '4') });
    const stopped = await overtaken.answer('yes');
    expect(stopped).toMatchObject({ code: 1, output: expect.stringContaining('nothing was written') });
    expect(await place.repo.tip()).toBe(theirs);

    await daemon.settled(key, 'UpToDate', theirs);
    await eventually(async () => expect((await place.statusFile(key)).status?.history).toHaveLength(6));
    const beside = await ask();
    const other = await place.commit({ [`${randomUUID()}.txt`]: 'x' });
    expect(await beside.answer('yes')).toMatchObject({ code: 0 });
    expect(await place.repo.git('log', '-1', '--format=%P', 'main')).toBe(other);
    expect(await place.repo.show('main', file)).toBe(manifest(name, model, '3').trimEnd());
  });

  it('refuses a version that was deleted, and says which there are', async () => {
    const { key, model } = await promoted();
    await mlflow.deleteVersion(model, '2');
    const before = await place.repo.tip();
    const { code, stderr } = await prompt('rollback', key, '--yes', ...AUTHOR);
    expect(code).toBe(3);
    expect(stderr).toContain(`nothing was changed: version 2 of ${model} does not exist`);
    expect(await place.repo.tip()).toBe(before);
  });

  it('goes on where the registry cannot be asked, and says so', async () => {
    const { key } = await promoted();
    const args = ['rollback', key, '--yes', ...AUTHOR, ...place.gitOptions()];
    const { code, stdout } = await modelpromotion([...args, '--registry-uri', 'http://127.0.0.1:9']);
    expect(code).toBe(0);
    expect(stdout).toContain('Warning: the versions were not checked: the registry could not be asked');
  });

  it.each([
    ['a name that is not there', (name: string) => [name.slice(0, -1)], 2, /there is no promotion .*did you mean/],
    ['no history', () => ['ml/other'], 2, /ml\/other: no (earlier )?version.*--to/],
    ['options that cannot be', (name: string) => [name, '--branch', 'main'], 2, /--branch: main is the watched branch/],
    ['nobody who commits', (name: string) => [name, '--yes', '--author', 'Ada'], 2, /--author: "Ada" is not of the form/],
  ] as const)('tells %s', async (_, args, expected, message) => {
    const { name } = steady;
    const before = await place.repo.tip();
    const { code, stderr } = await prompt('rollback', ...AUTHOR, ...args(name));
    expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringMatching(message) });
    expect(await place.repo.tip()).toBe(before);
  }); // prettier-ignore

  it('needs somebody who commits, and takes them from the configuration of git', async () => {
    const { key } = await promoted();
    await using home = await temporaryFolder();
    const suspend = () =>
      modelpromotion(['suspend', key, ...place.gitOptions()], { env: { HOME: home.path } });
    expect(await suspend()).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^who commits\?.*--author/),
    });
    await writeFile(join(home.path, '.gitconfig'), '[user]\n\tname = Grace\n\temail = grace@example.com\n');
    expect(await suspend()).toMatchObject({ code: 0 });
    expect(await place.repo.git('log', '-1', '--format=%an <%ae>', 'main')).toBe('Grace <grace@example.com>');
  });

  it('is refused in clear words where the credential may only read', async () => {
    const { key } = steady;
    const before = await place.repo.tip();
    const args = ['rollback', key, '--yes', ...AUTHOR, ...place.gitOptions('git-reader'), ...REGISTRY];
    const { code, stderr } = await modelpromotion(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nothing was changed: .*lacks the right.*--git-secret, or .*--branch NAME$/m);
    expect(stderr).not.toContain('canary');
    expect(await place.repo.tip()).toBe(before);
  });

  it('is left to a person where two documents have one name', async () => {
    const { key, name, model, file } = steady;
    await place.commit({ [`${file}.copy.yaml`]: manifest(name, model, '1') });
    const { code, stderr } = await prompt('rollback', key, '--yes', ...AUTHOR);
    await place.commit({ [`${file}.copy.yaml`]: null });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^correct this first: .*copy\.yaml:4:\d+: .*is declared at .* already/);
  });
});

it('pins what a rule selected, and the controller keeps the pin', async () => {
  const { name, key, model, file } = await promoted();
  const text = manifest(name, model, '3');
  const ruled = text.replace("version: '3'   # see the wiki", 'versionFrom: { latest: {} }   # the newest');
  await daemon.settled(key, 'UpToDate', await place.commit({ [file]: ruled }));
  expect((await mlflow.state(model)).stages).toMatchObject({ 4: 'Production' });

  const args = ['--yes', '--target', 'Production', '--reason', "Ada's word: #7", '--pin-for', '2h'];
  const { code, stdout } = await prompt('rollback', key, ...args, ...AUTHOR);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/Production +4 → 3 .*held it until/),
  });
  expect(stdout).toContain('Production is pinned for a while; then its rule (latest) selects again');
  await daemon.settled(key, 'UpToDate', await place.repo.tip());
  expect((await mlflow.state(model)).stages).toMatchObject({ 3: 'Production' });
  const now = await place.repo.show('main', file);
  const [added = ''] = /\n *pin: .*/.exec(now) ?? [];
  expect(now.replace(added, '')).toBe(ruled.trimEnd());
  expect(added).toContain(`"Ada's word: #7"`);

  expect(await prompt('rollback', key, ...args, ...AUTHOR)).toMatchObject({ code: 0 });
  expect((await place.repo.show('main', file)).match(/pin: .*/g)).toEqual([
    expect.stringContaining('version: "2"'),
  ]);
});

describe('rollback, suspend and resume for programs', () => {
  it('say in JSON what was changed, and what was so already', async () => {
    const { key, model, file } = await promoted();
    const report = async (command: string, ...more: string[]) => {
      const { code, stdout } = await prompt(command, key, '-o', 'json', ...more, ...AUTHOR);
      return { code, ...JSON.parse(stdout) };
    };
    expect(await report('rollback', '--yes')).toEqual({
      code: 0,
      promotion: key,
      model,
      changed: true,
      returns: [
        { target: 'stage/Production', from: '3', to: '2' },
        { target: 'alias/champion', from: '3', to: '2' },
      ],
      changes: [
        expect.stringContaining(`${file}:9:16: spec.stages[0].version`),
        expect.stringContaining('spec.aliases[0].version'),
      ],
      notes: [],
      warnings: [],
      message: expect.stringMatching(/^Committed [0-9a-f]{12} to main\.$/),
    });
    expect(await report('rollback', '--yes', '--to', '2')).toMatchObject({ code: 0, changed: false });
    expect(await report('suspend')).toMatchObject({
      changed: true,
      message: expect.stringContaining('Committed'),
    });
    expect(await report('suspend')).toMatchObject({
      changed: false,
      message: `${key} is suspended already.`,
    });
    const { stdout } = await prompt('resume', key, '-o', 'markdown', ...AUTHOR);
    expect(stdout).toMatch(/^### ml\/.*\n\nCommitted/);
  });
});

describe('suspend, resume and reconcile over git', () => {
  it('add one line, and change one word', async () => {
    const { key, file } = await promoted();
    const before = await place.repo.show('main', file);
    expect(await prompt('suspend', key, '--reason', 'incident 42', ...AUTHOR)).toMatchObject({ code: 0 });
    expect(await place.repo.show('main', file)).toBe(`${before}\n  suspend: true`);
    expect(await place.repo.git('log', '-1', '--format=%(trailers:only,unfold)', 'main')).toBe(
      `Promotion: ${key}\nSuspend: true`,
    );
    expect(await prompt('suspend', key, ...AUTHOR)).toMatchObject({
      code: 0,
      stdout: `${key} is suspended already.\n`,
    });
    expect(await prompt('resume', key, ...AUTHOR)).toMatchObject({ code: 0 });
    expect(await place.repo.show('main', file)).toBe(`${before}\n  suspend: false`);
  });

  it('a signed hint has the controller look at once, and nothing is committed for it', async () => {
    const { key } = steady;
    const before = await place.repo.tip();
    const args = ['reconcile', key, '--server', daemon.url];
    const hooks = ['--hook-secret', 'hooks', '--secrets-dir', place.secretsDir];
    const accepted = (kind: string) =>
      daemon.metric(`modelpromotion_hints_total{kind="${kind}",result="accepted"}`);
    const [git, registry] = [await accepted('git'), await accepted('mlflow')];
    expect(await modelpromotion([...args, ...hooks])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${key}: the controller looks at its source, and at model`),
    });
    expect([await accepted('git'), await accepted('mlflow')]).toEqual([git + 1, registry + 1]);
    expect(await modelpromotion(args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--hook-secret NAME'),
    });
    expect(await modelpromotion(['reconcile', 'ml/nobody', ...args.slice(2), ...hooks])).toMatchObject({
      code: 2,
    });
    expect(await place.repo.tip()).toBe(before);
  });
});

describe('in a folder', () => {
  it('the file is changed, with the history of the controller that reads it', async () => {
    await using folder = await temporaryFolder();
    const model = uniqueModel('folder');
    await mlflow.seed(model, 3);
    const file = join(folder.path, 'manifests', 'churn.yaml');
    await mkdir(join(folder.path, 'manifests'));
    await writeFile(file, manifest('churn', model, '2'));
    const path = ['--path', join(folder.path, 'manifests')];
    await using daemon = await startDaemon([
      '--source',
      'folder',
      ...path,
      '--git-interval',
      '300ms',
      ...REGISTRY,
    ]);
    await daemon.settled('ml/churn', 'UpToDate');
    await writeFile(file, manifest('churn', model, '3'));
    await chmod(file, 0o640);
    await eventually(async () =>
      expect(await mlflow.state(model)).toMatchObject({ aliases: { champion: '3' } }),
    );
    await daemon.settled('ml/churn', 'UpToDate');

    const back = await modelpromotion([
      'rollback',
      'churn',
      '--yes',
      ...path,
      '--server',
      daemon.url,
      ...REGISTRY,
    ]);
    expect(back).toMatchObject({ code: 0, stdout: expect.stringMatching(/3 → 2 +2 held it until/) });
    expect(await readFile(file, 'utf8')).toBe(manifest('churn', model, '2'));
    await eventually(async () =>
      expect(await mlflow.state(model)).toMatchObject({ aliases: { champion: '2' } }),
    );
  });
});
