/** Model versions as tables, and what changed between two looks. */
import type { RegisteredVersion } from './registry.ts';

const NOTHING = '-';

/** What training gave: a row a version. */
export function metricsTable(
  versions: readonly RegisteredVersion[],
  runs: readonly Readonly<Record<string, string>>[],
): string[][] {
  const rows = versions.map(({ version }, index) => {
    const { algorithm = NOTHING, accuracy = NOTHING, f1_score: f1 = NOTHING } = runs[index] ?? {};
    return [version, accuracy, f1, algorithm];
  });
  return [['VERSION', 'ACCURACY', 'F1_SCORE', 'ALGORITHM'], ...rows];
}

/** Who holds what now, and what each held before where that changed. */
export function versionsTable(
  before: readonly RegisteredVersion[],
  after: readonly RegisteredVersion[],
): string[][] {
  const rows = after.map((now) => {
    const then = before.find(({ version }) => version === now.version);
    return [now.version, stageOf(now), aliasesOf(now), changeOf(then, now)];
  });
  return [['VERSION', 'STAGE', 'ALIASES', 'BEFORE'], ...rows];
}

function changeOf(then: RegisteredVersion | undefined, now: RegisteredVersion): string {
  if (then === undefined) return NOTHING;
  const stage = then.stage === now.stage ? [] : [stageOf(then)];
  const aliases = aliasesOf(then) === aliasesOf(now) ? [] : [aliasesOf(then)];
  return [...stage, ...aliases].join(', ');
}

function stageOf({ stage }: RegisteredVersion): string {
  return stage === 'None' ? NOTHING : stage;
}

function aliasesOf({ aliases }: RegisteredVersion): string {
  return aliases.length === 0 ? NOTHING : aliases.toSorted().join(', ');
}
