/** Secrets, read by their name alone: they are never listed nor watched. */
import { isSecretKey } from '../../runtime/secrets.ts';
import { type KubeApi, KubeError } from './api.ts';

/** How long a secret is believed before it is read again: a rotation is seen after that, at most. */
const FRESH = 15_000;
const DEADLINE = 10_000;
/** The keys that registries have a use for; whatever else a secret holds is no business of ours. */
const USED = ['token', 'username', 'password', 'ca.crt'] as const;

export interface SecretsOptions {
  readonly api: KubeApi;
  /** Told of every value, so that none gets into any output. */
  readonly learn: (value: string) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number;
}

type Keys = ReadonlyMap<string, string>;

interface Held {
  readonly keys: Promise<Keys>;
  readonly since: number;
}

export class Secrets {
  readonly #options: SecretsOptions;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();

  constructor(options: SecretsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The keys of a secret that are used, without a newline at their end. @throws Error that says what to do and holds no secret */
  read({ namespace, name }: { namespace: string; name: string }): Promise<Keys> {
    const key = `${namespace}/${name}`;
    const held = this.#held.get(key);
    if (held !== undefined && this.#now() - held.since < FRESH) return held.keys;
    const keys = this.#fetch(namespace, name);
    this.#held.set(key, { keys, since: this.#now() });
    // What could not be read is asked for again at the next use.
    keys.catch(() => this.#held.get(key)?.keys === keys && this.#held.delete(key));
    return keys;
  }

  async #fetch(namespace: string, name: string): Promise<Keys> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
    try {
      const secret = await this.#options.api.request<{ data?: Record<string, string> }>(
        { method: 'GET', path, deadlineMs: DEADLINE },
        AbortSignal.timeout(DEADLINE),
      );
      return this.#decode(secret.data ?? {});
    } catch (error) {
      throw new Error(explain(error, namespace, name), { cause: error });
    }
  }

  #decode(data: Readonly<Record<string, string>>): Keys {
    const keys = USED.flatMap((key): [string, string][] => {
      const encoded = data[key];
      if (encoded === undefined) return [];
      const value = Buffer.from(encoded, 'base64')
        .toString()
        .replace(/\r?\n$/, '');
      if (isSecretKey(key)) this.#options.learn(value);
      return [[key, value]];
    });
    return new Map(keys);
  }
}

function explain(error: unknown, namespace: string, name: string): string {
  const secret = `secret ${name} in namespace ${namespace}`;
  if (!(error instanceof KubeError)) return `${secret} could not be read in time`;
  if (error.status === 404) return `${secret} does not exist; create it, or correct the secretRef`;
  if (error.status === 403) return `${secret} may not be read by us; grant get on secrets in this namespace`;
  return `${secret} cannot be read: ${error.message}`;
}
