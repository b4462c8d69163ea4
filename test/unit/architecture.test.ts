/** Keeps the import table of CONTRIBUTING.md: who may import whom in src/. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

const FOLDERS = ['api', 'domain', 'reconcile', 'adapters', 'sources', 'runtime', 'cli'] as const;
type Folder = (typeof FOLDERS)[number];

interface Rule {
  /** Folders of ours that it may import beside itself, or single files of them. */
  readonly ours: readonly string[];
  /** Those of its parts, each a subfolder or a file, that must not import each other; `all` are subfolders. */
  readonly apart?: readonly string[] | 'all';
  /** What it may import from outside; absent: anything. */
  readonly outside?: readonly string[];
}

const RULES: Readonly<Record<Folder, Rule>> = {
  api: { ours: [] },
  domain: { ours: ['api'], outside: [] },
  reconcile: { ours: ['api', 'domain'], outside: ['node:'] },
  adapters: { ours: ['api', 'domain', 'reconcile/ports.ts', 'runtime'], apart: 'all' },
  sources: { ours: ['api', 'reconcile', 'adapters', 'runtime'], apart: ['kubernetes', 'git', 'folder'] },
  runtime: { ours: [] },
  cli: { ours: FOLDERS },
};

/** Files at the top of src/: they wire everything, and only `cli/` and each other may read them. */
const TOP = ['main.ts', 'config.ts'];

interface Import {
  /** Relative to src/, with forward slashes. */
  readonly file: string;
  /** The same for our own modules; the specifier as written for others. */
  readonly target: string;
  readonly isOurs: boolean;
}

const CLAUSE = String.raw`(?:import|export)\s[\w$\s{},*]*?from\s*'([^']+)'`;
const SIDE_EFFECT = String.raw`import\s*'([^']+)'`;
const DYNAMIC = String.raw`\bimport\(\s*'([^']+)'`;
const IMPORT = new RegExp(`^${CLAUSE}|^${SIDE_EFFECT}|${DYNAMIC}`, 'gm');

/** Every import of one file: static, of types only, for its effect, dynamic. */
function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, ...specifiers]) => {
    const specifier = specifiers.find((found) => found !== undefined) ?? '';
    const isOurs = specifier.startsWith('.');
    return { file, isOurs, target: isOurs ? posix.join(dirname(file), specifier) : specifier };
  });
}

function allImports(): Import[] {
  return readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .flatMap((entry) => {
      const path = join(entry.parentPath, entry.name);
      return importsOf(relative(SRC, path), readFileSync(path, 'utf8'));
    });
}

/** The rule that an import breaks, in words, or undefined. */
function violation({ file, target, isOurs }: Import): string | undefined {
  const folder = folderOf(file);
  if (folder === undefined)
    return TOP.includes(file) ? undefined : 'a file of src/ lies in a folder of the table';
  return isOurs ? ownViolation(folder, file, target) : outsideViolation(folder, target);
}

function ownViolation(folder: Folder, file: string, target: string): string | undefined {
  if (folderOf(target) === folder) {
    return areApart(folder, part(file), part(target)) ? `${folder}/ do not import each other` : undefined;
  }
  const { ours } = RULES[folder];
  const allowed = ours.some((other) => target === other || target.startsWith(`${other}/`));
  if (allowed || (folder === 'cli' && TOP.includes(target))) return undefined;
  return `${folder}/ imports ${ours.length === 0 ? 'nothing else of ours' : `only ${ours.join(', ')}`}`;
}

function outsideViolation(folder: Folder, target: string): string | undefined {
  const { outside } = RULES[folder];
  if (outside === undefined || outside.some((prefix) => target.startsWith(prefix))) return undefined;
  return `${folder}/ imports no ${target.startsWith('node:') ? 'Node modules' : 'packages'}`;
}

function folderOf(file: string): Folder | undefined {
  return FOLDERS.find((folder) => file.startsWith(`${folder}/`));
}

/** The adapter or source that a file belongs to: the folder below adapters/, or the name of its own file. */
function part(file: string): string {
  return file.split('/')[1]?.replace(/\.ts$/, '') ?? '';
}

function areApart(folder: Folder, one: string, other: string): boolean {
  const { apart } = RULES[folder];
  if (apart === undefined || one === other) return false;
  return apart === 'all' || (apart.includes(one) && apart.includes(other));
}

function complaints(imports: readonly Import[]): string[] {
  return imports.flatMap((found) => {
    const broken = violation(found);
    return broken === undefined ? [] : [`${found.file} imports ${found.target}: ${broken}`];
  });
}

describe('the import table', () => {
  it('is kept by every file of src/', () => {
    expect(complaints(allImports())).toEqual([]);
  });

  it.each([
    ['api/yaml.ts', `import { plan } from '../domain/plan.ts';`, 'api/ imports nothing else of ours'],
    ['domain/plan.ts', `import { join } from 'node:path';`, 'domain/ imports no Node modules'],
    ['domain/plan.ts', `import type { Pool } from 'undici';`, 'domain/ imports no packages'],
    ['reconcile/pass.ts', `import { x } from '../runtime/queue.ts';`, 'reconcile/ imports only api, domain'],
    ['adapters/git/door.ts', `export * from '../mlflow/client.ts';`, 'adapters/ do not import each other'],
    [
      'adapters/git/door.ts',
      `import { p } from '../../reconcile/pass.ts';`,
      'adapters/ imports only api, domain, reconcile/ports.ts, runtime',
    ],
    ['sources/git.ts', `const { x } = await import('./folder.ts');`, 'sources/ do not import each other'],
    ['runtime/queue.ts', `import '../config.ts';`, 'runtime/ imports nothing else of ours'],
    ['helpers/dates.ts', `import ms from 'ms';`, 'a file of src/ lies in a folder of the table'],
  ])('finds what %s may not do: %s', (file, text, rule) => {
    expect(complaints(importsOf(file, text))).toEqual([expect.stringContaining(rule)]);
  });

  it.each([
    ['domain/plan.ts', `import type {\n  A,\n  B,\n} from '../api/reasons.ts';`],
    [
      'sources/git/tree.ts',
      `import { x } from './paths.ts';\nimport { door } from '../../adapters/git/door.ts';`,
    ],
    ['sources/git.ts', `import { parse } from './parse.ts';`],
    ['cli/quickstart/tour.ts', `import { options } from '../../config.ts';`],
    ['main.ts', `import { program } from './cli/program.ts';`],
  ])('lets %s do what it may', (file, text) => {
    expect(complaints(importsOf(file, text))).toEqual([]);
  });
});
