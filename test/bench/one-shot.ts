/** The same promotions by `modelpromotion apply --yes`. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { MlflowProcess } from '../support/mlflow-server.ts';
import type { Context } from './context.ts';
import { writeManifests, type Wanted } from './manifests.ts';
import { fillRegistry } from './registry.ts';
import { rounded } from './statistics.ts';

const run = promisify(execFile);
const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Resolves with the seconds from the command's start to its end. */
export async function applyOnce(
  server: MlflowProcess,
  wanted: readonly Wanted[],
  context: Context,
): Promise<number> {
  await fillRegistry(server, wanted.length);
  const folder = await context.folder();
  await writeManifests(folder, wanted);
  const started = performance.now();
  await run(NODE, [PROGRAM, 'apply', folder, '--yes', '--registry-uri', server.url, '-o', 'json'], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), LC_ALL: 'C' },
    maxBuffer: 256 * 1024 * 1024,
  });
  const seconds = (performance.now() - started) / 1_000;
  context.say(`one-shot apply: ${rounded(wanted.length / seconds)} promotions/s`);
  return seconds;
}
