/** dist/ is what users run, so the tests that start it must not meet an old one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';

/** Builds unless the program is newer than everything it is made of. */
export async function buildWhenStale(): Promise<void> {
  if ((await lastChange('dist/main.js')) > (await newestSource())) return;
  const [code] = await once(spawn('npm', ['run', '--silent', 'build'], { stdio: 'inherit' }), 'close');
  if (code !== 0) throw new Error('dist/ is older than src/ and cannot be built: see `npm run build`');
}

async function newestSource(): Promise<number> {
  const entries = await readdir('src', { recursive: true });
  const places = [
    'src',
    'package.json',
    '.config/tsconfig.build.json',
    'tsconfig.json',
    ...entries.map((entry) => `src/${entry}`),
  ];
  return Math.max(...(await Promise.all(places.map(lastChange))));
}

/** Milliseconds since the epoch; 0 when it is not there. */
async function lastChange(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}
