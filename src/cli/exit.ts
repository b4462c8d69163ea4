/** Exit codes: documented, stable. Where several hold, the first of 2, 1, 3, 4 wins. 130 as shells say it of Ctrl-C. */
export const EXIT = { done: 0, failed: 1, invalid: 2, blocked: 3, pending: 4, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command ends here: the message says why, and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const PRECEDENCE: readonly ExitCode[] = [EXIT.invalid, EXIT.failed, EXIT.blocked, EXIT.pending, EXIT.done];

export function worst(codes: readonly ExitCode[]): ExitCode {
  return PRECEDENCE.find((code) => codes.includes(code)) ?? EXIT.done;
}
