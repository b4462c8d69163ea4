/** How the daemon learns that somebody pushed. */
import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OPTIONS } from '../../src/config.ts';

export interface Wake {
  readonly words: string;
  /** Options of the daemon. */
  readonly args: readonly string[];
  /** Called right after a push. */
  ring(url: string, revision: string): Promise<void>;
}

export interface Hinting {
  readonly secret: string;
  /** Options of the daemon. */
  readonly args: readonly string[];
}

/** A secret that hints are signed with, in a folder of secrets. */
export async function prepareHints(secretsDir: string): Promise<Hinting> {
  const secret = randomBytes(24).toString('hex');
  await mkdir(join(secretsDir, 'hints'), { recursive: true });
  await writeFile(join(secretsDir, 'hints', 'token'), secret);
  return { secret, args: ['--hook-secret', 'hints', '--secrets-dir', secretsDir] };
}

/** A signed hint where the program knows hints, else a short interval. */
export async function prepareWake(secretsDir: string): Promise<Wake> {
  if (!('hook-secret' in OPTIONS)) {
    return {
      words: 'woken by `--git-interval 100ms`, in place of a hint',
      args: ['--git-interval', '100ms'],
      ring: () => Promise.resolve(),
    };
  }
  const { secret, args } = await prepareHints(secretsDir);
  return {
    words: 'woken by a signed `POST /hooks/git`',
    args: ['--git-interval', '10m', ...args],
    async ring(url, revision) {
      const body = JSON.stringify({ ref: 'refs/heads/main', after: revision });
      const signature = createHmac('sha256', secret).update(body).digest('hex');
      const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` };
      const answer = await fetch(`${url}/hooks/git`, { method: 'POST', headers, body });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the hint was answered by ${answer.status}`);
    },
  };
}
