/** The peer of most measurements: nothing but the requests themselves, sent by a loop over undici. */
import { Agent, errors, request } from 'undici';

const ATTEMPTS = 3;
const API = '/api/2.0/mlflow';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below MLflow's API, with its query. */
  readonly path: string;
  readonly body?: object;
}

export interface Policy {
  readonly connections: 'kept' | 'fresh';
  readonly inFlight: number;
}

export const POLICIES: readonly Policy[] = [2, 4, 8, 16].flatMap((inFlight) => [
  { connections: 'fresh', inFlight },
  { connections: 'kept', inFlight },
]);

export function inWords({ connections, inFlight }: Policy): string {
  return `${inFlight} in flight, ${connections === 'kept' ? 'connections kept' : 'a connection a call'}`;
}

/** Sends every job's requests one after the other, and several jobs at once. Resolves with the seconds it took. */
export async function sendAll(
  url: string,
  jobs: readonly (readonly Request[])[],
  policy: Policy,
): Promise<number> {
  const bare = new Bare(url, policy);
  const left = jobs.values();
  const started = performance.now();
  const work = async (): Promise<void> => {
    for (const job of left) for (const one of job) await bare.send(one);
  };
  await Promise.all(Array.from({ length: policy.inFlight }, work));
  const seconds = (performance.now() - started) / 1_000;
  await bare.close();
  return seconds;
}

export class Bare {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(url: string, { connections, inFlight }: Policy) {
    this.#url = url;
    this.#agent = new Agent({ connections: inFlight, pipelining: connections === 'kept' ? 1 : 0 });
  }

  /** Resolves with the body. A connection that the server closes meanwhile is no failure: the same is sent again. */
  async send(one: Request): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#exchange(one);
      } catch (error) {
        if (!(error instanceof errors.SocketError) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #exchange({ method, path, body }: Request): Promise<string> {
    const answer = await request(`${this.#url}${API}${path}`, {
      method,
      dispatcher: this.#agent,
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200)
      throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
    return text;
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }
}

/** The two reads that show a model whole, at once. */
export async function readModel(bare: Bare, model: string): Promise<void> {
  const filter = new URLSearchParams({ filter: `name IN ('${model}')`, max_results: '1000' }).toString();
  await Promise.all(
    ['/registered-models/search', '/model-versions/search'].map((path) =>
      bare.send({ method: 'GET', path: `${path}?${filter}` }),
    ),
  );
}
