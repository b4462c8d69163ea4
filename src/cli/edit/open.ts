/** The home that the options mean, and changes that are made in it. */
import type { Environment } from '../../config.ts';
import { backoff, sleep } from '../../runtime/time.ts';
import type { Output } from '../assembly.ts';
import { CommandError, EXIT } from '../exit.ts';
import { openClusterHome } from './cluster-home.ts';
import { openFolderHome } from './folder-home.ts';
import { openGitHome } from './git-home.ts';
import type { Declared, EditHome, Outcome, Proposal } from './home.ts';
import { homeOf, type EditConfig } from './options.ts';

/** To be opened with `await using`. @throws ConfigError, CommandError, KubeError */
export async function openHome(
  config: EditConfig,
  env: Environment,
  output: Output,
  signal: AbortSignal,
): Promise<EditHome> {
  const kind = homeOf(config, env);
  switch (kind) {
    case 'git':
      return openGitHome(config, env, output, signal);
    case 'kubernetes':
      return openClusterHome(config, output);
    case 'folder':
      return openFolderHome(config);
    default:
      return kind satisfies never;
  }
}

const MOST_ATTEMPTS = 6;
const PACE = { base: 100, max: 2_000 };

/**
 * Writes a change. Where somebody else was faster it looks again, and goes on only while the promotion asks for the
 * very change that was decided on.
 * @param propose decides anew; undefined when that comes to something else
 */
export async function makeChange(
  home: EditHome,
  first: { readonly declared: Declared; readonly proposal: Proposal },
  propose: (declared: Declared) => Proposal | undefined,
  signal: AbortSignal,
): Promise<Outcome> {
  let { declared, proposal } = first;
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
    const result = await home.write(declared, proposal, signal);
    if (result.kind === 'written') return result;
    await sleep(backoff(attempt, PACE), signal);
    signal.throwIfAborted();
    declared = await home.find(declared.key, signal);
    const next = propose(declared);
    if (next === undefined)
      throw new CommandError(
        EXIT.failed,
        `somebody changed ${declared.key} meanwhile, and it asks for something else now: nothing was written; run the command again`,
      );
    proposal = next;
  }
  throw new CommandError(
    EXIT.failed,
    `others change ${declared.key} or what is around it all the time: nothing was written after ${MOST_ATTEMPTS} tries; run the command again`,
  );
}
