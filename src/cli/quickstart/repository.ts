/** The repository of the tour: bare, served over HTTP, with a clone in which the user of the tour works. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed, run } from './child.ts';
import { childEnvironment } from './environment.ts';
import { SetupError } from './setup-error.ts';

export const AUTHOR = { name: 'Ada Quickstart', email: 'ada@example.com' };

/** Commits look the same whatever the configuration of the user's own git. */
const ENVIRONMENT = childEnvironment({
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: AUTHOR.name,
  GIT_AUTHOR_EMAIL: AUTHOR.email,
  GIT_COMMITTER_NAME: AUTHOR.name,
  GIT_COMMITTER_EMAIL: AUTHOR.email,
});

const README = '# Models\n\nWhich version of which model serves. The registry follows the branch main.\n';

/** Makes `<root>/models.git`, empty. @throws SetupError when git is missing. */
export async function createBareRepository(root: string, signal: AbortSignal): Promise<void> {
  await mkdir(root, { recursive: true });
  try {
    await run(['git', 'init', '--quiet', '--bare', '--initial-branch=main', join(root, 'models.git')], {
      env: ENVIRONMENT,
      signal,
    });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new SetupError(`git 2.28 or newer is needed to make the repository of the tour:\n${error.output}`, {
      cause: error,
    });
  }
}

/** A clone with a first commit that is pushed. */
export class Clone {
  readonly directory: string;
  readonly #signal: AbortSignal;

  private constructor(directory: string, signal: AbortSignal) {
    this.directory = directory;
    this.#signal = signal;
  }

  static async of(url: string, directory: string, signal: AbortSignal): Promise<Clone> {
    await mkdir(directory, { recursive: true });
    const clone = new Clone(directory, signal);
    await clone.git('clone', '--quiet', url, '.');
    await clone.git('checkout', '--quiet', '-B', 'main');
    await clone.write('README.md', README);
    await clone.git('add', '--all');
    await clone.git('commit', '--quiet', '--message', 'Begin');
    await clone.git('push', '--quiet', '--set-upstream', 'origin', 'main');
    return clone;
  }

  git(...args: readonly string[]): Promise<string> {
    return run(['git', ...args], { cwd: this.directory, env: ENVIRONMENT, signal: this.#signal });
  }

  write(file: string, text: string): Promise<void> {
    return writeFile(join(this.directory, file), text);
  }

  read(file: string): Promise<string> {
    return readFile(join(this.directory, file), 'utf8');
  }
}
