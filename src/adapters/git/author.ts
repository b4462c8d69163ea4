/** Who commits at a prompt: the one thing that is taken from the configuration of whoever runs us. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from './commit.ts';
import { GitExitError, runGit } from './door.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** As git would find it: variables before the files of the user. Undefined when name or address is missing. */
export async function configuredAuthor(env: Variables, signal: AbortSignal): Promise<Identity | undefined> {
  const files = configFiles(env).filter((file) => existsSync(file));
  const find = async (variable: string, key: string): Promise<string | undefined> => {
    const given = env[variable]?.trim();
    if (given) return given;
    for (const file of files) {
      const value = await read(file, key, env['HOME'], signal);
      if (value) return value;
    }
    return undefined;
  };
  const name = await find('GIT_AUTHOR_NAME', 'user.name');
  const email = (await find('GIT_AUTHOR_EMAIL', 'user.email')) ?? env['EMAIL'];
  return name && email ? { name, email } : undefined;
}

/** The first that says something counts. */
function configFiles(env: Variables): string[] {
  const { GIT_CONFIG_GLOBAL: named, HOME: home = '', XDG_CONFIG_HOME: xdg } = env;
  if (named) return [named];
  const folder = xdg || join(home, '.config');
  return [...(home === '' ? [] : [join(home, '.gitconfig')]), join(folder, 'git', 'config')];
}

async function read(
  file: string,
  key: string,
  home: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const output = await runGit(['config', '--file', file, '--includes', '--get', key], {
      environment: { HOME: home ?? '/nonexistent' },
      signal,
    });
    return output.toString().trim();
  } catch (error) {
    // Not there, or not to be read.
    if (error instanceof GitExitError) return undefined;
    throw error;
  }
}
