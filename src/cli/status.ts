/** `modelpromotion status`: what the controller says of its promotions. */
import type { Config, OptionName } from '../config.ts';
import { toYaml } from '../api/yaml.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { messageOf, openStatus, STATUS_SOURCE_OPTIONS, type ObservedPromotion } from './observed-status.ts';
import { markdownTable, table } from './render/table.ts';
import { print, tell } from './terminal.ts';

export const STATUS_OPTIONS = ['output', ...STATUS_SOURCE_OPTIONS] as const satisfies readonly OptionName[];

const HEADING = ['PROMOTION', 'MODEL', 'STAGES', 'ALIASES', 'READY', 'REASON', 'MESSAGE'];

export async function status(
  names: readonly string[],
  config: Config<(typeof STATUS_OPTIONS)[number]>,
  signal: AbortSignal,
): Promise<ExitCode> {
  await using reader = await openStatus(config, names);
  const observed = await reader.read(signal);
  const promotions = select(observed.promotions, names);
  const { output } = config;
  const data =
    names.length === 0 ? observed.document : { promotions: promotions.map(({ document }) => document) };
  if (output === 'json') print(JSON.stringify(data, null, 2));
  else if (output === 'yaml') print(toYaml(data));
  else print((output === 'markdown' ? markdownTable : table)(HEADING, promotions.map(row)));
  if (names.length === 0) for (const note of observed.notes) tell(note);
  return EXIT.done;
}

/** Those of these names, `name` or `namespace/name`; all when there are none. @throws Error for a name that is not there */
function select(promotions: readonly ObservedPromotion[], names: readonly string[]): ObservedPromotion[] {
  if (names.length === 0) return [...promotions];
  return names.map((name) => {
    const found = find(promotions, name);
    if (found === undefined)
      throw new Error(`there is no promotion ${name}; \`modelpromotion status\` lists them`);
    return found;
  });
}

export function find(promotions: readonly ObservedPromotion[], name: string): ObservedPromotion | undefined {
  const key = name.includes('/') ? name : `default/${name}`;
  const named = promotions.filter((promotion) => promotion.key.endsWith(`/${name}`));
  return promotions.find((promotion) => promotion.key === key) ?? (named.length === 1 ? named[0] : undefined);
}

function row(promotion: ObservedPromotion): string[] {
  const { key, model } = promotion;
  const { summary, conditions } = promotion.status;
  const ready = conditions?.find((condition) => condition.type === 'Ready');
  const message = messageOf(promotion);
  return [
    key,
    model,
    summary?.stages || '-',
    summary?.aliases || '-',
    summary?.ready ?? ready?.status ?? 'Unknown',
    summary?.reason ?? ready?.reason ?? '-',
    message.length > 100 ? `${message.slice(0, 97)}...` : message,
  ];
}
