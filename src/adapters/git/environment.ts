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
  GIT_LITERAL_PATHSPECS: '1',
};

/** Added for commands that have no business on the network, such as reading a blob that a filter left behind. */
export const OFFLINE: Readonly<Record<string, string>> = { GIT_ALLOW_PROTOCOL: '', GIT_NO_LAZY_FETCH: '1' };

/** Settings of every git command, as `key=value` for `-c`. */
export const FROZEN_CONFIG: readonly string[] = [
  'safe.bareRepository=explicit',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'protocol.version=2',
  'gc.auto=0',
  'maintenance.auto=false',
  'transfer.fsckObjects=true',
  'fetch.recurseSubmodules=false',
  'http.followRedirects=false',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=30',
];
