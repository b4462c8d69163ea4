/** What `GET /status` answers: the source, the registries, and every promotion with its status. */
import type { ModelRegistryStatus } from '../../api/generated/types.ts';
import { timestamp } from '../../api/timestamp.ts';
import type { RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import type { Engine } from '../../reconcile/engine.ts';
import type { Controller } from './controller.ts';
import { registryDocument, type RegistryDocument } from './registry-status.ts';

export type StatusPage = ReturnType<StatusPages['render']>;

export class StatusPages {
  readonly #installation: string;
  readonly #description: string;
  readonly #registries = new Map<string, ModelRegistryStatus>();

  constructor(installation: string, description: string) {
    this.#installation = installation;
    this.#description = description;
  }

  render(engine: Engine, directory: RegistryDirectory, controller: Controller, now: number) {
    const { catalog } = engine;
    const { lastRead, failure } = controller.source;
    return {
      installation: this.#installation,
      source: {
        description: this.#description,
        ...(catalog.revision === undefined ? {} : { revision: catalog.revision }),
        ...(lastRead === undefined ? {} : { lastRead: timestamp(lastRead) }),
        ...(catalog.held === undefined ? {} : { held: catalog.held }),
        ...(failure === undefined ? {} : { failure }),
        ignored: catalog.ignored,
        problems: catalog.problems,
      },
      registries: directory.list().map((listed) => this.#registry(listed, engine, now)),
      promotions: engine.keys().flatMap((key) => engine.document(key) ?? []),
    };
  }

  #registry(
    listed: ReturnType<RegistryDirectory['list']>[number],
    engine: Engine,
    now: number,
  ): RegistryDocument {
    const promotions = engine.keysOf(listed.address).length;
    const document = registryDocument(listed, promotions, this.#registries.get(listed.key), now);
    this.#registries.set(listed.key, document.status);
    return document;
  }
}
