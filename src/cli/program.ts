/** From the command line to a command: parsing, help, and what is said when something is wrong. */
import { Command, CommanderError, Option } from 'commander';
import {
  ConfigError,
  describeDefault,
  environment,
  OPTIONS,
  type Defaults,
  type Flags,
  resolveOptions,
  variableOf,
  type OptionName,
} from '../config.ts';
import { SourceError } from '../reconcile/ports.ts';
import { adoptPaths } from './adopt.ts';
import { apply } from './apply.ts';
import { COMMANDS, type CommandName, type CommandSpec } from './commands.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import { compare } from './compare.ts';
import { copy } from './copy.ts';
import { diff } from './diff.ts';
import { asPlugin } from './edit/options.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { exportModels } from './export.ts';
import { history } from './history.ts';
import { watchOutput } from './output.ts';
import { plan } from './plan.ts';
import { quickstart } from './quickstart/tour.ts';
import { reconcileNow } from './reconcile.ts';
import { rollback } from './rollback.ts';
import { run } from './run.ts';
import { search } from './search.ts';
import { status } from './status.ts';
import { setSuspend } from './suspend.ts';
import { print, tell } from './terminal.ts';
import { validate } from './validate.ts';
import { version } from './version.ts';
import { wait } from './wait.ts';

type Handler = (args: readonly string[], flags: Flags, signal: AbortSignal) => Promise<ExitCode>;

const handlers: Readonly<Record<CommandName, Handler>> = {
  run: async (_args, flags, signal) => {
    await run(optionsOf('run', flags), environment(), signal);
    return EXIT.done;
  },
  validate: (paths, flags, signal) => validate(paths, optionsOf('validate', flags), signal),
  plan: (paths, flags, signal) => plan(paths, optionsOf('plan', flags), environment(), signal),
  apply: (paths, flags, signal) => apply(paths, optionsOf('apply', flags), environment(), signal),
  adopt: (paths, flags, signal) => adoptPaths(paths, optionsOf('adopt', flags), environment(), signal),
  export: (patterns, flags, signal) =>
    exportModels(patterns, optionsOf('export', flags), environment(), signal),
  status: (names, flags, signal) => status(names, optionsOf('status', flags), signal),
  history: ([name = ''], flags, signal) => history(name, optionsOf('history', flags), environment(), signal),
  wait: (names, flags, signal) => wait(names, optionsOf('wait', flags), signal),
  search: (patterns, flags, signal) => search(patterns, optionsOf('search', flags), environment(), signal),
  compare: (names, flags, signal) => compare(names, optionsOf('compare', flags), environment(), signal),
  rollback: ([name = ''], flags, signal) =>
    rollback(name, optionsOf('rollback', flags), environment(), signal),
  suspend: ([name = ''], flags, signal) =>
    setSuspend(name, true, optionsOf('suspend', flags), { env: environment(), signal }),
  resume: ([name = ''], flags, signal) =>
    setSuspend(name, false, optionsOf('resume', flags), { env: environment(), signal }),
  reconcile: ([name = ''], flags, signal) =>
    reconcileNow(name, optionsOf('reconcile', flags), environment(), signal),
  diff: (sides, flags, signal) => diff(sides, optionsOf('diff', flags), environment(), signal),
  copy: ([version = ''], flags, signal) => copy(version, optionsOf('copy', flags), environment(), signal),
  quickstart: async (_args, _flags, signal) => await quickstart({ signal }),
  version: async () => {
    print(`modelpromotion ${await version()}`);
    return EXIT.done;
  },
  completion: ([shell = '']) => Promise.resolve(complete(shell)),
};

/** The name under which kubectl finds us: `kubectl modelpromotion …`. */
const PLUGIN = /^kubectl-modelpromotion(?:\.\w+)?$/;

/**
 * Runs one command line and tells the exit code. Never rejects.
 * @param calledAs the name of the file that was started
 */
export async function main(
  argv: readonly string[],
  signal: AbortSignal,
  calledAs = 'modelpromotion',
): Promise<ExitCode> {
  const settled = watchOutput();
  let code: ExitCode = EXIT.done;
  const isPlugin = PLUGIN.test(calledAs);
  const program = buildProgram(
    async (name, args, flags) => {
      const meant = isPlugin ? asPlugin(name, flags, environment()) : flags;
      code = await handlers[name](args, meant, signal);
    },
    await version(),
    isPlugin ? 'kubectl modelpromotion' : 'modelpromotion',
  );
  try {
    await program.parseAsync(known(argv), { from: 'user' });
  } catch (error) {
    code = explain(error);
  }
  return settled(code);
}

/** Of a command that there is not, --help would show the general help, as if all were well. */
function known(argv: readonly string[]): readonly string[] {
  const [command = ''] = argv;
  const isCommand = command === 'help' || Object.hasOwn(COMMANDS, command);
  return isCommand || command === '' || command.startsWith('-') ? argv : [command];
}

type Perform = (name: CommandName, args: readonly string[], flags: Flags) => Promise<void>;

function buildProgram(perform: Perform, version: string, name: string): Command {
  const program = new Command(name)
    .description(
      'GitOps for the MLflow Model Registry: declare which version holds which stage and alias, and it is kept so.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', GENERAL_HELP);
  for (const [name, spec] of Object.entries(COMMANDS) as [CommandName, CommandSpec][]) {
    program.addCommand(buildCommand(name, spec, perform));
  }
  return program;
}

const GENERAL_HELP = `
Try it:
  modelpromotion quickstart
  modelpromotion plan examples/ --registry-uri http://127.0.0.1:5000

Exit codes: 0 done, or nothing to do; 1 failed; 2 invalid input or usage; 3 blocked; 4 changes pending (plan --exit-code).
Every option is an environment variable too: --git-url is MODELPROMOTION_GIT_URL.`;

function buildCommand(
  name: CommandName,
  { help, argument, more, options, defaults, examples, notes }: CommandSpec,
  perform: Perform,
): Command {
  const command = new Command(name)
    .description(help)
    .helpOption('-h, --help', 'show this help')
    .showSuggestionAfterError()
    .showHelpAfterError(`\`modelpromotion ${name} --help\` shows what it takes.`)
    .exitOverride();
  for (const one of [argument, more]) if (one !== undefined) command.argument(one.syntax, one.help);
  for (const option of options) command.addOption(buildOption(option, defaults));
  const lines = [
    ...(notes === undefined ? [] : [`\n${notes}`]),
    '\nExamples:',
    ...examples.map((example) => `  ${example}`),
  ];
  command.addHelpText('after', lines.join('\n'));
  command.action((...received: unknown[]) => {
    // After the arguments come the options, and the command itself.
    const args = received.slice(0, -2).flat().map(String);
    return perform(name, args, kebab(command.opts()));
  });
  return command;
}

function buildOption(name: OptionName, defaults: Defaults = {}): Option {
  const spec = OPTIONS[name];
  const short = 'short' in spec ? `-${spec.short}, ` : '';
  const value = spec.type === 'switch' ? '' : ` <${'value' in spec ? spec.value : 'VALUE'}>`;
  const fallback = defaults[name] ?? describeDefault(spec);
  const origin = `$${variableOf(name)}`;
  const option = new Option(
    `${short}--${name}${value}`,
    `${spec.help} (${fallback === undefined ? '' : `default: ${fallback}; `}${origin})`,
  );
  return spec.type === 'list' ? option.argParser(collected) : option;
}

/** An option that is given again adds to what was given before. */
function collected(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Commander gives option names in camel case. */
function kebab(flags: Flags): Flags {
  return Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  );
}

function optionsOf<C extends CommandName>(command: C, flags: Flags) {
  const names: readonly (typeof COMMANDS)[C]['options'][number][] = COMMANDS[command].options;
  const { defaults }: CommandSpec = COMMANDS[command];
  return resolveOptions(names, flags, environment(), defaults);
}

function complete(shell: string): ExitCode {
  if (!(SHELLS as readonly string[]).includes(shell)) {
    tell(`completion: ${JSON.stringify(shell)} is not one of ${SHELLS.join(', ')}`);
    return EXIT.invalid;
  }
  print(completionScript(shell as Shell));
  return EXIT.done;
}

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.invalid;
  if (error instanceof CommandError) {
    tell(error.message);
    return error.code;
  }
  if (error instanceof ConfigError) {
    for (const mistake of error.mistakes) tell(mistake);
    return EXIT.invalid;
  }
  if (error instanceof SourceError || error instanceof Error) tell(`error: ${error.message}`);
  else tell(`error: ${String(error)}`);
  return EXIT.failed;
}
