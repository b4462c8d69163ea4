/**
 * What went wrong with a call to MLflow, and how to go on. The table follows MLflow's own codes
 * (mlflow/exceptions.py) and what its server was seen to do; see docs/mlflow.md.
 */

/** permanent: the same call fails again. transient: try later. throttled: try when told. unauthorised: a person must act. */
export type ErrorClass = 'permanent' | 'transient' | 'throttled' | 'unauthorised';

export interface RegistryErrorOptions extends ErrorOptions {
  readonly status?: number;
  readonly code?: string;
  /** Milliseconds the server asked to wait. */
  readonly retryAfter?: number;
  /** The request may have been carried out although no answer came. */
  readonly ambiguous?: boolean;
}

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly errorClass: ErrorClass;
  readonly status: number | undefined;
  /** MLflow's `error_code`, such as RESOURCE_DOES_NOT_EXIST. */
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;
  readonly ambiguous: boolean;

  constructor(errorClass: ErrorClass, message: string, options: RegistryErrorOptions = {}) {
    super(message, options);
    this.errorClass = errorClass;
    this.status = options.status;
    this.code = options.code;
    this.retryAfter = options.retryAfter;
    this.ambiguous = options.ambiguous ?? false;
  }

  get notFound(): boolean {
    return this.code === 'RESOURCE_DOES_NOT_EXIST';
  }
}

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly retryAfter?: string | undefined;
  /** Takes the credentials of the call out of words of the server: a gateway's page may echo our request. */
  readonly scrub?: (text: string) => string;
}

const SHOWN = 300;
/** Of an answer that is no answer of MLflow, as much is looked at. */
const READ = 1_000_000;

/** The error that an answer other than a valid 200 means. */
export function classify(refusal: Answer): RegistryError {
  const { status } = refusal;
  const body = mlflowBody(refusal);
  const message = body?.message ?? `HTTP ${status} ${wordsOf(refusal)}`.trim();
  const options = { status, ...(body === undefined ? {} : { code: body.code }) };
  if (status === 401) return new RegistryError('unauthorised', UNAUTHENTICATED, options);
  if (status === 403) {
    return new RegistryError('unauthorised', explainForbidden(refusal.body, message), options);
  }
  if (status >= 300 && status < 400) {
    return new RegistryError(
      'permanent',
      'the server answers with a redirect, and redirects are not followed; use the address it redirects to',
      options,
    );
  }
  if (status === 429) {
    return new RegistryError('throttled', message, {
      ...options,
      retryAfter: parseRetryAfter(refusal.retryAfter) ?? 1_000,
    });
  }
  if (isPermanentServerError(status, refusal, message)) {
    return new RegistryError('permanent', message, options);
  }
  if (status >= 500 || status === 408) {
    const retryAfter = parseRetryAfter(refusal.retryAfter);
    return new RegistryError('transient', message, {
      ...options,
      ambiguous: true,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  if (isUniqueViolation(message)) return new RegistryError('transient', message, options);
  if (body === undefined) return new RegistryError('permanent', notMlflow(status, refusal), options);
  return new RegistryError('permanent', message, options);
}

const UNAUTHENTICATED =
  'the registry does not accept our credentials (401); check the token, or user name and password';

function explainForbidden(body: string, message: string): string {
  return body.includes('Invalid Host header')
    ? "the registry refuses the host name of its address (403, MLflow's Host check); start MLflow with --allowed-hosts"
    : `the registry does not permit this (403): ${message}`;
}

/** What repeats for ever: some 500s, and the 503 of a server without workspaces. MLflow's own clients retry them in vain. */
function isPermanentServerError(status: number, { contentType, body }: Answer, message: string): boolean {
  if (status === 500) {
    return message.includes('cannot archive existing model versions') || body.includes('FEATURE_DISABLED');
  }
  if (status === 501) return true;
  return status === 503 && contentType.startsWith('text/html') && body.includes('without workspaces support');
}

/** Several first writers of one alias collide inside MLflow; the loser may simply try again. */
function isUniqueViolation(message: string): boolean {
  return message.includes('UNIQUE constraint') || message.includes('duplicate key');
}

function notMlflow(status: number, refusal: Answer): string {
  return `this is not an MLflow server, or its address lacks a path prefix (HTTP ${status}: ${wordsOf(refusal)})`;
}

function mlflowBody({ body, scrub = same }: Answer): { code: string; message: string } | undefined {
  try {
    const parsed = JSON.parse(body) as { error_code?: unknown; message?: unknown } | null;
    if (typeof parsed?.error_code !== 'string') return undefined;
    const { error_code: code, message } = parsed;
    return { code, message: cut(scrub(typeof message === 'string' ? message : code)) };
  } catch {
    return undefined;
  }
}

/** What an answer says, on one line. What is secret is taken out before anything is cut off. */
export function wordsOf({ body, scrub = same }: Pick<Answer, 'body' | 'scrub'>): string {
  return plainText(scrub(body.slice(0, READ)));
}

function same(text: string): string {
  return text;
}

/** The words of a text or HTML page, on one line. */
export function plainText(body: string): string {
  return cut(
    body
      .slice(0, 4_000)
      .replaceAll(/<(style|script|head)[^>]*>[^]*?<\/\1>/gi, ' ')
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );
}

function cut(text: string): string {
  // eslint-disable-next-line no-control-regex -- a server's text goes into logs and statuses
  const printable = text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, ' ');
  return printable.length > SHOWN ? `${printable.slice(0, SHOWN)}…` : printable;
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), in milliseconds, at most five minutes. */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 5 * 60_000) : undefined;
}

const CONNECTION: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is MLflow running there?',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
};

const TLS = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|HOSTNAME_MISMATCH|ERR_(?:TLS|SSL|OSSL)|EPROTO/;

/**
 * The error that a failed exchange with the server at `uri` means. Only what surely never reached it is unambiguous.
 * @param uri without any secret
 */
export function classifyFailure(error: unknown, uri: string): RegistryError {
  const { errorClass, message, ambiguous } = explainFailure(error);
  return new RegistryError(errorClass, `${uri}: ${message}`, { cause: error, ambiguous });
}

function explainFailure(error: unknown): Pick<RegistryError, 'errorClass' | 'message' | 'ambiguous'> {
  const code = codeOf(error);
  const known = CONNECTION[code];
  if (known !== undefined) return { errorClass: 'transient', message: known, ambiguous: false };
  if (TLS.test(code)) return { errorClass: 'permanent', message: explainTls(code), ambiguous: false };
  if (code === 'UND_ERR_INVALID_ARG') {
    const message = `the request cannot be sent: ${messageOf(error)}`;
    return { errorClass: 'permanent', message, ambiguous: false };
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return { errorClass: 'permanent', message: 'the answer is larger than we accept', ambiguous: true };
  }
  return { errorClass: 'transient', message: `no complete answer: ${messageOf(error)}`, ambiguous: true };
}

function explainTls(code: string): string {
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_WRONG') || code.startsWith('ERR_SSL_PACKET')) {
    return `TLS failed (${code}); does the server speak https at this port?`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') {
    return `TLS failed (${code}): the certificate is for another host name`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `TLS failed (${code}): the certificate is not valid now`;
  }
  return `TLS failed (${code}); declare the authority in spec.tls, or MLFLOW_TRACKING_SERVER_CERT_PATH`;
}

function messageOf(error: unknown): string {
  return cut(error instanceof Error ? error.message : String(error));
}

function codeOf(error: unknown): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
    if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  }
  return '';
}
