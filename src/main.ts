#!/usr/bin/env node
/** Entry: hands the command line to the program, and signals to whatever runs. */
import { main } from './cli/program.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}
process.exitCode = await main(process.argv.slice(2), stop.signal);
