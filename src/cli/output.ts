/** What becomes of a command whose output goes nowhere: a pager that quit has seen enough, a full disk is a failure. */
import { tell, unwritable } from './terminal.ts';
import { EXIT, type ExitCode } from './exit.ts';

/** Watches standard output from now on. The result tells the exit code, once everything was written or could not be. */
export function watchOutput(): (code: ExitCode) => Promise<ExitCode> {
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => (failure ??= error));
  // Nobody is left to be told of it.
  process.stderr.on('error', () => undefined);
  return async (code) => {
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
    if (failure === undefined) return code;
    if (failure.code === 'EPIPE') return code;
    tell(`error: ${unwritable(failure).message}`);
    return EXIT.failed;
  };
}
