/** `modelpromotion wait`: until promotions are ready, and no longer than that. */
import { ConfigError, type Config, type OptionName } from '../config.ts';
import { sleep } from '../runtime/time.ts';
import { EXIT, type ExitCode } from './exit.ts';
import {
  messageOf,
  openStatus,
  STATUS_SOURCE_OPTIONS,
  statusHome,
  type ObservedPromotion,
  type ObservedStatus,
  type StatusReader,
} from './observed-status.ts';
import { find } from './status.ts';
import { print, tell } from './terminal.ts';
import { wordsOf } from '../runtime/failure.ts';

export const WAIT_OPTIONS = [
  'timeout',
  'revision',
  ...STATUS_SOURCE_OPTIONS,
] as const satisfies readonly OptionName[];

type WaitConfig = Config<(typeof WAIT_OPTIONS)[number]>;

const LOOK_EVERY = 500;

export async function wait(
  names: readonly string[],
  config: WaitConfig,
  signal: AbortSignal,
): Promise<ExitCode> {
  const home = statusHome(config);
  if (config.revision !== undefined && home !== 'server') {
    const where = home === 'branch' ? 'the status branch does' : 'objects of a cluster do';
    throw new ConfigError([
      `--revision: ${where} not tell what the controller has read; ask it with --server`,
    ]);
  }
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(config.timeout)]);
  await using reader = await openStatus(config, names);
  let last = '';
  while (!deadline.aborted) {
    const verdict = await look(reader, names, config, deadline);
    if (verdict.kind === 'ready') {
      print(verdict.message);
      for (const mistake of verdict.mistakes ?? []) tell(mistake);
      // What cannot be read may be the very promotion that somebody waits for.
      return names.length === 0 && verdict.mistakes?.length ? EXIT.invalid : EXIT.done;
    }
    if (verdict.kind === 'stalled') {
      tell(verdict.message);
      return EXIT.failed;
    }
    if (verdict.message !== last) tell(verdict.message);
    last = verdict.message;
    await sleep(LOOK_EVERY, deadline);
  }
  tell(`not ready in time (--timeout): ${last === '' ? 'no answer' : last}`);
  return EXIT.failed;
}

export interface Verdict {
  readonly kind: 'ready' | 'stalled' | 'waiting';
  readonly message: string;
  /** What is wrong in the source although all that was waited for is ready. */
  readonly mistakes?: readonly string[];
}

async function look(
  reader: StatusReader,
  names: readonly string[],
  config: WaitConfig,
  signal: AbortSignal,
): Promise<Verdict> {
  try {
    return judge(await reader.read(signal), names, config.revision);
  } catch (error) {
    return { kind: 'waiting', message: wordsOf(error) };
  }
}

/** As kstatus judges: what is stalled will not become ready by waiting. */
export function judge(
  { source, promotions: all }: Pick<ObservedStatus, 'source' | 'promotions'>,
  names: readonly string[],
  revision: string | undefined,
): Verdict {
  const { held, failure, mistakes } = source;
  const waitFor = (what: string): Verdict => ({
    kind: 'waiting',
    message: `waiting for ${what}${failure === undefined ? '' : `; the source cannot be read: ${failure}`}`,
  });
  if (revision !== undefined && !isAt(source.revision, revision)) {
    if (held?.reason === 'EmptySource' && isAt(held.revision, revision)) {
      return { kind: 'stalled', message: `${held.revision}: ${[held.message, ...mistakes].join('\n')}` };
    }
    return waitFor(`revision ${revision}; the controller is at ${source.revision ?? 'none'}`);
  }
  const missing = names.filter((name) => find(all, name) === undefined);
  if (missing.length > 0) return waitFor(`${missing.join(', ')} to be declared`);
  const promotions = names.length === 0 ? all : names.flatMap((name) => find(all, name) ?? []);
  const stalled = promotions.filter((promotion) => stateOf(promotion) === 'stalled');
  if (stalled.length > 0) return { kind: 'stalled', message: stalled.map(describe).join('\n') };
  if (promotions.length === 0) return waitFor('a promotion to be declared');
  const waiting = promotions.filter((promotion) => stateOf(promotion) === 'waiting');
  if (waiting.length > 0) return { kind: 'waiting', message: waiting.map(describe).join('\n') };
  return { kind: 'ready', message: promotions.map(describe).join('\n'), mistakes };
}

/** `main@sha1:<hex>`, the hex, or the beginning of it (7 digits or more). */
function isAt(current: string | undefined, wanted: string): boolean {
  const sha = current?.slice(current.lastIndexOf(':') + 1) ?? '';
  return current === wanted || (wanted.length >= 7 && sha.startsWith(wanted));
}

function stateOf({ generation, status }: ObservedPromotion): Verdict['kind'] {
  const { conditions = [], observedGeneration } = status;
  if (generation !== observedGeneration) return 'waiting';
  if (conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')) return 'stalled';
  if (status.summary?.ready === 'Suspended') return 'ready';
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ? 'ready' : 'waiting';
}

function describe(promotion: ObservedPromotion): string {
  const { key, generation, status } = promotion;
  if (generation !== status.observedGeneration) {
    return `${key}: its document changed, and was not looked at yet`;
  }
  return `${key}: ${status.summary?.reason ?? 'Pending'}: ${messageOf(promotion)}`;
}
