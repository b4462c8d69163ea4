/**
 * One round of `plan.ts`, in a process of its own so that nothing is warm. Prints milliseconds as JSON.
 * Arguments: folder PATH | git URL CACHE | yaml PATH.
 */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { parseGitUrl } from '../../src/adapters/git/url.ts';
import { Engine } from '../../src/reconcile/engine.ts';
import { planLive } from '../../src/reconcile/pass.ts';
import type { Source } from '../../src/reconcile/ports.ts';
import { sleep } from '../../src/runtime/time.ts';
import { FolderSource } from '../../src/sources/folder.ts';
import { GitSource } from '../../src/sources/git.ts';
import { aModel } from '../support/builders.ts';
import { MemoryRegistry, only } from '../support/memory-registry.ts';
import { modelNames } from './registry.ts';

/** Milliseconds that passed, and of CPU in this process. */
export interface Taken {
  readonly wall: number;
  readonly cpu: number;
}

export interface Rounds {
  /** For all manifests, and when one of them changed. */
  readonly all: Taken;
  readonly one: Taken;
}

const signal = AbortSignal.timeout(10 * 60_000);
const [kind = '', place = '', cache = ''] = process.argv.slice(2);

if (kind === 'yaml') {
  const files = await readdir(place);
  const texts = await Promise.all(files.map((file) => readFile(join(place, file), 'utf8')));
  const all = await timed(() => texts.forEach((text) => parse(text)));
  const one = await timed(() => parse(texts[0] ?? ''));
  tell({ all, one });
} else {
  const source =
    kind === 'git'
      ? new GitSource({
          url: parseGitUrl(place),
          branch: 'main',
          path: '.',
          cacheDir: cache,
        })
      : new FolderSource(place);
  const engine = newEngine();
  const all = await timed(() => planned(source, engine));
  process.stdout.write('change\n');
  // Whoever started us changes one manifest, and says so.
  await once(createInterface({ input: process.stdin }), 'line');
  const one = await timed(() => planned(source, engine));
  tell({ all, one });
}

function tell(rounds: Rounds): void {
  process.stdout.write(`${JSON.stringify(rounds)}\n`, () => process.exit(0));
}

async function timed(work: () => unknown): Promise<Taken> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wall: performance.now() - started, cpu: (user + system) / 1_000 };
}

/** Polls, takes in what is new, and plans every promotion that it concerns. */
async function planned(source: Source, engine: Engine): Promise<void> {
  const listing = await source.poll(signal);
  if (listing === undefined) throw new Error('nothing changed');
  for (const key of await engine.accept(listing)) {
    const entry = engine.catalog.entries.get(key);
    const start = entry === undefined ? undefined : engine.inputFor(entry.promotion);
    if (start?.kind !== 'input') throw new Error(`${key} cannot be planned`);
    const { plan } = await planLive(start.input, Date.now(), signal);
    if (plan.kind !== 'Apply') throw new Error(`${key} has nothing to do`);
  }
}

/** Each model has five versions, and 3 in Production. */
function newEngine(): Engine {
  const models = modelNames(10_000).map((name) =>
    aModel({
      name,
      versions: { 1: 'None', 2: 'None', 3: 'Production', 4: 'None', 5: 'None' },
      aliases: { champion: '3' },
    }),
  );
  const ignore = (): void => undefined;
  return new Engine({
    installation: 'default',
    allowEmpty: false,
    uidOf: (key) => key,
    registries: only(new MemoryRegistry(...models)),
    observer: { info: ignore, warn: ignore, event: ignore, reconciled: ignore, applied: ignore },
    wake: ignore,
    onStatus: ignore,
    fence: () => true,
    now: Date.now,
    sleep,
  });
}
