/** The webhook that a registry declares: made and kept in a real MLflow, which really sends what is changed by hand. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mlflowSigned, post, startSendingMlflow, type SendingMlflow } from '../../support/hooks.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, type Daemon } from '../../support/program.ts';
import { openGateway } from './gateway.ts';
import { install, promotion, registry, type Installation } from './installation.ts';

/** Nothing but a hint is quick here, but our webhook is looked after every ten seconds. */
const SWEEP = '1s';

let sending: SendingMlflow;
let mlflow: ReturnType<typeof rest>;
beforeAll(async () => {
  sending = await startSendingMlflow();
  mlflow = rest(sending.url);
});
afterAll(() => sending?.[Symbol.asyncDispose]());

const declared = (hook: string, more: object = {}) => ({
  uri: sending.url,
  sweepInterval: '10m',
  webhook: { url: `${hook}/hooks/mlflow`, secretRef: { name: 'mlflow-hook' } },
  ...more,
});

interface World extends AsyncDisposable {
  readonly place: Installation;
  readonly daemon: Daemon;
  /** Signs what MLflow sends. */
  readonly token: string;
}

/** A daemon that follows its source, and has the secret of the webhook. */
async function world(origins = [sending.url]): Promise<World> {
  const place = await install();
  const token = `canary-${randomUUID()}`;
  await place.commit({ 'README.md': 'models' });
  const daemon = await place.start(['--log-level', 'debug']);
  await place.writeSecret('mlflow-hook', { token, origins: [...origins, daemon.url].join('\n') });
  return {
    place,
    daemon,
    token,
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

async function champion(name: string, version = '1'): Promise<{ model: string; file: string }> {
  const model = uniqueModel(name);
  await mlflow.seed(model, 3);
  const spec = { model, registryRef: { name: 'mlflow' }, aliases: [{ name: 'champion', version }] };
  return { model, file: promotion(name, spec) };
}

const registryOf = async (daemon: Daemon) =>
  (await daemon.status()).registries.find(({ name }) => name === 'default/mlflow');
const webhookOf = async (daemon: Daemon) =>
  (await registryOf(daemon))?.status.conditions?.find(({ type }) => type === 'Webhook');

const kept = (daemon: Daemon) =>
  eventually(async () =>
    expect(await webhookOf(daemon)).toMatchObject({ status: 'True', reason: 'WebhookKept' }),
  );

describe('a registry that declares a webhook', () => {
  it('has an alias that was changed by hand put right by what MLflow sends, ten minutes before its sweep', async () => {
    await using started = await world();
    const { place, daemon, token } = started;
    const { model, file } = await champion('drifting');
    await place.commit({ 'r.yaml': registry('mlflow', declared(daemon.url)), 'p.yaml': file });
    await daemon.settled('default/drifting', 'UpToDate');
    await kept(daemon);
    const [webhook, ...others] = await sending.webhooks();
    expect(others).toEqual([]);
    expect(webhook).toMatchObject({ url: `${daemon.url}/hooks/mlflow`, status: 'ACTIVE' });
    expect(webhook?.name).toMatch(/^modelpromotion\.default\.default\.mlflow-/);
    expect(webhook?.events.length).toBe(6);

    await mlflow.setAlias(model, 'champion', '3');
    await eventually(async () => expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' }));
    await mlflow.deleteAlias(model, 'champion');
    await eventually(async () => expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' }));

    expect(await daemon.metric('modelpromotion_hints_total{kind="mlflow",result="refused"}')).toBe(0);
    const { registries } = await daemon.status();
    // MLflow's secret is that of one registry, and wakes no other.
    expect(registries.filter(({ status }) => 'lastHint' in status).map(({ name }) => name)).toEqual([
      'default/mlflow',
    ]);
    const forged = JSON.stringify({ data: { name: model } });
    const hook = `${daemon.url}/hooks/mlflow`;
    expect(await post(hook, forged, mlflowSigned(forged, 'somebody else entirely'))).toBe(401);
    // The secret of one registry says nothing about the source.
    expect(await post(`${daemon.url}/hooks/git`, forged, mlflowSigned(forged, token))).toBe(404);
    const printed = [daemon.output(), JSON.stringify(await daemon.status())].join('\n');
    expect(printed).not.toContain(token);
  });

  it('has it made again when somebody deletes it, and put right when somebody changes it or its secret', async () => {
    await using started = await world();
    const { place, daemon } = started;
    const { model, file } = await champion('kept');
    const spec = declared(daemon.url, { sweepInterval: SWEEP });
    await place.commit({ 'r.yaml': registry('mlflow', spec), 'p.yaml': file });
    await daemon.settled('default/kept', 'UpToDate');
    await kept(daemon);
    const ours = async () =>
      (await sending.webhooks()).filter(({ name }) => name.startsWith('modelpromotion.'));
    const [first] = await ours();

    await mlflow.call('DELETE', `webhooks/${first?.webhook_id}`, {});
    const second = await eventually(async () => {
      const [found] = await ours();
      expect(found).toBeDefined();
      return found;
    });
    expect(second?.webhook_id).not.toBe(first?.webhook_id);

    await mlflow.call('PATCH', `webhooks/${second?.webhook_id}`, {
      status: 'DISABLED',
      secret: 'x'.repeat(20),
    });
    await eventually(async () => expect(await ours()).toMatchObject([{ status: 'ACTIVE' }]));
    await kept(daemon);

    const next = `canary-${randomUUID()}`;
    await place.writeSecret('mlflow-hook', { token: next });
    await daemon.logged('our webhook in MLflow was written anew');
    const event = JSON.stringify({ data: { name: model } });
    await eventually(async () =>
      expect(await post(`${daemon.url}/hooks/mlflow`, event, mlflowSigned(event, next))).not.toBe(401),
    );
    const renewals = () =>
      daemon.log().filter(({ msg }) => msg === 'our webhook in MLflow was written anew').length;
    await eventually(() => expect(renewals()).toBeGreaterThanOrEqual(2));
    await kept(daemon);
    expect(daemon.output()).not.toContain('canary-');
  });

  it('has it adopted after a restart, and removed when it is declared no more, with the registry or without', async () => {
    await using started = await world();
    const { place, daemon } = started;
    const { file } = await champion('adopted');
    await place.commit({ 'r.yaml': registry('mlflow', declared(daemon.url)), 'p.yaml': file });
    await daemon.settled('default/adopted', 'UpToDate');
    await kept(daemon);
    const before = await sending.webhooks();
    await daemon.stop();
    expect(await sending.webhooks()).toEqual(before);

    await using again = await place.start();
    await place.writeSecret('mlflow-hook', { origins: [sending.url, daemon.url, again.url].join('\n') });
    await place.commit({ 'r.yaml': registry('mlflow', declared(again.url)) });
    await eventually(async () =>
      expect(await sending.webhooks()).toMatchObject([
        { webhook_id: before[0]?.webhook_id, url: `${again.url}/hooks/mlflow` },
      ]),
    );

    await place.commit({ 'r.yaml': registry('mlflow', { uri: sending.url }) });
    await eventually(async () => expect(await sending.webhooks()).toEqual([]));
    await again.logged('our webhook was removed from MLflow');
    expect(await webhookOf(again)).toBeUndefined();

    await place.commit({ 'r.yaml': registry('mlflow', declared(again.url)) });
    await kept(again);
    await place.commit({ 'r.yaml': null });
    await eventually(async () => expect(await sending.webhooks()).toEqual([]));
    expect((await fetch(`${again.url}/hooks/mlflow`, { method: 'POST' })).status).toBe(404);

    await place.commit({ 'r.yaml': registry('mlflow', declared(again.url)) });
    await kept(again);
    await again.stop();
    await place.commit({ 'r.yaml': registry('mlflow', { uri: sending.url }) });
    await using later = await place.start();
    await later.logged('our webhook was removed from MLflow');
    expect(await sending.webhooks()).toEqual([]);
  });
});

describe('a webhook that cannot be', () => {
  it.each<[string, (daemon: Daemon) => object, string, string]>([
    [
      'because MLflow takes no such address',
      (daemon) => declared(daemon.url, { uri: sharedMlflow() }),
      'WebhookRefused',
      'MLFLOW_WEBHOOK_ALLOWED_SCHEMES',
    ],
    [
      'because its address leads nowhere',
      () => declared('http://127.0.0.1:9'),
      'WebhookUndelivered',
      'MLflow cannot deliver to http://127.0.0.1:9/hooks/mlflow',
    ],
    [
      'because its secret is not for that address',
      () => declared('http://127.0.0.2:9'),
      'WebhookRefused',
      'secret mlflow-hook is not for http://127.0.0.2:9',
    ],
  ])('%s is said once, and promotions go on', async (_, spec, reason, words) => {
    await using started = await world([sending.url, sharedMlflow(), 'http://127.0.0.1:9']);
    const { place, daemon } = started;
    const model = uniqueModel('unhooked');
    const declaration = spec(daemon) as { uri: string };
    await rest(declaration.uri).seed(model, 1);
    const aliases = [{ name: 'champion', version: '1' }];
    await place.commit({
      'r.yaml': registry('mlflow', { ...declaration, sweepInterval: SWEEP }),
      'p.yaml': promotion('unhooked', { model, registryRef: { name: 'mlflow' }, aliases }),
    });
    await daemon.settled('default/unhooked', 'UpToDate');
    await eventually(async () =>
      expect(await webhookOf(daemon)).toMatchObject({
        status: 'False',
        reason,
        message: expect.stringContaining(words) as string,
      }),
    );
    await daemon.sweeps(3);
    const told = daemon
      .log()
      .filter(({ msg }) => msg === 'the webhook in MLflow does not work; promotions go on without it');
    expect(told).toMatchObject([{ registry: 'default/mlflow', level: 'warn' }]);
    expect((await registryOf(daemon))?.status.conditions?.[0]).toMatchObject({
      type: 'Ready',
      status: 'True',
    });
    await place.commit({ 'r.yaml': null });
    await eventually(async () => expect(await sending.webhooks()).toEqual([]));
  });

  it('never sends its secret to a server that the secret does not list', async () => {
    await using started = await world();
    const { place, daemon, token } = started;
    await using gateway = await openGateway();
    await place.commit({
      'r.yaml': registry('mlflow', declared(daemon.url, { uri: gateway.url, sweepInterval: SWEEP })),
    });
    await eventually(async () =>
      expect(await webhookOf(daemon)).toMatchObject({
        message: expect.stringContaining(`secret mlflow-hook is not for ${gateway.url}`) as string,
      }),
    );
    const body = JSON.stringify({ data: { name: 'x' } });
    // Whoever writes manifests cannot make it count for a server of his own either.
    expect(await post(`${daemon.url}/hooks/mlflow`, body, mlflowSigned(body, token))).toBe(503);
    const listed = 'modelpromotion_registry_requests_total{call="list-webhooks",result="ok"}';
    expect(await daemon.metric(listed)).toBe(0);
  });
});
