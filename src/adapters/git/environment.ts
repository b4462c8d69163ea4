/** The world as git sees it: nothing of the user's, the host's or the repository's own configuration. */

/** Where git and its helpers are looked for; never the caller's PATH. */
const GIT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin';

/** The complete environment of a git process. Callers add to it; nothing is inherited. */
export const FROZEN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: GIT_PATH,
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TEST_DISALLOW_ABBREVIATED_OPTIONS: 'true',
};
