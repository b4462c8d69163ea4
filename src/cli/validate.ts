/** `modelpromotion validate`: are these manifests well formed? No registry is asked. */
import { plural } from '../api/plural.ts';
import { toYaml } from '../api/yaml.ts';
import type { Config, OptionName } from '../config.ts';
import { readPaths } from '../sources/folder.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { problemLines } from './render/problems.ts';
import { markdownTable } from './render/table.ts';
import { nothingFound, paint, print, tell } from './terminal.ts';

export const VALIDATE_OPTIONS = ['output'] as const satisfies readonly OptionName[];

export async function validate(
  paths: readonly string[],
  { output }: Config<(typeof VALIDATE_OPTIONS)[number]>,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { promotions, registries, problems, ignored } = await readPaths(paths, process.stdin, signal);
  const summary = {
    promotions: promotions.length,
    registries: registries.length,
    ignored,
    problems: problems.length,
  };
  const result = { valid: problems.length === 0, summary, problems };
  if (output === 'json') print(JSON.stringify(result, null, 2));
  else if (output === 'yaml') print(toYaml(result));
  else if (output === 'markdown') print(markdown(result));
  else {
    const valid = `${plural(promotions.length, 'promotion')} and ${plural(registries.length, 'registry').replace('registrys', 'registries')} are valid`;
    const rest = ignored > 0 ? `, ${plural(ignored, 'document')} of other kinds ignored` : '';
    const wrong = problems.length > 0 ? paint('red', `, ${plural(problems.length, 'mistake')}`) : '';
    print(`${problemLines(problems)}${valid}${rest}${wrong}.`);
  }
  if (promotions.length + registries.length + problems.length === 0) tell(nothingFound(paths));
  return problems.length === 0 ? EXIT.done : EXIT.invalid;
}

function markdown({
  problems,
}: {
  problems: readonly { file: string; line: number; column: number; path: string; message: string }[];
}): string {
  if (problems.length === 0) return 'All manifests are valid.\n';
  return markdownTable(
    ['Place', 'Field', 'Mistake'],
    problems.map(({ file, line, column, path, message }) => [`${file}:${line}:${column}`, path, message]),
  );
}
