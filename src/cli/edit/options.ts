/** Options of the commands that change what is declared, and which home they mean. */
import type { Config, Environment, Flags, OptionName } from '../../config.ts';
import { LOG_OPTIONS, REGISTRY_OPTIONS } from '../assembly.ts';
import { GIT_OPTIONS } from '../git-access.ts';
import { CLUSTER_OPTIONS } from '../kube-access.ts';
import { isInCluster } from '../operator/kubernetes-home.ts';

const PLACE_OPTIONS = [
  'source',
  'path',
  ...GIT_OPTIONS,
  ...CLUSTER_OPTIONS,
  'server',
] as const satisfies readonly OptionName[];

export const EDIT_OPTIONS = [
  'output',
  'reason',
  'branch',
  'author',
  ...PLACE_OPTIONS,
  ...REGISTRY_OPTIONS,
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

export type EditConfig = Config<(typeof EDIT_OPTIONS)[number]>;

type PlaceConfig = Config<'source' | 'git-url' | 'kubeconfig' | 'context'>;

export function homeOf(config: PlaceConfig, env: Environment): 'kubernetes' | 'git' | 'folder' {
  const { source, kubeconfig, context } = config;
  if (source !== undefined) return source;
  if (config['git-url'] !== undefined) return 'git';
  return kubeconfig !== undefined || context !== undefined || isInCluster(env) ? 'kubernetes' : 'folder';
}

/** These may ask a controller instead, which is then named. */
const ASK_A_SERVER: readonly string[] = ['status', 'wait', 'reconcile'];

/** As a plugin of kubectl, commands mean the cluster that kubectl means, unless they are told otherwise. */
export function asPlugin(command: string, flags: Flags, env: Environment): Flags {
  const asksServer = flags['server'] !== undefined && ASK_A_SERVER.includes(command);
  const isTold = flags['source'] !== undefined || flags['git-url'] !== undefined || asksServer;
  return isTold || (env['MODELPROMOTION_SOURCE'] ?? '') !== '' ? flags : { ...flags, source: 'kubernetes' };
}
