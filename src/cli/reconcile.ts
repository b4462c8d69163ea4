/** `modelpromotion reconcile`: has a promotion looked at now. */
import { createHmac, randomUUID } from 'node:crypto';
import { SecretFolder } from '../adapters/secrets/folder.ts';
import { annotate, getObject } from '../adapters/kube/promotions.ts';
import { isFields } from '../api/fields.ts';
import type { ModelPromotion, ModelPromotionStatus } from '../api/generated/types.ts';
import { isStatus } from '../api/validate.ts';
import type { Config, Environment, OptionName } from '../config.ts';
import { wordsOf } from '../runtime/failure.ts';
import { signingSecrets } from '../runtime/hooks/keys.ts';
import { sleep } from '../runtime/time.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { LOG_OPTIONS, openOutput, type Output } from './assembly.ts';
import { openClusterHome } from './edit/cluster-home.ts';
import { noSuch } from './edit/find.ts';
import { homeOf } from './edit/options.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { CLUSTER_OPTIONS, forPeople } from './kube-access.ts';
import { messageOf, readServer } from './observed-status.ts';
import { collectionPath, PROMOTIONS } from './operator/kinds.ts';
import { find } from './status.ts';
import { print, tell } from './terminal.ts';

export const RECONCILE_OPTIONS = [
  'timeout',
  'source',
  'git-url',
  ...CLUSTER_OPTIONS,
  'server',
  'hook-secret',
  'secrets-dir',
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

type ReconcileConfig = Config<(typeof RECONCILE_OPTIONS)[number]>;

const ANNOTATION = 'modelpromotion.dev/reconcileAt';
const LOOK_EVERY = 500;
const PATIENCE = 10_000;

export function reconcileNow(
  name: string,
  config: ReconcileConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const output = openOutput(config);
  return homeOf(config, env) === 'kubernetes'
    ? inCluster(name, config, output, signal)
    : byHint(name, config, output.scrubber, signal);
}

async function inCluster(
  name: string,
  config: ReconcileConfig,
  output: Output,
  signal: AbortSignal,
): Promise<ExitCode> {
  await using home = await openClusterHome(config, output);
  const { key, object } = await home.find(name, signal);
  const { api } = home.cluster;
  const { namespace, name: own } = object.metadata;
  const collection = collectionPath(PROMOTIONS, namespace);
  const token = new Date().toISOString();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(config.timeout)]);
  try {
    await annotate(api, collection, own, { [ANNOTATION]: token }, signal);
    tell(`${key}: asked for a look`);
    while (!deadline.aborted) {
      const status = statusIn(await getObject(api, collection, own, deadline));
      if (status?.lastHandledReconcileAt?.split(' ').includes(token) === true)
        return tellOf(key, object, status);
      await sleep(LOOK_EVERY, deadline);
    }
  } catch (error) {
    if (!deadline.aborted) throw forPeople(error);
  }
  signal.throwIfAborted();
  throw new CommandError(
    EXIT.failed,
    `${key} was not looked at in time (--timeout): is the operator running, and is this its namespace?`,
  );
}

function statusIn(object: unknown): ModelPromotionStatus | undefined {
  const status = isFields(object) ? object['status'] : undefined;
  return isStatus(status) ? status : undefined;
}

function tellOf(key: string, object: ModelPromotion, status: ModelPromotionStatus): ExitCode {
  const isStalled =
    status.conditions?.some((one) => one.type === 'Stalled' && one.status === 'True') === true;
  const message = messageOf({
    key,
    model: object.spec.model,
    generation: undefined,
    status,
    document: object,
  });
  const line = `${key}: ${status.summary?.reason ?? 'looked at'}: ${message}`;
  if (isStalled) tell(line);
  else print(line);
  return isStalled ? EXIT.failed : EXIT.done;
}

/** Over git or a folder nothing is written for it: the controller takes signed hints, and this is one. */
async function byHint(
  name: string,
  config: ReconcileConfig,
  scrubber: Scrubber,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { server } = config;
  const { promotions } = await readServer(server, signal);
  const found = find(promotions, config.namespace === undefined || name.includes('/') ? name : `${config.namespace}/${name}`); // prettier-ignore
  if (found === undefined)
    throw new CommandError(EXIT.invalid, noSuch(name, promotions.map(({ key }) => key))); // prettier-ignore
  const secret = await readSecret(config, scrubber);
  const nonce = randomUUID();
  await hint(server, 'git', { ref: `refs/heads/${nonce}` }, secret, signal);
  await hint(server, 'mlflow', { nonce, data: { name: found.model } }, secret, signal);
  print(`${found.key}: the controller looks at its source, and at model ${found.model}, now.`);
  tell(`\`modelpromotion wait ${found.key}\` waits until it is ready.`);
  return EXIT.done;
}

async function readSecret(config: ReconcileConfig, scrubber: Scrubber): Promise<string> {
  const name = config['hook-secret'];
  if (name === undefined)
    throw new CommandError(
      EXIT.invalid,
      'a controller over git or a folder looks at its own interval, and when a signed hint comes; to send one, name the secret that it was started with: --hook-secret NAME --secrets-dir DIR',
    );
  const folder = new SecretFolder(config['secrets-dir'], (value) => scrubber.add(value));
  try {
    const [secret = ''] = signingSecrets(await folder.read(name), name);
    return secret;
  } catch (error) {
    throw new CommandError(EXIT.invalid, `--hook-secret: ${wordsOf(error)}`, { cause: error });
  }
}

/** Signed as GitHub signs. */
async function hint(
  server: string,
  hook: 'git' | 'mlflow',
  payload: object,
  secret: string,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(`/hooks/${hook}`, server);
  const body = JSON.stringify(payload);
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` },
    body,
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
  }).catch((error: unknown) => {
    throw new Error(`no controller answers at ${url.origin}: ${wordsOf(error)}`, { cause: error });
  });
  const said = (await response.text()).trim().slice(0, 200);
  if (response.ok) return;
  const advice =
    response.status === 404
      ? 'it takes no hints: start it with --hook-secret'
      : `it answered ${response.status}: ${said}`;
  throw new Error(`the controller at ${url.origin} refused the hint: ${advice}`);
}
