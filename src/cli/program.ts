/** From the command line to a command: parsing, help, and what is said when something is wrong. */
import { Command, CommanderError, Option } from 'commander';
import {
  ConfigError,
  describeDefault,
  environment,
  OPTIONS,
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
import { copy } from './copy.ts';
import { diff } from './diff.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import { exportModels } from './export.ts';
import { history } from './history.ts';
import { plan } from './plan.ts';
import { quickstart } from './quickstart/tour.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { print, tell, watchOutput } from './terminal.ts';
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
  diff: (sides, flags, signal) => diff(sides, optionsOf('diff', flags), environment(), signal),
  copy: ([version = ''], flags, signal) => copy(version, optionsOf('copy', flags), environment(), signal),
  quickstart: async (_args, _flags, signal) => await quickstart({ signal }),
  version: async () => {
    print(`modelpromotion ${await version()}`);
    return EXIT.done;
  },
  completion: ([shell = '']) => Promise.resolve(complete(shell)),
};

/** Runs one command line and tells the exit code. Never rejects. */
export async function main(argv: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const outputFailure = watchOutput();
  const program = buildProgram(
    async (handler, args, flags) => {
      code = await handler(args, flags, signal);
    },
    await version(),
  );
  const ended = await program.parseAsync(known(argv), { from: 'user' }).then(() => code, explain);
  const failure = await outputFailure();
  if (failure === undefined) return ended;
  tell(`error: the output could not be written: ${failure}`);
  return worst([ended, EXIT.failed]);
}

/** Of a command that there is not, --help would show the general help, as if all were well. */
function known(argv: readonly string[]): readonly string[] {
  const [command = ''] = argv;
  const isCommand = command === 'help' || Object.hasOwn(COMMANDS, command);
  return isCommand || command === '' || command.startsWith('-') ? argv : [command];
}

type Perform = (handler: Handler, args: readonly string[], flags: Flags) => Promise<void>;

function buildProgram(perform: Perform, version: string): Command {
  const program = new Command('modelpromotion')
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
  { help, argument, options, examples, notes }: CommandSpec,
  perform: Perform,
): Command {
  const command = new Command(name)
    .description(help)
    .helpOption('-h, --help', 'show this help')
    .showSuggestionAfterError()
    .showHelpAfterError(`\`modelpromotion ${name} --help\` shows what it takes.`)
    .exitOverride();
  if (argument !== undefined) command.argument(argument.syntax, argument.help);
  for (const option of options) command.addOption(buildOption(option));
  const lines = [
    ...(notes === undefined ? [] : [`\n${notes}`]),
    '\nExamples:',
    ...examples.map((example) => `  ${example}`),
  ];
  command.addHelpText('after', lines.join('\n'));
  command.action((...received: unknown[]) => {
    const args = argument === undefined ? [] : [received[0]].flat().map(String);
    return perform(handlers[name], args, kebab(command.opts()));
  });
  return command;
}

function buildOption(name: OptionName): Option {
  const spec = OPTIONS[name];
  const short = 'short' in spec ? `-${spec.short}, ` : '';
  const value = spec.type === 'switch' ? '' : ` <${'value' in spec ? spec.value : 'VALUE'}>`;
  const fallback = describeDefault(spec);
  const origin = `$${variableOf(name)}`;
  return new Option(
    `${short}--${name}${value}`,
    `${spec.help} (${fallback === undefined ? '' : `default: ${fallback}; `}${origin})`,
  );
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
  return resolveOptions(names, flags, environment());
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
  if (error instanceof ConfigError) {
    for (const mistake of error.mistakes) tell(mistake);
    return EXIT.invalid;
  }
  if (error instanceof SourceError || error instanceof Error) tell(`error: ${error.message}`);
  else tell(`error: ${String(error)}`);
  return EXIT.failed;
}
