/** Which targets go back to which version, told from what is declared and from the history. */
import { describe, expect, it } from 'vitest';
import type { HistoryEntry, ModelPromotionStatus } from '../../../src/api/generated/types.ts';
import type { Target, TargetId } from '../../../src/domain/desired.ts';
import { planRollback, type Rollback } from '../../../src/domain/rollback.ts';

const NOW = Date.UTC(2026, 10, 20);

/** `stage/Production=4`, `alias/blue<stage/Staging` for one that follows, `stage/Production~` for a rule, `~4` for a pinned one. */
function target(text: string): Target {
  const [, id = '', mark, value = ''] = /^([^=<~]+)([=<~])(.*)$/.exec(text) ?? [];
  const pin = { version: value, reason: 'INC-7', until: value === '9' ? NOW : NOW + 1 };
  const want =
    mark === '~'
      ? { kind: 'latest', filter: [] }
      : mark === '='
        ? { kind: 'pinned', version: value }
        : { kind: 'follows', source: value };
  const parsed: object = { id, want, ...(mark === '~' && value !== '' && { pin }) };
  return parsed as Target;
}

/** Oldest first: `r1 stage/Production 2>3`, and `!` for a repair. */
function history(...lines: readonly string[]): HistoryEntry[] {
  return lines
    .map((line, index): HistoryEntry => {
      const [revision = '', target = '', move = ''] = line.split(' ');
      const [from = '', to = ''] = move.replace('!', '').split('>');
      return {
        target,
        ...(from !== '' && { from }),
        to,
        cause: move.endsWith('!') ? 'Drift' : 'Promotion',
        revision,
        time: `2026-11-0${index + 1}T00:00:00Z`,
      };
    })
    .toReversed();
}

interface Case {
  readonly declared: readonly string[];
  readonly history?: readonly string[];
  /** Our record, where it is not what the newest change says. */
  readonly records?: Readonly<Record<string, string>>;
  readonly to?: string;
  readonly only?: TargetId;
}

function plan({ declared, history: lines = [], records = {}, to, only }: Case): Rollback {
  const entries = history(...lines);
  const last = Object.fromEntries(entries.toReversed().map(({ target, to }) => [target, to]));
  const targets = Object.entries({ ...last, ...records }).map(([target, version]) => ({
    target,
    applied: { version, how: 'Applied' as const },
  }));
  const status: ModelPromotionStatus = { history: entries, targets };
  return planRollback({
    targets: declared.map(target),
    status,
    to,
    only: only === undefined ? [] : [only],
    now: NOW,
  });
}

function inShort(rollback: Rollback): string[] {
  if (rollback.kind !== 'returns') return [`${rollback.kind}: ${rollback.message}`];
  return [...rollback.returns.map(({ target, from, to }) => `${target} ${from}>${to}`), ...rollback.notes];
}

const TWO = ['stage/Production=4', 'alias/champion=4'];
const MOVED = [
  'r1 stage/Production 2>3',
  'r1 alias/champion 2>3',
  'r2 stage/Production 3>4',
  'r2 alias/champion 3>4',
];

describe('without a version', () => {
  it.each<[string, Case, string[]]>([
    ['targets that moved together go back together', { declared: TWO, history: MOVED }, ['stage/Production 4>3', 'alias/champion 4>3']],
    ['what did not move last stays', { declared: ['stage/Staging=5', ...TWO], history: ['r1 stage/Staging 4>5', ...MOVED.slice(2)] }, ['stage/Production 4>3', 'alias/champion 4>3', 'Staging stays at 5']],
    ['each goes to its own version', { declared: ['stage/Staging=5', 'stage/Production=4'], history: ['r1 stage/Staging 4>5', 'r1 stage/Production 3>4'] }, ['stage/Staging 5>4', 'stage/Production 4>3']],
    ['a repair is no step', { declared: TWO, history: [...MOVED, 'r2 stage/Production 1>4!'] }, ['stage/Production 4>3', 'alias/champion 4>3']],
    ['a follower goes with what it follows', { declared: ['stage/Production=4', 'alias/champion<stage/Production'], history: ['r1 stage/Production 3>4', 'r1 alias/champion 3>4'] }, ['stage/Production 4>3', '@champion follows Production, and goes with it']],
    ['what held nothing before goes with the others', { declared: ['stage/Production=4', 'alias/canary=4'], history: ['r1 stage/Production 3>4', 'r1 alias/canary >4'] }, ['stage/Production 4>3', 'alias/canary 4>3']],
    ['what alone held nothing before stays', { declared: ['stage/Production=4', 'alias/canary=5'], history: ['r1 stage/Production 3>4', 'r1 alias/canary >5'] }, ['stage/Production 4>3', '@canary stays at 5: it held nothing before']],
    ['going back twice goes further back', { declared: ['stage/Production=3'], history: ['r1 stage/Production 2>3', 'r2 stage/Production 3>4', 'r3 stage/Production 4>3'] }, ['stage/Production 3>2']],
    ['going back twice before the first is carried out goes no further', { declared: ['stage/Production=3'], history: ['r1 stage/Production 2>3', 'r2 stage/Production 3>4'] }, ['same: Production goes back to 3 already, and holds 4 still; name the version with --to to go further back']],
    ['a version that never took its target gives way to the one that holds it', { declared: ['stage/Production=5', 'alias/champion=4'], history: MOVED }, ['stage/Production 5>4', '@champion stays at 4']],
    ['one target alone', { declared: TWO, history: MOVED, only: 'alias/champion' }, ['alias/champion 4>3']],
    ['what a rule selects is pinned for a while', { declared: ['stage/Production~', 'alias/champion<stage/Production'], history: ['r1 stage/Production 3>4', 'r1 alias/champion 3>4'] }, ['stage/Production 4>3', '@champion follows Production, and goes with it', 'Production is pinned for a while; then its rule (latest) selects again']],
    ['what is pinned beside a rule goes further back', { declared: ['stage/Production~3'], history: ['r1 stage/Production 2>3', 'r2 stage/Production 3>4', 'r3 stage/Production 4>3'] }, ['stage/Production 3>2', 'Production is pinned for a while; then its rule (latest) selects again']],
    ['a pin that has run out does not count', { declared: ['stage/Production~9'], history: ['r1 stage/Production 3>4'] }, ['stage/Production 4>3', 'Production is pinned for a while; then its rule (latest) selects again']],
    ['a change without a revision is told by its time', { declared: ['stage/Production=4'], history: [' stage/Production 3>4'] }, ['stage/Production 4>3']],
  ])('%s', (_, given, expected) => {
    expect(inShort(plan(given))).toEqual(expected);
  }); // prettier-ignore

  it.each<[string, Case, RegExp]>([
    ['no history', { declared: TWO }, /^refused: no earlier version is known.*--to/],
    ['the first version ever', { declared: ['stage/Production=1'], history: ['r1 stage/Production >1'] }, /^refused: history tells of no version before that of Production \(1\).*--to/],
    ['the oldest version of a history that was gone back through', { declared: ['stage/Production=3'], history: ['r1 stage/Production 3>4', 'r2 stage/Production 4>3'] }, /no version before/],
    ['a target that is not there', { declared: TWO, only: 'stage/Staging' }, /^refused: there is no target stage\/Staging in it; there is stage\/Production, alias\/champion/],
    ['a target that follows another one', { declared: ['stage/Production=4', 'alias/champion<stage/Production'], only: 'alias/champion' }, /follows Production; bring that one back, or pin @champion/],
    ['a rule of which nobody knows what it chose', { declared: ['stage/Production~'] }, /^refused: Production is chosen by a rule, and what it chose is not known; name the version with --to/],
    ['nothing that is pinned', { declared: ['alias/champion<stage/Production'] }, /no version is pinned/],
  ])('refuses %s', (_, given, message) => {
    expect(inShort(plan(given))[0]).toMatch(message);
  }); // prettier-ignore
});

describe('to a version', () => {
  it.each<[string, Case, string[]]>([
    ['those that moved together', { declared: ['stage/Staging=5', ...TWO], history: MOVED, to: '1' }, ['stage/Production 4>1', 'alias/champion 4>1', 'Staging stays at 5']],
    ['all that share a version, though the history tells of one alone', { declared: TWO, history: ['r1 stage/Production 3>4'], to: '2' }, ['stage/Production 4>2', 'alias/champion 4>2']],
    ['what a rule selects, known or not', { declared: ['stage/Production~'], to: '2' }, ['stage/Production ?>2', 'Production is pinned for a while; then its rule (latest) selects again']],
    ['without any history, all that are at one version', { declared: TWO, to: '2' }, ['stage/Production 4>2', 'alias/champion 4>2']],
    ['without any history, the one that is named', { declared: ['stage/Staging=5', ...TWO], to: '2', only: 'stage/Staging' }, ['stage/Staging 5>2']],
    ['that is declared already, nothing', { declared: TWO, history: MOVED, to: '4' }, ['same: nothing to go back from: Production is at 4, @champion is at 4 already']],
  ])('brings %s', (_, given, expected) => {
    expect(inShort(plan(given))).toEqual(expected);
  }); // prettier-ignore

  it('asks which target is meant where they differ and nothing tells', () => {
    expect(inShort(plan({ declared: ['stage/Staging=5', ...TWO], to: '2' }))).toEqual([
      'refused: the targets are at different versions: say with --target which is meant: stage/Staging (5), stage/Production (4), alias/champion (4)',
    ]);
  });

  it('tells whether the version once held the target', () => {
    const once = (to: string) => {
      const rollback = plan({ declared: ['stage/Production=4'], history: MOVED, to });
      return rollback.kind === 'returns' ? rollback.returns[0].once : undefined;
    };
    expect(once('3')).toMatchObject({ from: '3', to: '4' });
    expect(once('2')).toMatchObject({ from: '2', to: '3' });
    expect(once('1')).toBeUndefined();
  });
});
