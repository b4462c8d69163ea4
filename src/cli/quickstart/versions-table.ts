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

/** Who holds what now, and what was there before where that changed. */
export function versionsTable(
  before: readonly RegisteredVersion[],
  after: readonly RegisteredVersion[],
): string[][] {
  const rows = after.map((now) => {
    const then = before.find(({ version }) => version === now.version) ?? now;
    return [now.version, change(stageOf(then), stageOf(now)), change(aliasesOf(then), aliasesOf(now))];
  });
  return [['VERSION', 'STAGE', 'ALIASES'], ...rows];
}

function change(then: string, now: string): string {
  return then === now ? now : `${now} (was ${then})`;
}

function stageOf({ stage }: RegisteredVersion): string {
  return stage === 'None' ? NOTHING : stage;
}

function aliasesOf({ aliases }: RegisteredVersion): string {
  return aliases.length === 0 ? NOTHING : aliases.toSorted().join(', ');
}
