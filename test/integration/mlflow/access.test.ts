import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Credentials } from '../../../src/adapters/mlflow/transport.ts';
import type { WebhookEvent } from '../../../src/adapters/mlflow/webhook.ts';
import { startMlflow, type MlflowServer } from '../../../src/cli/quickstart/mlflow.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { tracking } from '../../support/tracking.ts';
import { openRegistry, plain, soon, sweptRegistry, write, type World } from './world.ts';

const { signal } = new AbortController();
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'modelpromotion-access-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('an MLflow with passwords', () => {
  const ADMIN = { username: 'admin', password: 'correct-horse-battery' };
  const READER = { username: 'reader', password: 'only-looks-at-things' };
  const WRONG = { username: 'admin', password: 'a-wrong-password' };
  const name = uniqueModel();
  const hidden = uniqueModel();
  let server: MlflowServer;

  beforeAll(async () => {
    server = await startMlflow({
      dir: join(dir, 'auth'),
      basicAuth: { adminPassword: ADMIN.password },
      signal,
    });
    const mlflow = rest(server.url, { authorization: basic(ADMIN) });
    await mlflow.seed(name, 2);
    await mlflow.seed(hidden, 1);
    await mlflow.call('POST', 'users/create', READER);
    const grant = {
      username: 'reader',
      resource_type: 'registered_model',
      resource_id: hidden,
      permission: 'DENY',
    };
    await mlflow.call('POST', '../../3.0/mlflow/users/permissions/grant', grant);
  });
  afterAll(() => server.stop());

  function basic({ username, password }: typeof ADMIN): string {
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  function as(credentials: Credentials, managed = [name]): World {
    return openRegistry(server.url, managed, { credentials: () => Promise.resolve(credentials) });
  }

  it('is read and written with user name and password', async () => {
    const { registry } = as({ kind: 'basic', ...ADMIN });
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    await registry.write(name, write.setAlias('champion', '2'), soon());
    expect(plain(await registry.read(name, soon()))).toMatchObject({ aliases: { champion: '2' } });
  });

  it('tells the runs of an experiment that is kept from us apart from all others', async () => {
    const mlflow = rest(server.url, { authorization: basic(ADMIN) });
    const make = tracking(mlflow);
    const [open, closed] = [await make.createExperiment(), await make.createExperiment()];
    const runs = [await make.createRun({ experiment: open }), await make.createRun({ experiment: closed })];
    const grant = {
      username: 'reader',
      resource_type: 'experiment',
      resource_id: closed,
      permission: 'DENY',
    };
    await mlflow.call('POST', '../../3.0/mlflow/users/permissions/grant', grant);
    const model = uniqueModel();
    await mlflow.createModel(model);
    for (const run_id of runs) await mlflow.createVersion(model, { run_id });

    const { registry } = as({ kind: 'basic', ...READER });
    const fact = await registry.read(model, soon());
    const versions = fact.kind === 'known' ? [...fact.value.versions.values()] : [];
    const told = async (some: typeof versions): Promise<string[]> =>
      [...(await registry.evidence(some, soon())).values()].map((one) =>
        one.kind === 'unknown' ? one.reason : one.kind,
      );
    expect(await told(versions)).toEqual(['known', 'RegistryRefused']);
    expect(await told(versions.slice(1))).toEqual(['RegistryRefused']);
  });

  it.each<[string, Credentials]>([
    ['no credentials', { kind: 'none' }],
    ['a wrong password', { kind: 'basic', ...WRONG }],
    ['a token', { kind: 'bearer', token: 'a-token-of-ours' }],
  ])('refuses %s in words that say what to check, and hold no secret', async (_what, credentials) => {
    const { registry } = as(credentials);
    expect(await registry.sweep(soon())).toBeUndefined();
    const told = {
      kind: 'unknown',
      reason: 'AccessDenied',
      message:
        'the registry does not accept our credentials (401); check the token, or user name and password',
    };
    expect(registry.health.failure).toEqual(told);
    expect(await registry.read(name, soon())).toEqual(told);
    const refused = await registry
      .write(name, write.setAlias('a', '1'), soon())
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'WriteError', reason: 'AccessDenied', ambiguous: false });
    const secrets = [
      WRONG.password,
      'a-token-of-ours',
      Buffer.from(`admin:${WRONG.password}`).toString('base64'),
    ];
    for (const secret of secrets) expect(everythingIn(refused)).not.toContain(secret);
  });

  it('lets who may only read see everything, and says 403 to every write', async () => {
    const { registry } = as({ kind: 'basic', ...READER });
    await registry.sweep(soon());
    expect(registry.snapshot(name)).toMatchObject({ kind: 'known' });
    const writes = [
      write.transition('1', 'Staging'),
      write.setAlias('a', '1'),
      write.deleteAlias('champion', '2'),
      write.setTag('1', 'a', 'b'),
      write.describe('1', 'words'),
    ];
    for (const action of writes) {
      await expect(registry.write(name, action, soon())).rejects.toMatchObject({
        reason: 'AccessDenied',
        ambiguous: false,
        message: 'the registry does not permit this (403): HTTP 403 Permission denied',
      });
    }
    const mark = { version: undefined, key: 'modelpromotion.dev/owner/stage/Production', value: 'us' };
    await expect(registry.mark(name, mark, soon())).rejects.toMatchObject({ reason: 'AccessDenied' });
  });

  it('keeps no webhook for who is no administrator; that is told once, and reading goes on', async () => {
    const told: WebhookEvent[] = [];
    const { registry } = openRegistry(server.url, [name], {
      credentials: () => Promise.resolve({ kind: 'basic', ...READER }),
      webhook: {
        name: 'ours',
        description: '',
        declared: { url: 'https://example.com/hooks/mlflow', secret: () => Promise.resolve('s'.repeat(16)) },
        pace: 0,
        told: (event) => told.push(event),
      },
    });
    for (let sweep = 0; sweep < 2; sweep += 1) {
      expect(await registry.sweep(soon())).toBeDefined();
      await vi.waitFor(() => expect(registry.health.webhook).toMatchObject({ kind: 'refused' }), 60_000);
    }
    const detail = 'MLflow lets only its administrators see and keep webhooks (403)';
    expect(told).toEqual([{ kind: 'failed', detail }]);
    expect(registry.health.failure).toBeUndefined();
  });

  it('hides models: one that we may not see is refused, not absent, and one that is not there is absent', async () => {
    const missing = uniqueModel();
    const { registry } = as({ kind: 'basic', ...READER }, [name, hidden, missing]);
    await registry.sweep(soon());
    expect(await registry.read(hidden, soon())).toMatchObject({ kind: 'unknown', reason: 'AccessDenied' });
    expect(await registry.read(missing, soon())).toEqual({ kind: 'absent' });
    expect(await registry.read(name, soon())).toMatchObject({ kind: 'known' });
  });

  it('takes a new password into use without a restart', async () => {
    let credentials: Credentials = { kind: 'basic', ...WRONG };
    const { registry } = openRegistry(server.url, [name], {
      credentials: () => Promise.resolve(credentials),
    });
    expect(await registry.sweep(soon())).toBeUndefined();
    credentials = { kind: 'basic', ...ADMIN };
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    expect(await registry.read(name, soon())).toMatchObject({ kind: 'known' });
  });

  it('never sees a token that no header can carry', async () => {
    const { registry } = as({ kind: 'bearer', token: 'two\nlines' });
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure).toMatchObject({
      reason: 'AccessDenied',
      message: 'the token is empty, or holds characters that no token has',
    });
  });
});

/** An error with all that it drags along: causes, stacks, own fields. */
function everythingIn(error: unknown): string {
  let text = '';
  for (let one = error; one instanceof Error; one = one.cause) {
    text += [one.message, one.stack, JSON.stringify(one, Object.getOwnPropertyNames(one))].join('\n');
  }
  return text;
}

describe('an MLflow with workspaces', () => {
  const name = uniqueModel();
  let server: MlflowServer;

  beforeAll(async () => {
    server = await startMlflow({
      dir: join(dir, 'workspaces'),
      env: { MLFLOW_ENABLE_WORKSPACES: 'true' },
      signal,
    });
    await rest(server.url).call('POST', '../../3.0/mlflow/workspaces', { name: 'team-a' });
    await rest(server.url, { 'x-mlflow-workspace': 'team-a' }).seed(name, 3);
    await rest(server.url).seed(name, 1);
  });
  afterAll(() => server.stop());

  it.each([
    ['team-a', 3],
    ['default', 1],
    [undefined, 1],
  ])('shows the models of workspace %s', async (workspace, versions) => {
    const { registry } = await sweptRegistry(server.url, [name], { workspace });
    expect(registry.snapshot(name)).toMatchObject({ value: { versions: { size: versions } } });
    expect(registry.health.capabilities).toMatchObject({ workspaces: true });
  });

  it('is written to in the workspace that was declared', async () => {
    const { registry } = await sweptRegistry(server.url, [name], { workspace: 'team-a' });
    await registry.write(name, write.setAlias('champion', '3'), soon());
    expect(plain(await registry.read(name, soon()))).toMatchObject({ aliases: { champion: '3' } });
    expect(await rest(server.url).state(name)).toEqual({ stages: {}, aliases: {} });
  });

  it('says so when there is no such workspace', async () => {
    const { registry } = openRegistry(server.url, [name], { workspace: 'team-b' });
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure).toMatchObject({
      reason: 'RegistryRefused',
      message: expect.stringContaining("Workspace 'team-b' not found"),
    });
    expect(await registry.read(name, soon())).toMatchObject({ kind: 'unknown' });
  });
});

describe('an MLflow without workspaces', () => {
  it('is told apart at once when a workspace is declared', async () => {
    const name = uniqueModel();
    await rest(sharedMlflow()).seed(name, 1);
    const { registry } = openRegistry(sharedMlflow(), [name], { workspace: 'team-a' });
    expect(await registry.sweep(soon())).toBeUndefined();
    const told = {
      kind: 'unknown',
      reason: 'RegistryRefused',
      message: expect.stringMatching(
        /no workspaces, and workspace team-a is declared; remove it, or start MLflow with/,
      ),
    };
    expect(registry.health.failure).toEqual(told);
    expect(await registry.read(name, soon())).toEqual(told);
  });
});
