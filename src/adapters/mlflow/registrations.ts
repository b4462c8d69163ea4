/**
 * Creating a version is the one call that must not be sent twice: MLflow makes another one each time. One whose answer
 * was lost may still be under way, and a replica may show late what was made, so the same is not sent again for a while;
 * by then a reading shows it.
 */
import type { Register } from '../../domain/action.ts';
import type { MlflowClient } from './client.ts';
import { RegistryError } from './errors.ts';
import { toWireTags } from './wire.ts';

/** How many times a request's own time a server may still be busy with it. */
const GRACE = 2;

export class Registrations {
  readonly #client: MlflowClient;
  readonly #grace: number;
  /** Until when one that was sent may not show yet, by `performance.now()`. */
  readonly #sent = new Map<string, number>();

  /** @param timeout of one call, in milliseconds */
  constructor(client: MlflowClient, timeout: number) {
    this.#client = client;
    this.#grace = GRACE * timeout;
  }

  /** @throws RegistryError */
  async register(
    model: string,
    { from, source, runId, modelId, description, tags }: Register,
    signal: AbortSignal,
  ): Promise<void> {
    const key = `${from}\n${model}`;
    const left = (this.#sent.get(key) ?? 0) - performance.now();
    if (left > 0) {
      const message = `a version was just registered from ${from}, or may still be; it is not sent again before that shows`;
      throw new RegistryError('transient', message, { retryAfter: left });
    }
    try {
      await this.#client.createVersion(
        {
          name: model,
          source,
          description,
          tags: toWireTags(new Map(Object.entries(tags))),
          ...(runId === '' ? {} : { run_id: runId }),
          ...(modelId === undefined ? {} : { model_id: modelId }),
        },
        signal,
      );
      this.#remember(key);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.ambiguous || error.notFound) this.#remember(key);
      throw error;
    }
  }

  #remember(key: string): void {
    const now = performance.now();
    for (const [other, until] of this.#sent) if (until < now) this.#sent.delete(other);
    this.#sent.set(key, now + this.#grace);
  }
}
