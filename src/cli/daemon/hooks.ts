/** `POST /hooks/git` and `/hooks/mlflow`: who may ask for a look, and what their requests look like. */
import { isFields } from '../../api/fields.ts';
import type { RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import {
  forgejoSignature,
  giteaSignature,
  gitlabToken,
  hubSignature,
  hubSignature256,
  mlflowSignature,
  standardWebhooks,
  type Headers,
} from '../../runtime/hooks/claim.ts';
import { wordsOf } from '../../runtime/failure.ts';
import { signingSecrets } from '../../runtime/hooks/keys.ts';
import { Receiver, type Key, type Result } from '../../runtime/hooks/receiver.ts';
import { ReplayMemory } from '../../runtime/hooks/replay.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Routes } from '../../runtime/server.ts';
import type { Hints } from './hints.ts';

export const HOOKS = ['git', 'mlflow'] as const;
export type Hook = (typeof HOOKS)[number];

/** A push now and then; and an event for every alias and tag that a fleet of models gets. */
const RATES = { git: { burst: 20, perSecond: 1 }, mlflow: { burst: 1_000, perSecond: 200 } };
const REMEMBERED = 10_000;
/** Floods of requests share one reading of the secrets. */
const KEYS_LAST = 1_000;
const TELL_EVERY = 60_000;
/** Of a hint that the operator's secret has signed: it concerns every registry. */
const ANYONE = '';

export interface HooksOptions {
  /** The keys of the secret of --hook-secret; undefined without that option. */
  readonly readSecret: (() => Promise<ReadonlyMap<string, string>>) | undefined;
  readonly secretName: string | undefined;
  readonly directory: RegistryDirectory;
  readonly hints: Hints;
  readonly logger: Logger;
  readonly counted: (hook: Hook, result: Result) => void;
}

export class Hooks {
  readonly #options: HooksOptions;
  readonly #receivers: Readonly<Record<Hook, Receiver>>;
  #told: string | undefined;

  constructor(options: HooksOptions) {
    this.#options = options;
    const seen = new ReplayMemory(REMEMBERED);
    const { hints } = options;
    const common = (hook: Hook) => ({ seen, rate: RATES[hook], now: Date.now, note: this.#noter(hook) });
    this.#receivers = {
      git: new Receiver({
        ...common('git'),
        schemes: [
          standardWebhooks,
          hubSignature256,
          forgejoSignature,
          giteaSignature,
          hubSignature,
          gitlabToken,
        ],
        keys: shared(() => this.#operatorKeys()),
        take: ({ headers }) => {
          if (isPing(headers)) return 'ignored';
          hints.source();
          return 'accepted';
        },
      }),
      mlflow: new Receiver({
        ...common('mlflow'),
        schemes: [mlflowSignature, hubSignature256],
        keys: shared(() => this.#registryKeys()),
        take: ({ owners, body }) => {
          const model = modelNamedIn(body);
          if (model === EXAMPLE && !hints.manages(model)) return 'ignored';
          hints.registries(owners.includes(ANYONE) ? undefined : owners, model);
          return 'accepted';
        },
      }),
    };
  }

  /** Paths exist only while some secret can open them. */
  routes(): Routes {
    const { readSecret, directory } = this.#options;
    const { git, mlflow } = this.#receivers;
    return {
      ...(readSecret === undefined ? {} : { '/hooks/git': { post: (request) => git.answer(request) } }),
      ...(readSecret === undefined && directory.withWebhook().length === 0
        ? {}
        : { '/hooks/mlflow': { post: (request) => mlflow.answer(request) } }),
    };
  }

  /** Says at the start what would otherwise be said to the first sender. */
  async check(): Promise<void> {
    await this.#operatorKeys().catch(() => undefined);
  }

  async #operatorKeys(): Promise<Key[]> {
    const { readSecret, secretName = '', logger } = this.#options;
    if (readSecret === undefined) return [];
    try {
      const secrets = signingSecrets(await readSecret(), secretName);
      this.#told = undefined;
      return secrets.map((secret) => ({ owner: ANYONE, secret }));
    } catch (error) {
      const detail = wordsOf(error);
      if (this.#told !== detail)
        logger.warn({ detail }, 'the secret of the hooks cannot be used; hints are refused');
      this.#told = detail;
      throw error;
    }
  }

  /** A secret that cannot be read opens nothing; whoever keeps that registry's webhook says so. */
  async #registryKeys(): Promise<Key[]> {
    const { directory } = this.#options;
    const readings = await Promise.allSettled([
      this.#operatorKeys(),
      ...directory.withWebhook().map(async (listed) => {
        const secrets = await directory.webhookSecrets(listed);
        return secrets.map((secret) => ({ owner: listed.key, secret }));
      }),
    ]);
    const keys = readings.flatMap((reading) => (reading.status === 'fulfilled' ? reading.value : []));
    if (keys.length === 0) throw new Error('no secret can be read');
    return keys;
  }

  /** Counts everything; tells of what was refused, but not once for each request of a flood. */
  #noter(hook: Hook): (result: Result, why?: string) => void {
    const { counted, logger } = this.#options;
    let silentUntil = 0;
    let untold = 0;
    return (result, why) => {
      counted(hook, result);
      if (result !== 'refused' && result !== 'limited') {
        logger.debug({ hook, result }, 'a hint came');
        return;
      }
      untold += 1;
      if (performance.now() < silentUntil) return;
      logger.warn({ hook, detail: why ?? 'too many hints', requests: untold }, 'hints were refused');
      silentUntil = performance.now() + TELL_EVERY;
      untold = 0;
    };
  }
}

/** What forges send when a webhook is set up, and nothing has happened. */
function isPing(headers: Headers): boolean {
  return headers['x-github-event'] === 'ping' || headers['x-event-key'] === 'diagnostics:ping';
}

/** The model of the example that MLflow sends when a webhook is tried. */
const EXAMPLE = 'example_model';

function modelNamedIn(body: Buffer): string | undefined {
  try {
    const payload: unknown = JSON.parse(body.toString());
    const named = isFields(payload) && isFields(payload['data']) ? payload['data']['name'] : undefined;
    return typeof named === 'string' ? named : undefined;
  } catch {
    return undefined;
  }
}

/** The same answer for all who ask within a moment. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until = 0;
  return () => {
    if (answer === undefined || performance.now() >= until) {
      answer = read();
      until = performance.now() + KEYS_LAST;
    }
    return answer;
  };
}
