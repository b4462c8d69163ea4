/** The page of commands, options and exit codes, from the tables that the parser and `--help` read. */
import { COMMANDS, type CommandName, type CommandSpec } from '../../src/cli/commands.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { describeDefault, OPTIONS, variableOf, type OptionName } from '../../src/config.ts';

const EXIT_MEANINGS = {
  done: 'Done, or nothing to do; also when whoever reads the output (`| head`, a pager) quits early.',
  failed:
    'Failed: a registry, a repository or a controller could not be used, a question was answered with no, `wait` met a promotion that is stalled or ran out of time, a model or version that was named is not there, or the output could not be written.',
  invalid:
    'Invalid input or usage: a mistake in a manifest or in an option, a promotion that is not there, no version to go back to, or a question that nobody is there to answer.',
  blocked:
    'Blocked: something is declared that cannot be done now, such as a version that does not exist, or a conflict; or something was left out of an export, or could not be copied.',
  pending: 'Changes are pending, or two sides differ (`plan` and `diff` with `--exit-code` only).',
  interrupted: 'Stopped by Ctrl-C (`quickstart`).',
} as const satisfies Record<keyof typeof EXIT, string>;

export function optionsPage(): string {
  const commands = Object.entries(COMMANDS) as [CommandName, CommandSpec][];
  return (
    [
      '<!-- Generated from src/cli/commands.ts and src/config.ts by `npm run generate`. Do not edit. -->',
      '# Commands and options',
      'Every option is a flag and an environment variable. The flag wins over the variable, the variable over the default. ' +
        'A switch takes `true`, `1`, `yes`, `false`, `0` or `no` as the value of its variable. ' +
        'A flag that may be given several times takes one value a line from its variable. ' +
        'Durations are written as in Go: `30s`, `5m`, `1h30m`, at most `576h`. ' +
        'All mistakes in options are told together, with exit code 2.',
      '## Exit codes',
      table(
        ['code', 'meaning'],
        Object.entries(EXIT).map(([name, code]) => [String(code), EXIT_MEANINGS[name as keyof typeof EXIT]]),
      ),
      'Where several hold, the first of 2, 1, 3, 4 is given: `apply` with one bad file applies the rest and exits with 2.',
      '## Commands',
      ...commands.map(([name, spec]) => commandChapter(name, spec)),
      '## Options',
      table(
        ['flag', 'variable', 'default', 'meaning', 'commands'],
        (Object.keys(OPTIONS) as OptionName[]).map((name) => optionRow(name, commands)),
      ),
    ].join('\n\n') + '\n'
  );
}

function commandChapter(
  name: CommandName,
  { help, argument, more, options, defaults = {}, examples, notes }: CommandSpec,
): string {
  const taken = [argument, more].filter((one) => one !== undefined);
  const usage = [
    'modelpromotion',
    name,
    ...(options.length > 0 ? ['[options]'] : []),
    ...taken.map(({ syntax }) => syntax),
  ].join(' ');
  return [
    `### ${name}`,
    `\`${usage}\``,
    [sentence(help), ...taken.map(({ syntax, help }) => `\`${syntax}\`: ${help}.`)].join(' '),
    ...(notes === undefined ? [] : [notes]),
    ['```sh', ...examples, '```'].join('\n'),
    ...(options.length > 0
      ? [`Options: ${options.map((option) => optionName(option, defaults[option])).join(', ')}.`]
      : []),
  ].join('\n\n');
}

function optionName(name: OptionName, fallback: string | undefined): string {
  return `\`--${name}\`${fallback === undefined ? '' : ` (default here: ${fallback})`}`;
}

function optionRow(name: OptionName, commands: readonly (readonly [string, CommandSpec])[]): string[] {
  const option = OPTIONS[name];
  const short = 'short' in option ? `-${option.short}, ` : '';
  const value = 'value' in option ? ` ${option.value}` : '';
  return [
    `\`${short}--${name}${value}\``,
    `\`${variableOf(name)}\``,
    option.type === 'switch' ? 'off' : (describeDefault(option) ?? ''),
    `${option.help}${boundsOf(name)}`,
    commands
      .filter(([, spec]) => spec.options.includes(name))
      .map(([command]) => command)
      .join(', '),
  ];
}

function boundsOf(name: OptionName): string {
  const option = OPTIONS[name];
  if ('form' in option) return `; ${option.form.words}`;
  if (option.type === 'integer') return `; from ${option.least} to ${option.most}`;
  return 'least' in option ? `; at least ${option.least}` : '';
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A table with aligned columns, as the formatter writes it. */
function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', String.raw`\|`)));
  const widths = heading.map((_, column) => Math.max(3, ...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [first = [], ...rest] = all;
  return [line(first), rule, ...rest.map(line)].join('\n');
}
