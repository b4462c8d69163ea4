/**
 * Keeps our webhook in one MLflow: makes it, puts it right when somebody changed it, takes it away. It is a
 * convenience: whatever goes wrong with it is said, and stands in nobody's way.
 */
import { unlessAborted } from './abort.ts';
import type { MlflowClient } from './client.ts';
import { wordsOf } from '../../runtime/failure.ts';
import { RegistryError } from './errors.ts';
import {
  EVENTS,
  planWebhook,
  type WantedWebhook,
  type WebhookStep,
  type WrittenWebhook,
} from './webhook-plan.ts';

export interface WebhookOptions {
  /** What ours is called in MLflow. */
  readonly name: string;
  /** For people who find it in MLflow. */
  readonly description: string;
  /** Undefined when there is to be none: one that is left from before is then removed, once. */
  readonly declared: DeclaredWebhook | undefined;
  /** Milliseconds between looks at it. */
  readonly pace: number;
  readonly told: (event: WebhookEvent) => void;
}

export interface DeclaredWebhook {
  readonly url: string;
  /** Read for each look, so that a new one is taken over. @throws Error for people that holds no secret */
  readonly secret: () => Promise<string>;
}

export type WebhookEvent =
  { readonly kind: 'made' | 'renewed' | 'removed' } | { readonly kind: 'failed'; readonly detail: string };

type Standing =
  | { readonly kind: 'unknown' | 'kept' }
  | { readonly kind: 'refused' | 'undelivered'; readonly message: string };

/** How it stands, and since when it works or does not, in milliseconds since the epoch. */
export type WebhookState = Standing & { readonly since: number };

/** We are about to forget the server. */
const REMOVAL_DEADLINE = 5_000;

export class WebhookKeeper {
  readonly #client: MlflowClient;
  readonly #options: WebhookOptions;
  #state: WebhookState = { kind: 'unknown', since: Date.now() };
  #written: WrittenWebhook | undefined;
  #due = 0;
  #running: Promise<void> | undefined;
  #leaving = false;

  constructor(client: MlflowClient, options: WebhookOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Undefined when none is declared. */
  get state(): WebhookState | undefined {
    return this.#options.declared === undefined ? undefined : this.#state;
  }

  /** Looks after the webhook when it is time to, beside whatever else goes on. Never fails. */
  keep(signal: AbortSignal): void {
    if (this.#leaving || this.#running !== undefined || performance.now() < this.#due) return;
    this.#running = this.#keep(signal).finally(() => (this.#running = undefined));
  }

  /** Takes the webhook away for good, if that can be done now. Never rejects. */
  async remove(): Promise<void> {
    this.#leaving = true;
    const signal = AbortSignal.timeout(REMOVAL_DEADLINE);
    try {
      await unlessAborted(this.#running ?? Promise.resolve(), signal);
      await this.#converge(undefined, signal);
    } catch (error) {
      this.#options.told({ kind: 'failed', detail: `it could not be removed: ${explain(error)}` });
    }
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { declared, pace } = this.#options;
    const before = this.#state;
    try {
      const secret = await declared?.secret();
      const wanted = declared === undefined || secret === undefined ? undefined : { ...declared, secret };
      const changed = await this.#converge(wanted, signal);
      this.#due = wanted === undefined ? Infinity : performance.now() + pace;
      if (changed || before.kind !== 'kept') this.#stands(await this.#tried(wanted, signal));
    } catch (error) {
      if (signal.aborted) return;
      this.#due = declared === undefined && isAnswer(error) ? Infinity : performance.now() + pace;
      this.#stands({ kind: 'refused', message: explain(error) });
    }
    this.#tell(before);
  }

  #stands(standing: Standing): void {
    const turned = statusOf(standing) !== statusOf(this.#state);
    this.#state = { ...standing, since: turned ? Date.now() : this.#state.since };
  }

  #tell(before: WebhookState): void {
    if (!('message' in this.#state) || this.#options.declared === undefined) return;
    const known = 'message' in before && before.message === this.#state.message;
    if (!known) this.#options.told({ kind: 'failed', detail: this.#state.message });
  }

  /** Whether something had to be done. */
  async #converge(wanted: WantedWebhook | undefined, signal: AbortSignal): Promise<boolean> {
    const all = await this.#client.webhooks(signal);
    const ours = all.filter(({ name }) => name === this.#options.name);
    const steps = planWebhook(ours, wanted, this.#written);
    for (const step of steps) await this.#take(step, wanted, signal);
    return steps.length > 0;
  }

  async #take(step: WebhookStep, wanted: WantedWebhook | undefined, signal: AbortSignal): Promise<void> {
    const { name, description, told } = this.#options;
    if (step.kind === 'Delete' || wanted === undefined) {
      if (step.kind !== 'Create') await this.#client.deleteWebhook(step.id, signal);
      if (wanted === undefined) told({ kind: 'removed' });
      return;
    }
    const { url, secret } = wanted;
    const body = { name, description, url, secret, events: EVENTS, status: 'ACTIVE' };
    const answer =
      step.kind === 'Create'
        ? await this.#client.createWebhook(body, signal)
        : await this.#client.updateWebhook(step.id, body, signal);
    told({ kind: step.kind === 'Create' ? 'made' : 'renewed' });
    this.#written = { id: answer.webhook_id, updated: answer.last_updated_timestamp, secret };
  }

  /** Has MLflow send us something, so that an address that does not lead here is known before it is missed. */
  async #tried(wanted: WantedWebhook | undefined, signal: AbortSignal): Promise<Standing> {
    if (wanted === undefined || this.#written === undefined) return this.#state;
    const failure = await this.#client
      .testWebhook(this.#written.id, signal)
      .catch((error: unknown) => explain(error));
    if (failure === undefined) return { kind: 'kept' };
    return { kind: 'undelivered', message: `MLflow cannot deliver to ${wanted.url}: ${failure}` };
  }
}

function statusOf({ kind }: Standing): 'unknown' | 'works' | 'fails' {
  if (kind === 'unknown') return kind;
  return kind === 'kept' ? 'works' : 'fails';
}

/** A server that says no to webhooks has none of ours. */
function isAnswer(error: unknown): boolean {
  return error instanceof RegistryError && error.status !== undefined;
}

const NO_WEBHOOKS =
  'this MLflow has no webhooks: they came with MLflow 3.3, and need a database behind the registry';
const WHAT_IT_TAKES =
  'which addresses it takes is decided by its MLFLOW_WEBHOOK_ALLOWED_SCHEMES and MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS';

function explain(error: unknown): string {
  if (!(error instanceof RegistryError)) return wordsOf(error);
  const { status, code, message } = error;
  if (status === 403) return 'MLflow lets only its administrators see and keep webhooks (403)';
  // What MLflow itself refuses has a code of its own; a path that it does not know has none.
  if (code === undefined && (status === 404 || status === 405 || status === 501)) return NO_WEBHOOKS;
  if (code === undefined && status === 500)
    return 'MLflow fails when asked for webhooks (500): it has no database behind it, or its MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY is another one than before';
  if (status === 400) return `MLflow refuses the webhook: ${message.replace(/\.$/, '')}; ${WHAT_IT_TAKES}`;
  return message;
}
