/** The API server as everything here sees it: one call at a time, or a watch. `transport.ts` carries them. */

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Such as `/apis/modelpromotion.dev/v1alpha1/namespaces/ml/modelpromotions/churn/status`; segments are encoded by the caller. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** What a PATCH is. */
  readonly patch?: 'apply' | 'merge' | 'json';
  /** The longest time all attempts may take together, in milliseconds. */
  readonly deadlineMs?: number;
}

/** One line of a watch, as the server sent it. */
export interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export interface KubeApi {
  /** Sends one call; repeats it while that is safe. Resolves with the parsed answer. @throws KubeError */
  request<T = unknown>(request: KubeRequest, signal: AbortSignal): Promise<T>;
  /** Lines of one watch until the server ends it, in their order. @throws KubeError */
  watch(request: Pick<KubeRequest, 'path' | 'query'>, signal: AbortSignal): AsyncIterable<WatchLine>;
}

/** A call that did not succeed. `message` says what was asked for and what to do, and holds no secret. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** The `reason` of the server's Status object, such as `Conflict`, `Expired` or `AlreadyExists`. */
  readonly reason: string | undefined;
  /** How long the server asks us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    told: {
      status?: number | undefined;
      reason?: string | undefined;
      retryAfterMs?: number | undefined;
    } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = told.status;
    this.reason = told.reason;
    this.retryAfterMs = told.retryAfterMs;
  }
}
