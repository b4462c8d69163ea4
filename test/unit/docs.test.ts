/** What the README, docs/ and examples/ say is held against the product: nothing in them may rot unseen. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCrds, type Schema } from '../../.scripts/generate/crd.ts';
import { combine, parseFile } from '../../src/api/documents.ts';
import { REASONS } from '../../src/api/reasons.ts';
import { COMMANDS, type CommandSpec } from '../../src/cli/commands.ts';
import { controllerMetrics } from '../../src/cli/daemon/metrics.ts';
import { OPTIONS, resolveOptions, type OptionName } from '../../src/config.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.cache', 'test']);

const pages = filesBelow(ROOT).filter((file) => file.endsWith('.md'));
const examples = filesBelow(join(ROOT, 'examples')).filter((file) => file.endsWith('.yaml'));

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [relative(ROOT, path)];
  });
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

function parse(name: string, text: string) {
  return parseFile(name, new TextEncoder().encode(text));
}

interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
  /** The file that a comment right before the block says it shows. */
  readonly file: string | undefined;
}

function blocksOf(page: string): Block[] {
  const fences = /(?:<!-- manifest: (\S+) -->\s+)?^```(\w*)\n([^]*?)^```$/gm;
  return [...read(page).matchAll(fences)].map(([, file, language = '', text = '']) => ({
    page,
    language,
    text,
    file,
  }));
}

const blocks = pages.flatMap(blocksOf);

describe('examples', () => {
  /** Files of other tools: read, counted, and left alone. */
  const isForeign = (file: string) =>
    ['ci/', 'argocd/', 'flux/', 'kubernetes/namespace.yaml'].some((name) =>
      file.startsWith(`examples/${name}`),
    );

  it.each(examples.filter((file) => !isForeign(file)))('%s is valid', (file) => {
    const { problems, declarations, ignored } = parse(file, read(file));
    expect(problems).toEqual([]);
    expect(ignored).toBe(0);
    expect(declarations.length).toBeGreaterThan(0);
  });

  it('are one valid listing, in which no two documents have one name', () => {
    const listing = combine(
      examples.map((file) => parse(file, read(file))),
      '',
    );
    expect(listing.problems).toEqual([]);
    const foreign = examples.filter(isForeign).map((file) => parse(file, read(file)).ignored);
    expect(foreign.every((documents) => documents > 0)).toBe(true);
    expect(listing.ignored).toBe(foreign.reduce((sum, documents) => sum + documents, 0));
  });

  it.each([
    ['ModelPromotion', 'examples/full.yaml'],
    ['ModelRegistry', 'examples/registry.yaml'],
  ])('show every field of a %s', (kind, file) => {
    const spec = readCrds(join(ROOT, 'crds')).find((crd) => crd.kind === kind)?.spec;
    const text = read(file);
    expect(keysOf(spec).filter((key) => !text.includes(`${key}:`))).toEqual([]);
  });

  it('name only models that create-models.sh makes', () => {
    const { promotions } = combine(
      examples.map((file) => parse(file, read(file))),
      '',
    );
    const script = read('examples/create-models.sh');
    const missing = promotions.filter(({ object }) => !script.includes(`model ${object.spec.model} `));
    expect(missing).toEqual([]);
  });
});

function keysOf(schema: Schema | undefined): string[] {
  const fields = Object.entries(schema?.properties ?? {});
  return fields.flatMap(([key, field]) => [key, ...keysOf(field), ...keysOf(field.items)]);
}

describe('manifests in pages', () => {
  const manifests = blocks.filter(({ text }) => text.includes('apiVersion: modelpromotion.dev/'));

  it('are there', () => {
    expect(manifests.map(({ page }) => page)).toContain('README.md');
  });

  it.each(manifests)('in $page are valid', ({ page, text }) => {
    expect(parse(page, text).problems).toEqual([]);
  });

  it.each(manifests.filter(({ file }) => file !== undefined))(
    'in $page show $file',
    ({ text, file = '' }) => {
      expect(text).toBe(read(file));
    },
  );
});

describe('docs/conditions.md', () => {
  it('has a section for each reason, under the heading of its severity', () => {
    const documented: Record<string, string> = {};
    let severity = '';
    for (const [, level, title = ''] of read('docs/conditions.md').matchAll(/^(##|###) (.+)$/gm)) {
      if (level === '##') severity = title.toLowerCase();
      else documented[title] = severity;
    }
    expect(documented).toEqual(REASONS);
  });
});

describe('docs/operations.md', () => {
  const page = read('docs/operations.md');

  it('lists every metric, and no other', async () => {
    const metrics = controllerMetrics();
    metrics.gauges({ depth: () => 0, promotions: () => new Map(), registries: () => [] });
    const names = [...(await metrics.render()).matchAll(/^# HELP (modelpromotion_\w+)/gm)].map(
      ([, name]) => name,
    );
    const documented = [...page.matchAll(/^\| `(modelpromotion_\w+)`/gm)].map(([, name]) => name);
    expect(new Set(documented)).toEqual(new Set(names));
  });

  it('quotes log messages as they are', () => {
    const source = filesBelow(join(ROOT, 'src')).map(read).join('\n');
    const rows = [...page.matchAll(/^\| (?:info|warn|error)\s*\| (.*?) \|/gm)].map(([, cell = '']) => cell);
    const messages = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text));
    expect(messages.length).toBeGreaterThan(10);
    expect(messages.filter((message) => !source.includes(`'${message}'`))).toEqual([]);
  });
});

describe('docs/options.md', () => {
  it('lists every option and every command', () => {
    const page = read('docs/options.md');
    const options = Object.keys(OPTIONS).filter((name) => !page.includes(`--${name}`));
    const commands = Object.keys(COMMANDS).filter((name) => !page.includes(`### ${name}\n`));
    expect([...options, ...commands]).toEqual([]);
  });
});

describe('links', () => {
  it.each(pages)('of %s lead somewhere', (page) => {
    const text = read(page).replaceAll(/^```[^]*?^```$/gm, '');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    expect(targets.filter((target) => !isLocalAndThere(page, target))).toEqual([]);
  });
});

function isLocalAndThere(page: string, target: string): boolean {
  if (/^https?:\/\//.test(target)) return true;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  const found = statSync(join(ROOT, file), { throwIfNoEntry: false });
  if (found === undefined) return false;
  return anchor === undefined || (found.isFile() && anchorsOf(read(file)).includes(anchor));
}

/** As GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('command lines', () => {
  const shown = [
    ...blocks
      .filter(({ language }) => language === 'sh' || language === 'console')
      .flatMap(({ page, text }) => invocationsIn(text).map((line) => ({ page, line }))),
    ...pages.flatMap((page) =>
      [...read(page).matchAll(/`modelpromotion ([a-z][^`]*)`/g)]
        .map(([, line = '']) => line)
        .filter((line) => !/[…<[]/.test(line))
        .map(mentioned)
        .map((line) => ({ page, line })),
    ),
  ];

  it('are there', () => {
    expect(shown.length).toBeGreaterThan(15);
  });

  it.each(shown)('in $page are accepted: $line', ({ line }) => {
    expect(mistakeIn(wordsOf(line))).toBeUndefined();
  });

  it.each(Object.entries(COMMANDS))('of the help of %s are accepted', (_, { examples }) => {
    const lines = examples.flatMap(invocationsIn);
    expect(lines.length).toBe(examples.length);
    expect(lines.map((line) => mistakeIn(wordsOf(line)))).toEqual(lines.map(() => undefined));
  });

  it('name npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name),
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('are refused when they are wrong', () => {
    expect(mistakeIn(['plan', 'x', '--nonsense'])).toContain('--nonsense');
    expect(mistakeIn(['plan', 'x', '--output', 'html'])).toContain('html');
    expect(mistakeIn(['plan'])).toContain('<paths...>');
    expect(mistakeIn(['plane'])).toContain('plane');
  });
});

/** In a sentence, a command may stand without the paths it takes. */
function mentioned(line: string): string {
  const command: CommandSpec | undefined = COMMANDS[line as keyof typeof COMMANDS];
  return command?.argument === undefined ? line : `${line} x`;
}

/** What follows the program's name, up to whatever the shell takes for itself. */
function invocationsIn(text: string): string[] {
  const lines = text.replaceAll(/\\\n\s*/g, ' ').split('\n');
  return lines.flatMap((line) => {
    const [, rest] = /(?:^|[\s(])modelpromotion((?: [^\n]*)?)$/.exec(line.replace(/\s# .*$/, '')) ?? [];
    const isProgram = !/^\s*(?:docker|#)/.test(line) && rest !== undefined && rest !== '';
    return isProgram
      ? [
          rest
            .replace(/^ /, '')
            .replace(/ (?:[|>&]|2>).*$/, '')
            .replace(/\)$/, ''),
        ]
      : [];
  });
}

function wordsOf(line: string): string[] {
  const words = line.replaceAll(/\$\([^)]*\)/g, '0123456789').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g);
  return [...words].map(([, double, single, bare]) => double ?? single ?? bare ?? '');
}

function mistakeIn([name = '', ...words]: readonly string[]): string | undefined {
  const command: CommandSpec | undefined = Object.hasOwn(COMMANDS, name)
    ? COMMANDS[name as keyof typeof COMMANDS]
    : undefined;
  if (command === undefined) return `unknown command ${name}`;
  const flags: Record<string, string | boolean | undefined> = {};
  const args: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '-' || !word.startsWith('-')) {
      args.push(word);
      continue;
    }
    const option = command.options.find((option) => isFlagOf(option, word));
    if (option === undefined) return `${name} has no option ${word}`;
    flags[option] = OPTIONS[option].type === 'switch' ? true : words[(index += 1)];
    if (flags[option] === undefined) return `${word} wants a value`;
  }
  const syntax = command.argument?.syntax;
  if (syntax?.startsWith('<') === true && args.length === 0) return `${name} wants ${syntax}`;
  if (syntax === undefined && args.length > 0) return `${name} takes no argument ${args.join(' ')}`;
  try {
    resolveOptions(command.options, flags, {});
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function isFlagOf(option: OptionName, word: string): boolean {
  const spec = OPTIONS[option];
  return word === `--${option}` || ('short' in spec && word === `-${spec.short}`);
}
