/** Completion scripts, made from the command and option tables. */
import { OPTIONS, type OptionName } from '../config.ts';
import { COMMANDS, type CommandSpec } from './commands.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash();
    case 'zsh':
      return zsh();
    case 'fish':
      return fish();
    default:
      return shell satisfies never;
  }
}

const commands: readonly [string, CommandSpec][] = Object.entries(COMMANDS);

function flagsOf({ options }: CommandSpec): string[] {
  return [...options.map((name) => `--${name}`), '--help'];
}

function choicesOf(name: OptionName): readonly string[] {
  const option = OPTIONS[name];
  return option.type === 'choice' ? option.choices : [];
}

function shortOf(name: OptionName): string {
  const option = OPTIONS[name];
  return 'short' in option ? `-${option.short}|` : '';
}

function takesPaths({ argument }: CommandSpec): boolean {
  return argument?.syntax.includes('path') === true;
}

/** Options whose value is a name of a file. */
function fileOptions(): OptionName[] {
  return allOptions().filter((name) => {
    const option = OPTIONS[name];
    return 'value' in option && ['DIR', 'FILE', 'PATH'].includes(option.value);
  });
}

function allOptions(): OptionName[] {
  return Object.keys(OPTIONS) as OptionName[];
}

function bash(): string {
  const choices = allOptions()
    .filter((name) => choicesOf(name).length > 0)
    .map(
      (name) =>
        `    ${shortOf(name)}--${name}) COMPREPLY=($(compgen -W "${choicesOf(name).join(' ')}" -- "$word")); return ;;\n`,
    )
    .join('');
  const cases = commands
    .map(([name, spec]) => `    ${name}) flags="${flagsOf(spec).join(' ')}" ;;\n`)
    .join('');
  const names = commands.map(([name]) => name).join(' ');
  const withPaths = commands.flatMap(([name, spec]) => (takesPaths(spec) ? [name] : [])).join('|');
  const withFiles = fileOptions()
    .map((name) => `--${name}`)
    .join('|');
  return `# bash completion of modelpromotion: source <(modelpromotion completion bash)
_modelpromotion() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" flags=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names} help --help --version" -- "$word"))
    return
  fi
  case "$previous" in
${choices}    completion) COMPREPLY=($(compgen -W "${SHELLS.join(' ')}" -- "$word")); return ;;
    help) COMPREPLY=($(compgen -W "${names}" -- "$word")); return ;;
    ${withFiles}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${cases}  esac
  if [[ "$word" == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word")); return; fi
  case "\${COMP_WORDS[1]}" in
    ${withPaths}) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _modelpromotion modelpromotion
`;
}

function zsh(): string {
  const names = commands.map(([name, { help }]) => `    '${name}:${quoteZsh(help)}'\n`).join('');
  const cases = commands
    .map(([name, spec]) => {
      const { options } = spec;
      const flags = options.map(
        (option) => `'--${option}[${quoteZsh(OPTIONS[option].help)}]${zshValue(option)}'`,
      );
      return `    ${name}) _arguments ${[...flags, "'--help[show help]'", ...(takesPaths(spec) ? ["'*:file:_files'"] : [])].join(' ')} ;;\n`;
    })
    .join('');
  return `#compdef modelpromotion
# zsh completion of modelpromotion: source <(modelpromotion completion zsh)
_modelpromotion() {
  local -a commands=(
${names}  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case "$words[2]" in
${cases}  esac
}
compdef _modelpromotion modelpromotion
`;
}

function zshValue(name: OptionName): string {
  if (OPTIONS[name].type === 'switch') return '';
  const choices = choicesOf(name);
  return choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
}

function quoteZsh(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, String.raw`\$&`);
}

function fish(): string {
  const lines = commands.flatMap(([name, { help, options }]) => [
    `complete -c modelpromotion -n __fish_use_subcommand -a ${name} -d ${quoteFish(help)}`,
    ...options.map((option) => {
      const value = OPTIONS[option].type === 'switch' ? '' : ' -r';
      const choices = choicesOf(option).length > 0 ? ` -a ${quoteFish(choicesOf(option).join(' '))}` : '';
      return `complete -c modelpromotion -n '__fish_seen_subcommand_from ${name}' -l ${option}${value}${choices} -d ${quoteFish(OPTIONS[option].help)}`;
    }),
  ]);
  return `# fish completion of modelpromotion: modelpromotion completion fish | source\n${lines.join('\n')}\n`;
}

function quoteFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
