/** A small disk of its own for one test: it really gets full, and is given room again. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Disk extends AsyncDisposable {
  readonly path: string;
  /** Leaves no byte free. */
  fill(): Promise<void>;
  /** Makes it large, and frees what `fill` took. */
  grow(): Promise<void>;
}

/** Undefined where we may not mount a file system. */
export async function mountDisk(path: string, size: string): Promise<Disk | undefined> {
  await mkdir(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'modelpromotion-test', path]);
  } catch {
    return undefined;
  }
  const filler = join(path, 'filler');
  return {
    path,
    fill: () => pipeline(Readable.from(zeros()), createWriteStream(filler)).catch(() => undefined),
    async grow() {
      await rm(filler, { force: true });
      await run('mount', ['-o', 'remount,size=64m', path]);
    },
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', path]);
    },
  };
}

function* zeros(): Generator<Buffer> {
  for (let kilobytes = 0; kilobytes < 128 * 1024; kilobytes += 4) yield Buffer.alloc(4096);
}
