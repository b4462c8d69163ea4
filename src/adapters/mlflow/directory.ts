/** All registries that promotions may name: the operator's own, called `default`, and the declared ones. */
import { parseDuration } from '../../api/duration.ts';
import type { ModelRegistry, SecretRef } from '../../api/generated/types.ts';
import type { RegistryEntry } from '../../domain/catalog.ts';
import { canonicalJson } from '../../domain/digest.ts';
import { matches } from '../../domain/patterns.ts';
import type { Registries, RegistryReference, ResolvedRegistry } from '../../reconcile/ports.ts';
import { signingSecrets } from '../../runtime/hooks/keys.ts';
import { KeyedMutex } from '../../runtime/limiter.ts';
import type { ClientObserver } from './client.ts';
import type { EnvironmentRegistry } from './environment.ts';
import { RegistryError } from './errors.ts';
import { MlflowRegistry } from './registry.ts';
import type { Credentials, Tls } from './transport.ts';
import { webhookName } from './webhook-plan.ts';
import type { WebhookEvent, WebhookOptions } from './webhook.ts';

export const OPERATOR_REGISTRY = 'default';
const OPERATOR_TIMEOUT = 30_000;
/** A webhook is looked after once in ten sweeps, within these bounds. */
const WEBHOOK_PACE = { sweeps: 10, least: 10_000, most: 10 * 60_000 };

/** A secret in the namespace of the registry that names it. */
export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

/** Reads the keys of a secret; with an origin, only if the secret may be sent there. */
export type SecretReader = (
  secret: SecretName,
  origin: string | undefined,
) => Promise<ReadonlyMap<string, string>>;

export interface DirectoryOptions {
  /** The operator's own registry; it wins over a declared one named `default`. */
  readonly operator: EnvironmentRegistry | undefined;
  readonly operatorLimits: { readonly sweepInterval: number; readonly concurrency: number };
  readonly readSecret: SecretReader;
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>> | undefined;
  /** Where a declared registry may be: origins, in which `*` stands for any characters. Anywhere when there are none. */
  readonly allowed?: readonly string[];
  readonly proxy: boolean;
  /** Names of the models of a registry that promotions manage now. */
  readonly managed: (address: string) => ReadonlySet<string>;
  readonly observe: (registry: string) => ClientObserver;
  /** Whether a write may begin now. */
  readonly fence?: (() => boolean) | undefined;
  /** Whoever keeps the webhooks that registries declare; a one-shot command keeps none. */
  readonly webhooks?: WebhookKeeping | undefined;
}

export interface WebhookKeeping {
  readonly installation: string;
  /** Whether the webhook of a registry is kept here, where several processes share the work. */
  readonly isOurs: (registry: string) => boolean;
  readonly told: (registry: string, event: WebhookEvent) => void;
}

/** A registry with its name. `document` is undefined for the operator's own. */
export interface Listed {
  readonly key: string;
  readonly uri: string;
  readonly address: string;
  readonly registry: MlflowRegistry;
  readonly entry: RegistryEntry | undefined;
  /** Why nothing is ever sent to it; undefined where it may be used. */
  readonly refusal?: string | undefined;
  /** Milliseconds. */
  readonly sweepInterval: number;
}

export class RegistryDirectory implements Registries {
  readonly #options: DirectoryOptions;
  readonly #listed = new Map<string, Listed & { readonly fingerprint: string }>();
  /** By address: two registries that lead to one server are one where writing is concerned. */
  readonly #writers = new Map<string, KeyedMutex>();
  readonly #closing = new Set<Promise<void>>();
  /** Keys of what is declared with mistakes. */
  #broken: ReadonlySet<string> = new Set();

  constructor(options: DirectoryOptions) {
    this.#options = options;
    if (options.operator !== undefined)
      this.#add(OPERATOR_REGISTRY, this.#listOperator(options.operator), '');
  }

  /** Takes over what is declared now. Registries whose declaration did not change keep what they know. */
  update(declared: ReadonlyMap<string, RegistryEntry>, broken: ReadonlySet<string>): Promise<void> {
    this.#broken = broken;
    for (const [key, listed] of this.#listed) {
      if (key === OPERATOR_REGISTRY) continue;
      const entry = declared.get(key);
      if (entry !== undefined && fingerprintOf(entry.document) === listed.fingerprint) {
        this.#listed.set(key, { ...listed, entry });
        continue;
      }
      this.#listed.delete(key);
      this.#retire(listed.registry, leavesWebhook(listed, entry));
    }
    for (const [key, entry] of declared) {
      if (!this.#listed.has(key))
        this.#add(key, this.#listDeclared(key, entry), fingerprintOf(entry.document));
    }
    return Promise.resolve();
  }

  /** The registry that the options name; it wins over a declared one called `default`. */
  get own(): Listed | undefined {
    return this.#listed.get(OPERATOR_REGISTRY);
  }

  list(): Listed[] {
    return [...this.#listed.values()];
  }

  resolve(reference: RegistryReference): ResolvedRegistry {
    const listed = this.#find(reference.registry);
    if (listed === undefined && this.#broken.has(reference.registry)) return refuseBroken(reference);
    if (listed === undefined) return refuse(reference, 'RegistryNotFound');
    const { entry, refusal } = listed;
    if (refusal !== undefined && reference.namespace === entry?.document.metadata.namespace)
      return { kind: 'refused', reason: 'NotAllowed', message: refusal };
    if (refusal !== undefined) return refuse(reference, 'NotAllowed');
    const rights = rightsOf(entry?.document, reference, this.#options.labelsOf);
    if (rights === undefined) return refuse(reference, 'NotAllowed');
    return { kind: 'found', registry: listed.registry, address: listed.address, ...rights };
  }

  async close(): Promise<void> {
    for (const { registry } of this.list()) this.#retire(registry, false);
    await Promise.all(this.#closing);
  }

  /** Its writes may end while its successor is at work already. */
  #retire(registry: MlflowRegistry, withWebhook: boolean): void {
    const closed = (withWebhook ? registry.retire() : registry.close()).finally(() =>
      this.#closing.delete(closed),
    );
    this.#closing.add(closed);
  }

  #writersOf(address: string): KeyedMutex {
    const known = this.#writers.get(address) ?? new KeyedMutex();
    this.#writers.set(address, known);
    return known;
  }

  #find(key: string): Listed | undefined {
    const name = key.slice(key.indexOf('/') + 1);
    return (name === OPERATOR_REGISTRY ? this.own : undefined) ?? this.#listed.get(key);
  }

  #add(key: string, listed: Listed, fingerprint: string): void {
    this.#listed.set(key, { ...listed, fingerprint });
  }

  #listOperator(operator: EnvironmentRegistry): Listed {
    const { operatorLimits, managed, observe, proxy, fence } = this.#options;
    const { sweepInterval, concurrency } = operatorLimits;
    const address = addressOf(operator.uri, operator.workspace);
    const registry = new MlflowRegistry({
      ...operator,
      credentials: () => Promise.resolve(operator.credentials),
      tls: () => Promise.resolve(operator.tls),
      timeout: operator.timeout ?? OPERATOR_TIMEOUT,
      concurrency,
      sweepInterval,
      proxy,
      fence,
      managed: () => managed(address),
      writers: this.#writersOf(address),
      observer: observe(OPERATOR_REGISTRY),
    });
    return { key: OPERATOR_REGISTRY, uri: operator.uri, address, registry, entry: undefined, sweepInterval };
  }

  #listDeclared(key: string, entry: RegistryEntry): Listed {
    const { managed, observe, proxy, fence } = this.#options;
    const { spec } = entry.document;
    const uri = spec.uri.replace(/\/+$/, '');
    const address = addressOf(uri, spec.workspace);
    const sweepInterval = parseDuration(spec.sweepInterval);
    const registry = new MlflowRegistry({
      uri,
      credentials: () => this.#credentials(entry.document),
      tls: () => this.#tls(entry.document),
      workspace: spec.workspace,
      timeout: parseDuration(spec.limits.requestTimeout),
      concurrency: spec.limits.concurrency,
      sweepInterval,
      proxy,
      fence,
      managed: () => managed(address),
      writers: this.#writersOf(address),
      observer: observe(key),
      webhook: this.#webhookOf(key, entry.document, sweepInterval),
    });
    return { key, uri, address, registry, entry, sweepInterval, refusal: this.#refusalOf(key, uri) };
  }

  #refusalOf(key: string, uri: string): string | undefined {
    const { allowed = [] } = this.#options;
    const { origin } = new URL(uri);
    if (allowed.length === 0 || allowed.some((pattern) => matches(pattern, origin))) return undefined;
    return `registry ${key} is at ${origin}, where --registry-allow lets nobody go`;
  }

  /** The registries whose declaration asks for a webhook. */
  withWebhook(): Listed[] {
    return this.list().filter(
      ({ entry, refusal }) => refusal === undefined && entry?.document.spec.webhook !== undefined,
    );
  }

  /**
   * What signs the deliveries of a registry's webhook: the first is what MLflow is given, the others count too.
   * @throws RegistryError that holds no secret
   */
  async webhookSecrets({ entry }: Listed): Promise<string[]> {
    return entry === undefined ? [] : this.#webhookSecrets(entry.document);
  }

  async #webhookSecrets({ metadata, spec: { uri, webhook } }: ModelRegistry): Promise<string[]> {
    if (webhook === undefined) return [];
    const secret = secretOf(metadata, webhook.secretRef);
    // The secret goes to the server and the server's events to the url: who made the secret has to agree to both.
    const keys = await this.#secret(secret, uri);
    await this.#secret(secret, webhook.url);
    return asRefusal(() => signingSecrets(keys, secret.name));
  }

  #webhookOf(key: string, document: ModelRegistry, sweepInterval: number): WebhookOptions | undefined {
    const { webhooks } = this.#options;
    if (webhooks?.isOurs(key) !== true) return undefined;
    const { installation, told } = webhooks;
    const { webhook } = document.spec;
    const { sweeps, least, most } = WEBHOOK_PACE;
    return {
      name: webhookName(installation, key),
      description: `Kept by modelpromotion (installation ${installation}) for ModelRegistry ${key}; changes by hand are undone.`,
      declared: webhook && {
        url: webhook.url,
        secret: async () => (await this.#webhookSecrets(document))[0] ?? '',
      },
      pace: Math.min(most, Math.max(least, sweeps * sweepInterval)),
      told: (event) => told(key, event),
    };
  }

  async #credentials({ metadata, spec }: ModelRegistry): Promise<Credentials> {
    if (spec.auth === undefined) return { kind: 'none' };
    const keys = await this.#secret(secretOf(metadata, spec.auth.secretRef), spec.uri);
    const [token, username, password] = [keys.get('token'), keys.get('username'), keys.get('password')];
    if (username !== undefined && password !== undefined) return { kind: 'basic', username, password };
    if (token !== undefined) return { kind: 'bearer', token };
    throw new RegistryError(
      'unauthorised',
      `secret ${spec.auth.secretRef.name} has neither the key token nor the keys username and password`,
    );
  }

  async #tls({ metadata, spec }: ModelRegistry): Promise<Tls> {
    if (spec.tls === undefined) return {};
    const ca = (await this.#secret(secretOf(metadata, spec.tls.caSecretRef))).get('ca.crt');
    if (ca !== undefined) return { ca };
    throw new RegistryError('unauthorised', `secret ${spec.tls.caSecretRef.name} has no key ca.crt`);
  }

  #secret(secret: SecretName, uri?: string): Promise<ReadonlyMap<string, string>> {
    return asRefusal(() =>
      this.#options.readSecret(secret, uri === undefined ? undefined : new URL(uri).origin),
    );
  }
}

/** Always of the same namespace: nobody reaches another team's secrets. */
function secretOf({ namespace }: ModelRegistry['metadata'], { name }: SecretRef): SecretName {
  return { namespace, name };
}

/** A secret that cannot be used is like a credential that is not accepted: a person must act. */
async function asRefusal<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const words = error instanceof Error ? error.message : 'the secret cannot be read';
    throw new RegistryError('unauthorised', words, { cause: error });
  }
}

/** Whether a webhook of ours would stay behind on the server; the registry's successor there adopts it. */
function leavesWebhook({ entry, address }: Listed, successor: RegistryEntry | undefined): boolean {
  if (entry?.document.spec.webhook === undefined) return false;
  const spec = successor?.document.spec;
  return spec === undefined || addressOf(spec.uri, spec.workspace) !== address;
}

function unknownRegistry(registry: string): string {
  return registry.endsWith(`/${OPERATOR_REGISTRY}`)
    ? `no registry is given: say where it is with --registry-uri, or declare a ModelRegistry ${registry}`
    : `no ModelRegistry ${registry} is declared`;
}

function refuse(
  { registry, model }: RegistryReference,
  reason: 'RegistryNotFound' | 'NotAllowed',
): ResolvedRegistry {
  const message =
    reason === 'NotAllowed'
      ? `registry ${registry} does not allow this namespace to manage model ${JSON.stringify(model)} (its spec.access)`
      : unknownRegistry(registry);
  return { kind: 'refused', reason, message };
}

function refuseBroken({ registry }: RegistryReference): ResolvedRegistry {
  const message = `ModelRegistry ${registry} has mistakes; it can be used once they are mended`;
  return { kind: 'refused', reason: 'RegistryNotFound', message, broken: true };
}

/**
 * A registry is open to its own namespace; to others as its `access` says (as in Gateway API). The operator's own is open
 * to all. Undefined where it is not.
 */
function rightsOf(
  document: ModelRegistry | undefined,
  { namespace, model }: RegistryReference,
  labelsOf: DirectoryOptions['labelsOf'],
): { readonly mayRegister: boolean } | undefined {
  if (document === undefined || namespace === document.metadata.namespace) return { mayRegister: true };
  const labels = labelsOf(namespace);
  const granted = document.spec.access.filter(
    ({ namespaces, models }) =>
      labels !== undefined &&
      Object.entries(namespaces.matchLabels).every(([key, value]) => labels[key] === value) &&
      (models === undefined || models.some((pattern) => matches(pattern, model))),
  );
  return granted.length === 0
    ? undefined
    : { mayRegister: granted.some(({ register }) => register === true) };
}

/** What tells one registry's models from another's: two names for one server are one registry. */
export function addressOf(uri: string, workspace = 'default'): string {
  return `${new URL(uri).href.replace(/\/+$/, '')}#${workspace}`;
}

/** `access` may change without a new connection. */
function fingerprintOf({ spec }: ModelRegistry): string {
  const { access: _access, ...connection } = spec;
  return canonicalJson(connection);
}
