/** The writes that a promotion consists of, as the bare loop sends them. */
import type { Request } from './bare.ts';

export const WRITE_CALLS = [
  'transition',
  'set-alias',
  'delete-alias',
  'set-version-tag',
  'set-model-tag',
  'delete-model-tag',
  'set-description',
] as const;
type WriteCall = (typeof WRITE_CALLS)[number];

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** As long as the marks that we leave. */
function mark(model: string): string {
  return JSON.stringify({
    by: `default/bench/${model}`,
    targets: ['stage/Production', 'alias/champion'],
    revision: `folder@${DIGEST}`,
    digest: DIGEST,
    at: '2026-01-01T00:00:00Z',
  });
}

/** How many writes of each kind one promotion takes, from what was counted over many. */
export function writesEach(counts: ReadonlyMap<string, number>, promotions: number): Map<WriteCall, number> {
  return new Map(
    WRITE_CALLS.map((call) => [call, Math.round((counts.get(call) ?? 0) / promotions)] as const).filter(
      ([, count]) => count > 0,
    ),
  );
}

/** The same writes for one model. */
export function writesFor(model: string, each: ReadonlyMap<WriteCall, number>): Request[] {
  return [...each].flatMap(([call, count]) =>
    Array.from({ length: count }, (_, index) => writeFor(model, call, index)),
  );
}

function writeFor(name: string, call: WriteCall, index: number): Request {
  const version = '4';
  switch (call) {
    case 'transition':
      return {
        method: 'POST',
        path: '/model-versions/transition-stage',
        body: { name, version, stage: 'Production', archive_existing_versions: true },
      };
    case 'set-alias':
      return { method: 'POST', path: '/registered-models/alias', body: { name, alias: 'champion', version } };
    case 'set-description':
      return {
        method: 'PATCH',
        path: '/model-versions/update',
        body: { name, version, description: 'Promoted' },
      };
    case 'set-version-tag':
      return {
        method: 'POST',
        path: '/model-versions/set-tag',
        body: { name, version, key: `bench/applied-${index}`, value: mark(name) },
      };
    case 'set-model-tag':
      return {
        method: 'POST',
        path: '/registered-models/set-tag',
        body: { name, key: `bench/owner/${index}`, value: `default/bench/${name}` },
      };
    case 'delete-alias':
    case 'delete-model-tag':
      throw new Error(`a promotion takes no ${call}`);
    default:
      return call satisfies never;
  }
}
