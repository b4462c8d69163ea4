/** What runs in the thread of `ParserThread`: one answer for each file, in order. */
import { parentPort } from 'node:worker_threads';
import { parseFile } from '../api/documents.ts';
import type { ManifestFile } from './parser-thread.ts';

parentPort?.on('message', ({ name, bytes }: ManifestFile) => {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  parentPort?.postMessage(parseFile(name, bytes));
});
