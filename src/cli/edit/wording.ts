/** What a commit says: what was changed and why, with trailers that programs read. */
import { describeTarget } from '../../domain/desired.ts';
import { UNTOLD, type Return } from '../../domain/rollback.ts';

export interface Wording {
  readonly subject: string;
  readonly body: readonly string[];
  readonly trailers: readonly (readonly [name: string, value: string])[];
}

export function rollbackWording(
  key: string,
  returns: readonly Return[],
  reason: string | undefined,
): Wording {
  const goals = unique(returns.map(({ to }) => to));
  const from = unique(returns.map(({ from }) => from)).filter((version) => version !== UNTOLD);
  return {
    subject: goals.length === 1 ? `Roll back ${key} to version ${goals[0]}` : `Roll back ${key}`,
    body: [
      ...returns.map(({ target, from, to }) => `${describeTarget(target)}: ${from} -> ${to}`),
      ...reasonIn(reason),
    ],
    trailers: [
      ['Promotion', key],
      ...from.map((version) => ['Rollback-From', version] as const),
      ...goals.map((version) => ['Rollback-To', version] as const),
    ],
  };
}

export function suspendWording(key: string, suspend: boolean, reason: string | undefined): Wording {
  return {
    subject: `${suspend ? 'Suspend' : 'Resume'} ${key}`,
    body: reasonIn(reason),
    trailers: [
      ['Promotion', key],
      ['Suspend', String(suspend)],
    ],
  };
}

export function commitMessage({ subject, body, trailers }: Wording): string {
  const lines = trailers.map(([name, value]) => `${name}: ${value}`).join('\n');
  const paragraphs = body.length === 0 ? [] : [body.join('\n')];
  return `${[subject, ...paragraphs, lines].join('\n\n')}\n`;
}

/** In a paragraph of its own and on one line: nobody writes trailers with it. */
function reasonIn(reason: string | undefined): string[] {
  const text = reason?.replaceAll(/\p{Cc}+/gu, ' ').trim() ?? '';
  return text === '' ? [] : [`Reason: ${text}`];
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
