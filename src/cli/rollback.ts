/** `modelpromotion rollback`: declares the version before, where promotions are declared, once somebody has agreed. */
import { ConfigError, together, type Config, type Environment, type OptionName } from '../config.ts';
import { clip } from '../api/quote.ts';
import type { FieldEdit } from '../api/edit/edit.ts';
import type { ModelPromotion } from '../api/generated/types.ts';
import { toPromotion, type TargetId } from '../domain/desired.ts';
import { planRollback, UNTOLD, type Return, type Rollback } from '../domain/rollback.ts';
import { ask } from './ask.ts';
import { openOutput, type Output } from './assembly.ts';
import { checkCandidates } from './edit/candidates.ts';
import type { Declared, EditHome, Memory, Proposal } from './edit/home.ts';
import { makeChange, openHome } from './edit/open.ts';
import { EDIT_OPTIONS } from './edit/options.ts';
import { rollbackWording } from './edit/wording.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { renderEdit, type EditOutcome } from './render/edit.ts';
import { renderRollback, warningsOf, type Returns, type ShownRollback } from './render/rollback.ts';
import { print, progress, tell } from './terminal.ts';

export const ROLLBACK_OPTIONS = [
  'to',
  'target',
  'pin-for',
  'yes',
  ...EDIT_OPTIONS,
] as const satisfies readonly OptionName[];

type RollbackConfig = Config<(typeof ROLLBACK_OPTIONS)[number]>;

export async function rollback(
  name: string,
  config: RollbackConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const [goal, pin] = together(
    () => parseGoal(config),
    () => pinFor(config),
  );
  const output = openOutput(config);
  await using home = await openHome(config, env, output, signal);
  const finished = progress('Looking at what is declared, at its history, and at the registry…');
  const found = await look(name, home, { config, env, goal, pin, output }, signal).finally(finished);
  const { declared } = found;
  const report = (outcome: EditOutcome): void =>
    print(output.scrubber.clean(renderEdit(declared, outcome, config.output)));
  if (found.kind === 'same') {
    report({ changed: false, changes: [], message: found.sentence });
    return EXIT.done;
  }
  const { memory, plan, proposal, check } = found;
  const shown = output.scrubber.clean(renderRollback(found));
  if (config.output === 'table') print(shown);
  const rest = {
    returns: plan.returns.map(({ target, from, to }) => ({ target, from, to })),
    changes: found.places,
    notes: plan.notes,
    warnings: warningsOf(found),
  };
  if (check.kind === 'unusable') {
    const message = `nothing was changed: ${check.message}`;
    if (config.output === 'table') tell(message);
    else report({ ...rest, changed: false, message });
    return EXIT.blocked;
  }
  const question = { command: 'rollback', text: 'Go back?', yes: config.yes };
  const refusal = await ask({ ...question, shown: config.output === 'table' ? undefined : shown }, signal);
  if (refusal !== undefined) return refusal;
  const again = (now: Declared): Proposal | undefined => {
    const next = decide(now.object, memory, goal);
    return isSame(plan, next) ? propose(now, plan, pin) : undefined;
  };
  const { message, next } = await makeChange(home, { declared, proposal }, again, signal);
  report({ ...rest, changed: true, message });
  tell(next);
  return EXIT.done;
}

interface Found extends ShownRollback {
  readonly kind: 'found';
  readonly proposal: Proposal;
}

interface Same {
  readonly kind: 'same';
  readonly declared: Declared;
  readonly sentence: string;
}

interface LookOptions {
  readonly config: RollbackConfig;
  readonly env: Environment;
  readonly goal: Goal;
  readonly pin: Pin;
  readonly output: Output;
}

/** All that is to be known before somebody is asked. @throws CommandError when there is nothing to go back to */
async function look(
  name: string,
  home: EditHome,
  { config, env, goal, pin, output: { scrubber } }: LookOptions,
  signal: AbortSignal,
): Promise<Found | Same> {
  const declared = await home.find(name, signal);
  const memory = await home.remember(declared, signal);
  const plan = decide(declared.object, memory, goal);
  if (plan.kind === 'refused') throw new CommandError(EXIT.invalid, refusalOf(declared, plan, memory));
  if (plan.kind === 'same') return { kind: 'same', declared, sentence: `${declared.key}: ${plan.message}.` };
  const proposal = propose(declared, plan, pin);
  const places = await home.preview(declared, proposal, signal);
  const versions = [...new Set(plan.returns.map(({ to }) => to))];
  const check = await checkCandidates(declared, versions, { config, env, scrubber, home }, signal);
  return { kind: 'found', declared, memory, plan, proposal, places, check };
}

interface Goal {
  readonly to: string | undefined;
  readonly only: readonly TargetId[];
}

/** @throws ConfigError */
function parseGoal({ to, target }: Pick<RollbackConfig, 'to' | 'target'>): Goal {
  const parsed = target.map((text) => ({ text, id: parseTarget(text) }));
  const mistakes = [
    ...(to === undefined || /^[1-9]\d{0,9}$/.test(to)
      ? []
      : [`--to: ${JSON.stringify(to)} is not a version: a whole number from 1`]),
    ...parsed.flatMap(({ text, id }) =>
      id === undefined
        ? [`--target: ${JSON.stringify(text)} is not a target; write stage/Production or alias/champion`]
        : [],
    ),
  ];
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return { to, only: parsed.flatMap(({ id }) => id ?? []) };
}

/** As statuses write it, or as plans show it: `Production`, `@champion`. */
export function parseTarget(text: string): TargetId | undefined {
  const [, stage] = /^(?:stage\/)?(staging|production)$/i.exec(text) ?? [];
  if (stage !== undefined) return stage.toLowerCase() === 'staging' ? 'stage/Staging' : 'stage/Production';
  const [, alias] = /^(?:alias\/|@)([\p{L}\p{N}_-]+)$/u.exec(text) ?? [];
  return alias === undefined ? undefined : `alias/${alias}`;
}

function decide(object: ModelPromotion, { status }: Memory, goal: Goal): Rollback {
  const { targets } = toPromotion(object, { uid: '', generation: 0, revision: '' });
  return planRollback({ targets, status, now: Date.now(), ...goal });
}

function isSame(plan: Returns, next: Rollback): boolean {
  const shown = (returns: readonly Return[]): string =>
    returns.map(({ target, from, to }) => `${target} ${from} ${to}`).join('\n');
  return next.kind === 'returns' && shown(plan.returns) === shown(next.returns);
}

function refusalOf({ key }: Declared, { message }: { message: string }, { note }: Memory): string {
  return `${key}: ${message}${note === undefined ? '' : ` (${note})`}`;
}

const MINUTE = 60_000;
const WEEK = 7 * 24 * 60 * MINUTE;

/** Why a rule does not select for a while, and until when. */
interface Pin {
  readonly reason: string | undefined;
  /** RFC 3339. */
  readonly until: string;
}

/** @throws ConfigError */
function pinFor({ reason, ...config }: Pick<RollbackConfig, 'reason' | 'pin-for'>): Pin {
  const time = config['pin-for'] ?? WEEK;
  if (time < MINUTE || time > 520 * WEEK) throw new ConfigError(['--pin-for: from a minute to ten years']);
  const until = new Date(Date.now() + time);
  return { reason, until: `${until.toISOString().slice(0, 19)}Z` };
}

function propose({ key, object }: Declared, { returns }: Returns, pin: Pin): Proposal {
  return {
    edits: returns.flatMap((one) => editsFor(object, one, pin)),
    wording: rollbackWording(key, returns, pin.reason),
  };
}

/** Of a reason in a pin, for which the contract has 500 characters. */
const LONGEST_REASON = 250;

function editsFor({ spec }: ModelPromotion, { target, from, to, by }: Return, pin: Pin): FieldEdit[] {
  const list = target.startsWith('stage/') ? 'stages' : 'aliases';
  const name = target.slice(target.indexOf('/') + 1);
  const index = spec[list].findIndex((entry) => entry.name === name);
  const path = ['spec', list, index] as const;
  if (by === 'version') return [{ path: [...path, 'version'], value: to }];
  const why = (pin.reason ?? '').trim();
  const reason = clip(
    why === '' ? `rolled back${from === UNTOLD ? '' : ` from ${from}`}` : why,
    LONGEST_REASON,
  );
  const value = { version: to, reason, until: pin.until };
  return spec[list][index]?.pin === undefined
    ? [{ path: [...path, 'pin'], value }]
    : Object.entries(value).map(([field, text]) => ({ path: [...path, 'pin', field], value: text }));
}
