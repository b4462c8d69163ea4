/** One process of the long run: takes a batch, tries its inputs, and answers with what broke. */
import * as fc from 'fast-check';
import { growthOf, shapeNames } from './growth.ts';
import { everything } from './properties/index.ts';

export interface Batch {
  readonly name: string;
  readonly seed: number;
  readonly runs: number;
  /** Of the one input to try, as fast-check printed it. */
  readonly path?: string;
}

export interface BatchResult {
  readonly failure?: string;
}

/** Of one input, on a busy machine. */
const LONGEST_INPUT_MS = 60_000;
/** Processor time of a batch for each of its inputs, on average; a folder takes the longest. */
const MOST_MS = 200;
/** Memory that stays after a batch, beyond what stayed after the first batches. */
const MOST_GROWTH = 96 * 1024 * 1024;
const WARM = 20;

let settled: number | undefined;
let count = 0;

async function tryAll(batch: Batch): Promise<BatchResult> {
  if (!shapeNames.includes(batch.name)) return tryInputs(batch);
  const failure = growthOf(batch.name);
  return failure === undefined ? {} : { failure: `${batch.name}: ${failure}` };
}

async function tryInputs({ name, seed, runs, path }: Batch): Promise<BatchResult> {
  const target = everything.find((one) => one.name === name);
  if (target === undefined) return { failure: `there is no target ${name}` };
  const start = process.cpuUsage();
  const details = await fc.check(target.property, {
    seed,
    numRuns: runs,
    timeout: LONGEST_INPUT_MS,
    interruptAfterTimeLimit: 5 * LONGEST_INPUT_MS,
    ...(path !== undefined && { path, endOnFailure: true }),
  });
  const again = `npm run fuzz -- --only ${JSON.stringify(name)} --seed ${seed}`;
  if (details.failed)
    return {
      failure: `${report(details)}\n\nTo see it again:\n${again} --path ${details.counterexamplePath}`,
    };
  const { user, system } = process.cpuUsage(start);
  const each = (user + system) / 1_000 / runs;
  if (each > MOST_MS) return { failure: `${name}: ${each.toFixed(0)} ms an input\n${again} --runs ${runs}` };
  return checkMemory(again);
}

/** What fast-check says, where it was thrown, and a file as text. */
function report(details: fc.RunDetails<unknown>): string {
  const { counterexample, errorInstance } = details;
  const file = Array.isArray(counterexample) ? (counterexample[0] as unknown) : undefined;
  return [
    fc.defaultReportMessage(details),
    errorInstance instanceof Error ? errorInstance.stack : '',
    file instanceof Uint8Array ? `As text: ${JSON.stringify(Buffer.from(file).toString())}` : '',
  ].join('\n');
}

function checkMemory(again: string): BatchResult {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  count += 1;
  if (count === WARM) settled = heapUsed + external;
  const growth = heapUsed + external - (settled ?? Infinity);
  return growth > MOST_GROWTH
    ? { failure: `memory grew by ${(growth / 1024 / 1024).toFixed(0)} MiB; last was ${again}` }
    : {};
}

process.on('message', (batch: Batch) => {
  void tryAll(batch).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ failure: String(error) } satisfies BatchResult),
  );
});
