/** A real API server for measurements, spoken to without kubectl, which would take longer than what is measured. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { type ControlPlane, startControlPlane } from '../support/controlplane/control-plane.ts';
import type { Context } from './context.ts';

const AT_ONCE = 16;
const kindsIn = (namespace: string): string => `/apis/modelpromotion.dev/v1alpha1/namespaces/${namespace}`;
const NAMESPACE = 'bench';
const KINDS = kindsIn(NAMESPACE);

export interface Target {
  readonly model: string;
  readonly version: string;
  /** `bench` by default. */
  readonly namespace?: string;
}

export class BenchCluster implements AsyncDisposable {
  readonly plane: ControlPlane;
  readonly #agent: Agent;
  readonly #token: string;

  private constructor(plane: ControlPlane, ca: string, token: string) {
    this.plane = plane;
    this.#agent = new Agent({ connections: AT_ONCE, connect: { ca }, headersTimeout: 0, bodyTimeout: 0 });
    this.#token = token;
  }

  /** With a namespace `bench`, and in it a registry `default` at this address. */
  static async open(context: Context, registry: string): Promise<BenchCluster> {
    const plane = await startControlPlane({
      signal: new AbortController().signal,
      report: (line) => context.say(line),
    });
    await plane.applyCrds();
    const config = JSON.parse(await readFile(plane.kubeconfig, 'utf8')) as {
      users: { user: { token: string } }[];
    };
    const cluster = new BenchCluster(
      plane,
      await readFile(plane.caFile, 'utf8'),
      config.users[0]?.user.token ?? '',
    );
    await cluster.namespace(NAMESPACE);
    await cluster.send('POST', `${KINDS}/modelregistries`, {
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelRegistry',
      metadata: { name: 'default', namespace: NAMESPACE },
      spec: { uri: registry },
    });
    return cluster;
  }

  /** What `kubectl apply --server-side` sends. */
  async apply({ model, version, namespace = NAMESPACE }: Target): Promise<void> {
    const query = '?fieldManager=kubectl&force=true';
    await this.send('PATCH', `${kindsIn(namespace)}/modelpromotions/${model}${query}`, {
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelPromotion',
      metadata: { name: model, namespace },
      spec: {
        model,
        stages: [{ name: 'Production', version }],
        aliases: [{ name: 'champion', version }],
      },
    });
  }

  /** Several at once. */
  async applyAll(targets: readonly Target[]): Promise<void> {
    const left = targets.values();
    const work = async (): Promise<void> => {
      for (const target of left) await this.apply(target);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Has an object looked at. */
  async touch(model: string, token: string): Promise<void> {
    await this.send(
      'PATCH',
      `${KINDS}/modelpromotions/${model}`,
      { metadata: { annotations: { 'modelpromotion.dev/reconcileAt': token } } },
      'application/merge-patch+json',
    );
  }

  async handledAt(model: string): Promise<string | undefined> {
    const object = (await this.send('GET', `${KINDS}/modelpromotions/${model}`)) as {
      status?: { lastHandledReconcileAt?: string };
    };
    return object.status?.lastHandledReconcileAt;
  }

  /** Status writes of promotions that the API server has taken so far, by its own count. */
  statusWrites(): Promise<number> {
    return this.#count(/resource="modelpromotions".*subresource="status"/);
  }

  /** Writes of promotions and events that the API server has taken so far, whoever sent them. */
  writes(): Promise<number> {
    return this.#count(/resource="(?:modelpromotions|events)".*verb="(?:APPLY|PATCH|POST|PUT)"/);
  }

  async #count(labels: RegExp): Promise<number> {
    const { stdout } = await this.plane.kubectl(['get', '--raw', '/metrics']);
    const lines = stdout
      .split('\n')
      .filter((line) => line.startsWith('apiserver_request_total{') && labels.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  async namespace(name: string): Promise<void> {
    await this.send('POST', '/api/v1/namespaces', { metadata: { name } });
  }

  async send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: object,
    patch = 'application/apply-patch+yaml',
  ): Promise<unknown> {
    const answer = await request(`${this.plane.server}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'content-type': method === 'PATCH' ? patch : 'application/json',
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close();
    await this.plane.stop();
  }
}
