/**
 * How a sender proves that it knows a secret. A claim is read from headers alone; whether it holds is found out
 * from the raw body, before anybody looks at what the body says.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Names in lower case. What a sender repeats is joined, and then fits no scheme. */
export type Headers = Readonly<Record<string, string | undefined>>;

export interface Claim {
  /** Seconds since the epoch, where the scheme signs them. */
  readonly timestamp: number | undefined;
  readonly holds: (secret: string, body: Buffer) => boolean;
  /** Tells this delivery from every other; rests on nothing that is not signed. */
  readonly delivery: (body: Buffer) => string;
}

/** The claim that a request makes in the way of one sender; undefined when it makes none. */
export type Scheme = (headers: Headers) => Claim | undefined;

/** GitHub; Gitea and Forgejo send it too, and anybody can with openssl. */
export const hubSignature256: Scheme = (headers) => plainHmac(headers['x-hub-signature-256'], 'sha256=');

/** Bitbucket. GitHub's header of this name is SHA-1, and proves nothing here. */
export const hubSignature: Scheme = (headers) => plainHmac(headers['x-hub-signature'], 'sha256=');

export const giteaSignature: Scheme = (headers) => plainHmac(headers['x-gitea-signature'], '');
export const forgejoSignature: Scheme = (headers) => plainHmac(headers['x-forgejo-signature'], '');

/** GitLab's older way: the secret itself. It proves nothing about the body. */
export const gitlabToken: Scheme = (headers) => {
  const token = headers['x-gitlab-token'];
  if (token === undefined || token === '') return undefined;
  return {
    timestamp: undefined,
    holds: (secret) => sameText(secret, token),
    delivery: bodyDigest,
  };
};

/** Standard Webhooks 1.0; GitLab's newer way. A secret `whsec_…` is base64, any other is taken as it stands. */
export const standardWebhooks: Scheme = (headers) =>
  timestamped(headers['webhook-id'], headers['webhook-timestamp'], headers['webhook-signature'], standardKey);

/** MLflow signs as Standard Webhooks do, with the secret as it stands. */
export const mlflowSignature: Scheme = (headers) =>
  timestamped(
    headers['x-mlflow-delivery-id'],
    headers['x-mlflow-timestamp'],
    headers['x-mlflow-signature'],
    (secret) => Buffer.from(secret),
  );

/** The first claim that the request makes in one of these ways. */
export function claimOf(headers: Headers, schemes: readonly Scheme[]): Claim | undefined {
  for (const scheme of schemes) {
    const claim = scheme(headers);
    if (claim !== undefined) return claim;
  }
  return undefined;
}

function plainHmac(header: string | undefined, prefix: string): Claim | undefined {
  if (header?.startsWith(prefix) !== true) return undefined;
  const hex = header.slice(prefix.length);
  if (!/^[0-9a-f]{64}$/i.test(hex)) return undefined;
  const signature = Buffer.from(hex, 'hex');
  return {
    timestamp: undefined,
    holds: (secret, body) => timingSafeEqual(hmac(Buffer.from(secret), [body]), signature),
    delivery: bodyDigest,
  };
}

const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/;
const SECONDS = /^\d{1,12}$/;

/** Neither id nor timestamp may hold a dot: `<id>.<timestamp>.<body>` is signed, and must read one way only. */
function timestamped(
  id: string | undefined,
  timestamp: string | undefined,
  header: string | undefined,
  keyOf: (secret: string) => Buffer | undefined,
): Claim | undefined {
  if (id === undefined || timestamp === undefined || header === undefined) return undefined;
  const signatures = signaturesIn(header);
  if (!ID.test(id) || !SECONDS.test(timestamp) || signatures.length === 0) return undefined;
  return {
    timestamp: Number(timestamp),
    holds: (secret, body) => {
      const key = keyOf(secret);
      if (key === undefined) return false;
      const expected = hmac(key, [`${id}.${timestamp}.`, body]);
      return signatures.filter((signature) => timingSafeEqual(expected, signature)).length > 0;
    },
    delivery: () => `id ${id}`,
  };
}

/** A sender that changes its secret signs with both. */
function signaturesIn(header: string): Buffer[] {
  return header
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .map((one) => Buffer.from(one.slice('v1,'.length), 'base64'))
    .filter(({ length }) => length === 32)
    .slice(0, 8);
}

const STANDARD_PREFIX = 'whsec_';
/** A shorter key, such as the one that text which is no base64 decodes to, could be guessed. */
const SHORTEST_KEY = 16;

function standardKey(secret: string): Buffer | undefined {
  if (!secret.startsWith(STANDARD_PREFIX)) return Buffer.from(secret);
  const key = Buffer.from(secret.slice(STANDARD_PREFIX.length), 'base64');
  return key.length < SHORTEST_KEY ? undefined : key;
}

function hmac(key: Buffer, parts: readonly (string | Buffer)[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** Digests have one length, whatever they are made of: comparing them tells nothing of it. */
function sameText(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other));
}

function bodyDigest(body: Buffer): string {
  return `body ${sha256(body).toString('base64')}`;
}

function sha256(content: string | Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}
