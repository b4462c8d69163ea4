/** Promotions of a cluster: a change is a patch of the object. */
import {
  getObject,
  listObjects,
  patchObject,
  pointerTo,
  type Operation,
} from '../../adapters/kube/promotions.ts';
import { Secrets } from '../../adapters/kube/secrets.ts';
import { fieldOf } from '../../api/edit/differences.ts';
import { isFields } from '../../api/fields.ts';
import type { ModelPromotion, ModelRegistry } from '../../api/generated/types.ts';
import { NOWHERE, type Located } from '../../api/listing.ts';
import { readObject } from '../../api/object.ts';
import { formatPath } from '../../api/path.ts';
import { toServed, type Served } from '../../sources/kubernetes.ts';
import type { Output } from '../assembly.ts';
import { CommandError, EXIT } from '../exit.ts';
import { type CLUSTER_OPTIONS, forPeople, openCluster, type ClusterAccess } from '../kube-access.ts';
import type { Config } from '../../config.ts';
import type { RegistryAccess } from '../daemon/home.ts';
import { collectionPath, PROMOTIONS, REGISTRIES } from '../operator/kinds.ts';
import { noSuch } from './find.ts';
import type { Declared, EditHome, Memory, Proposal, Written } from './home.ts';
import { managerOf } from './managers.ts';
import type { EditConfig } from './options.ts';

interface InCluster extends Declared {
  readonly resourceVersion: string;
}

/** To be opened with `await using`. @throws KubeError, CommandError */
export async function openClusterHome(
  config: Config<(typeof CLUSTER_OPTIONS)[number]> & Partial<Pick<EditConfig, 'branch'>>,
  { scrubber }: Output,
): Promise<ClusterHome> {
  if (config.branch !== undefined)
    throw new CommandError(EXIT.invalid, '--branch: needs a repository; name it with --git-url');
  const cluster = await openCluster(config, scrubber);
  const secrets = new Secrets({ api: cluster.api, learn: (secret) => scrubber.add(secret) });
  return new ClusterHome(cluster, secrets);
}

export class ClusterHome implements EditHome {
  readonly access: RegistryAccess;
  readonly cluster: ClusterAccess;

  constructor(cluster: ClusterAccess, secrets: Secrets) {
    this.cluster = cluster;
    this.access = { readSecret: (secret) => secrets.read(secret), labelsOf: () => undefined };
  }

  async find(name: string, signal: AbortSignal): Promise<InCluster> {
    const [space, own] = this.#place(name);
    return this.#translated(async () => {
      const raw = await getObject(this.cluster.api, collectionPath(PROMOTIONS, space), own, signal);
      if (raw === undefined) throw await this.#noSuch(space, own, signal);
      const served = toServed(raw, (object) => readObject('ModelPromotion', object));
      if (served.deleting) throw new CommandError(EXIT.invalid, `${space}/${own} is being deleted`);
      const { reading, resourceVersion } = served;
      if (reading.kind === 'invalid') {
        const [problem] = reading.problems;
        const what = problem === undefined ? '' : `: ${problem.path}: ${problem.message}`;
        throw new CommandError(EXIT.invalid, `correct ${space}/${own} first${what}`);
      }
      const manager = managerOf(reading.object.metadata);
      return {
        key: `${space}/${own}`,
        object: reading.object,
        listing: { registries: await this.#registries(reading.object, signal), problems: [] },
        warnings: manager === undefined ? [] : [manager],
        resourceVersion,
      };
    });
  }

  remember({ object: { status } }: Declared): Promise<Memory> {
    const note = 'the operator has written no status yet';
    return Promise.resolve(status === undefined ? { status, note } : { status });
  }

  preview({ key, object }: Declared, { edits }: Proposal): Promise<readonly string[]> {
    const lines = edits.flatMap(({ path, value }) => {
      const before = fieldOf(object, path);
      if (before === value) return [];
      const old = before === undefined ? '' : `${JSON.stringify(before)} → `;
      return [`ModelPromotion ${key}: ${formatPath(path)}: ${old}${JSON.stringify(value)}`];
    });
    return Promise.resolve(lines);
  }

  async write(declared: Declared, { edits }: Proposal, signal: AbortSignal): Promise<Written> {
    const { key, object, resourceVersion } = declared as InCluster;
    const { namespace, name } = object.metadata;
    const operations = edits.map(({ path, value }): Operation => ({
      op: 'add',
      path: pointerTo(path),
      value,
    }));
    const written = await this.#translated(() =>
      patchObject(
        this.cluster.api,
        collectionPath(PROMOTIONS, namespace),
        { name, resourceVersion },
        operations,
        signal,
      ),
    );
    if (written === undefined) return { kind: 'moved' };
    return {
      kind: 'written',
      message: `Changed ModelPromotion ${key} at ${this.cluster.server}.`,
      next: `\`kubectl wait --namespace ${namespace} mp/${name} --for condition=Ready\` waits for it.`,
    };
  }

  /** The place of a name, `NAME` or `NAMESPACE/NAME`. */
  #place(name: string): readonly [namespace: string, name: string] {
    const slash = name.indexOf('/');
    return slash === -1 ? [this.cluster.namespace, name] : [name.slice(0, slash), name.slice(slash + 1)];
  }

  async #noSuch(namespace: string, name: string, signal: AbortSignal): Promise<CommandError> {
    const objects = await listObjects(this.cluster.api, collectionPath(PROMOTIONS, namespace), signal);
    const keys = objects.map((object) => `${namespace}/${nameOf(object)}`);
    return new CommandError(EXIT.invalid, noSuch(`${namespace}/${name}`, keys));
  }

  /** The one that it names: whoever may not read it is told so when it is asked. */
  async #registries(
    { metadata, spec }: ModelPromotion,
    signal: AbortSignal,
  ): Promise<Located<ModelRegistry>[]> {
    const { namespace = metadata.namespace, name } = spec.registryRef;
    const collection = collectionPath(REGISTRIES, namespace);
    const raw = await getObject(this.cluster.api, collection, name, signal).catch(() => undefined);
    if (raw === undefined) return [];
    const { reading }: Served<ModelRegistry> = toServed(raw, (object) => readObject('ModelRegistry', object));
    return reading.kind === 'valid' ? [{ object: reading.object, location: NOWHERE }] : [];
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw forPeople(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

function nameOf(object: unknown): string {
  const metadata = isFields(object) ? object['metadata'] : undefined;
  return isFields(metadata) ? String(metadata['name']) : '';
}
