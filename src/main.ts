#!/usr/bin/env node
/** Entry: hands the command line to the program, and signals to whatever runs. */
import { basename } from 'node:path';

const OLDEST_NODE = 24;

const stop = new AbortController();
const signals = ['SIGINT', 'SIGTERM'] as const;
for (const signal of signals) {
  process.once(signal, () => {
    // Whoever asks a second time, by either signal, means at once.
    for (const other of signals) process.removeAllListeners(other);
    stop.abort(new Error(`stopped by ${signal}`));
  });
}
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  const found = process.versions.node;
  process.stderr.write(`modelpromotion needs Node ${OLDEST_NODE} or later, and this is Node ${found}\n`);
  process.exitCode = 1;
} else {
  // Loaded only now: its dependencies fail on an older Node before a word can be said.
  const { main } = await import('./cli/program.ts');
  const [, calledAs = ''] = process.argv;
  process.exitCode = await main(process.argv.slice(2), stop.signal, basename(calledAs));
}
