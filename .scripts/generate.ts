/**
 * Makes everything that follows from the CRDs: TypeScript types, the closed schemas that validators compile,
 * JSON Schemas for editors, and the reference page; the page of options from the tables of the command line; and what
 * of manifests/ follows from the rest.
 *
 *   node .scripts/generate.ts           writes the files
 *   node .scripts/generate.ts --check   writes nothing, fails when a file is stale
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readCrds } from './generate/crd.ts';
import { editorSchemaFiles } from './generate/editor-schemas.ts';
import { manifestFiles } from './generate/manifests.ts';
import { optionsPage } from './generate/options.ts';
import { referencePage } from './generate/reference.ts';
import { schemasModule } from './generate/schemas.ts';
import { typesModule } from './generate/types.ts';

const root = join(import.meta.dirname, '..');

/** Path below the repository's root, and content, of every generated file. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const crds = readCrds(join(root, 'crds'));
  return new Map([
    ['src/api/generated/types.ts', typesModule(crds)],
    ['src/api/generated/schemas.ts', schemasModule(crds)],
    ['docs/reference.md', referencePage(crds)],
    ['docs/options.md', optionsPage()],
    ...editorSchemaFiles(crds),
    ...manifestFiles(root),
  ]);
}

/** The generated files whose content on disk differs from what their sources ask for. */
export function staleFiles(files: ReadonlyMap<string, string>): string[] {
  return [...files]
    .filter(([path, content]) => readOrEmpty(join(root, path)) !== content)
    .map(([path]) => path);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function writeAll(files: ReadonlyMap<string, string>): void {
  for (const [path, content] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

if (import.meta.main) {
  const files = generatedFiles();
  if (process.argv.includes('--check')) {
    const stale = staleFiles(files);
    if (stale.length > 0) {
      process.stderr.write(
        `These files do not match what they are made from: ${stale.join(', ')}\nRun "npm run generate" and commit the result.\n`,
      );
      process.exitCode = 1;
    }
  } else {
    writeAll(files);
  }
}
