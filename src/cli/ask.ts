/** Commands that change something ask first. */
import { EXIT, type ExitCode } from './exit.ts';
import { confirm, isInteractive, tell } from './terminal.ts';

export interface Question {
  readonly command: string;
  readonly text: string;
  readonly yes: boolean;
  /** What it is about; undefined when it was shown already. */
  readonly shown: string | undefined;
}

/** Undefined when it may be done. Nobody is asked about what was not shown. */
export async function ask(
  { command, text, yes, shown }: Question,
  signal: AbortSignal,
): Promise<ExitCode | undefined> {
  if (yes) return undefined;
  if (shown !== undefined) tell(shown);
  if (!isInteractive()) {
    tell(`${command} asks before it changes anything, and this is not a terminal: run it with --yes`);
    return EXIT.invalid;
  }
  if (await confirm(`${text} Only "yes" is accepted: `, signal)) return undefined;
  tell('Nothing was changed.');
  return EXIT.failed;
}
