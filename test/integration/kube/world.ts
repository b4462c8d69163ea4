/** A cluster with the operator in it, beside the shared MLflow. Every test has a namespace of its own. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { type ControlPlane, startControlPlane } from '../../support/controlplane/control-plane.ts';
import type { FaultProxy } from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { type Daemon, eventually, startDaemon, type Variables } from '../../support/program.ts';

export const mlflow = rest(sharedMlflow());

/** What is logged by one that leads no more, and by one that another one keeps from it. */
export const LOST = 'the lease was lost: nothing more is written until it is had again';
export const STANDS_BY = 'standing by: another replica leads';

/** The part of a promotion that asks for Production. */
export const production = (version: string) => ({ stages: [{ name: 'Production', version }] });

/** A model of so many versions, the first of them in Production. */
export async function inProduction(prefix: string, versions = 4): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, versions);
  await mlflow.transition(model, '1', 'Production');
  return model;
}

/** Versions that were brought to a stage of this model, as a proxy saw them land. */
export function transitionsOf({ landed }: Pick<FaultProxy, 'landed'>, model: string): string[] {
  return landed
    .filter(({ path, body }) => path.includes('transition-stage') && body.includes(`"${model}"`))
    .map(({ body }) => (JSON.parse(body) as { version: string }).version);
}

export interface Applied {
  readonly metadata: { readonly uid: string; readonly generation: number; readonly finalizers?: string[] };
  readonly spec: ModelPromotion['spec'];
  readonly status?: ModelPromotion['status'];
}

export interface PromotionSpec {
  readonly model: string;
  readonly [field: string]: unknown;
}

export class KubeWorld implements AsyncDisposable {
  readonly cluster: ControlPlane;

  private constructor(cluster: ControlPlane) {
    this.cluster = cluster;
  }

  static async open(): Promise<KubeWorld> {
    const cluster = await startControlPlane({ signal: new AbortController().signal });
    await cluster.applyCrds();
    return new KubeWorld(cluster);
  }

  /** A new namespace with a registry `mlflow` in it. */
  async namespace({ uri = sharedMlflow(), registry = {}, labels = {} } = {}): Promise<string> {
    const name = `ns-${randomUUID().slice(0, 8)}`;
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    await this.apply({
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelRegistry',
      metadata: { name: 'mlflow', namespace: name },
      spec: { uri, sweepInterval: '2s', ...registry },
    });
    return name;
  }

  async apply(...objects: object[]): Promise<void> {
    const text = objects.map((object) => stringify(object)).join('---\n');
    await this.cluster.kubectl(['apply', '-f', '-'], text);
  }

  promote(key: string, spec: PromotionSpec, annotations = {}): Promise<void> {
    const [namespace, name] = key.split('/');
    return this.apply({
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelPromotion',
      metadata: { name, namespace, annotations },
      spec: { registryRef: { name: 'mlflow' }, ...spec },
    });
  }

  async get(key: string, kind = 'mp'): Promise<Applied> {
    const [namespace = '', name = ''] = key.split('/');
    const { stdout } = await this.cluster.kubectl(['get', kind, '-n', namespace, name, '-o', 'json']);
    return JSON.parse(stdout) as Applied;
  }

  async isThere(key: string): Promise<boolean> {
    const [namespace = '', name = ''] = key.split('/');
    const argv = ['get', 'mp', '-n', namespace, name, '-o', 'name', '--ignore-not-found'];
    return (await this.cluster.kubectl(argv)).stdout !== '';
  }

  /** Waits until an object is at this reason, at its current generation. */
  settled(key: string, reason: string, kind = 'mp'): Promise<Applied> {
    return eventually(async () => {
      const object = await this.get(key, kind);
      expect(object.status?.observedGeneration, JSON.stringify(object.status)).toBe(
        object.metadata.generation,
      );
      expect(readyOf(object)?.reason, JSON.stringify(object.status)).toBe(reason);
      return object;
    });
  }

  /** The built program, as somebody who may do everything unless told otherwise. */
  operator(args: readonly string[] = [], env: Variables = {}): Promise<Daemon> {
    const own = ['--kubeconfig', this.cluster.kubeconfig, '--lease-duration', '3s'];
    return startDaemon(['--source', 'kubernetes', '--show-status', ...own, ...args], env);
  }

  /** Two of them, of which the first leads and the other stands by. */
  async replicas(first: Variables = {}, second: Variables = {}) {
    await using starting = new AsyncDisposableStack();
    const leader = starting.use(await this.operator([], first));
    await leader.logged('leading');
    const standby = starting.use(await this.operator([], second));
    await standby.logged(STANDS_BY);
    const started = starting.move();
    return { leader, standby, [Symbol.asyncDispose]: () => started.disposeAsync() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }
}

export function readyOf({ status }: Applied) {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

/** Environment of an operator into which one of `test/support/preload` is loaded. */
export function preloaded(name: 'block' | 'clock', more: Variables): Variables {
  const file = pathToFileURL(join(import.meta.dirname, `../../support/preload/${name}.mjs`));
  return { NODE_OPTIONS: `--import=${file.href}`, ...more };
}
