/** Signs hints as their senders do, with nothing of the code that checks them; and an MLflow that may send to loopback. */
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMlflow } from '../../src/cli/quickstart/mlflow.ts';

export type Signed = Readonly<Record<string, string>>;

/** The headers of GitHub for this body. */
export function github(body: string, secret: string, event = 'push'): Signed {
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return {
    'x-github-event': event,
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': `sha256=${signature}`,
  };
}

/** The headers of MLflow for this body. */
export function mlflowSigned(body: string, secret: string): Signed {
  const [id, timestamp] = [randomUUID(), String(Math.floor(Date.now() / 1_000))];
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'x-mlflow-delivery-id': id,
    'x-mlflow-timestamp': timestamp,
    'x-mlflow-signature': `v1,${signature}`,
  };
}

/** Posts, and gives the status of the answer. */
export async function post(url: string, body: string, headers: Signed = {}): Promise<number> {
  const answer = await fetch(url, { method: 'POST', body, headers });
  await answer.text();
  return answer.status;
}

export interface SendingMlflow extends AsyncDisposable {
  readonly url: string;
  webhooks(): Promise<RawWebhook[]>;
}

/** A webhook as MLflow lists it. */
export interface RawWebhook {
  readonly webhook_id: string;
  readonly name: string;
  readonly url: string;
  readonly status: string;
  readonly events: readonly { readonly entity: string; readonly action: string }[];
}

/** An MLflow of its own, which sends to loopback over http, and hears of a new webhook at once. */
export async function startSendingMlflow(): Promise<SendingMlflow> {
  const dir = await mkdtemp(join(tmpdir(), 'modelpromotion-mlflow-'));
  const server = await startMlflow({
    dir,
    env: {
      MLFLOW_WEBHOOK_CACHE_TTL: '1',
      MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: 'true',
      MLFLOW_WEBHOOK_ALLOWED_SCHEMES: 'http,https',
    },
    signal: new AbortController().signal,
    report: (line) => process.stderr.write(`${line}\n`),
  });
  return {
    url: server.url,
    async webhooks() {
      const answer = await fetch(`${server.url}/api/2.0/mlflow/webhooks`);
      const { webhooks = [] } = (await answer.json()) as { webhooks?: RawWebhook[] };
      return webhooks;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
