/** Statuses on their way to the status branch, when that cannot be written to. */
import { describe, expect, it } from 'vitest';
import { StatusWriter } from '../../src/cli/daemon/status-writer.ts';
import { SourceError } from '../../src/reconcile/ports.ts';
import { Scrubber } from '../../src/runtime/secrets.ts';

const live = new AbortController().signal;

function writerFor(failures: (Error | undefined)[]) {
  const [written, warnings, results]: [string[], object[], string[]] = [[], [], []];
  const news: string[] = [];
  const quiet = () => undefined;
  const writer = new StatusWriter({
    store: {
      read: () => Promise.resolve(new Map()),
      write: (changes) => {
        const failure = failures.shift();
        if (failure !== undefined) return Promise.reject(failure);
        written.push(...changes.keys());
        return Promise.resolve('written');
      },
    },
    documentOf: (key) => ({ key }),
    keys: () => [],
    scrubber: new Scrubber(),
    idle: () => Promise.resolve(),
    revision: () => 'main@sha1:1',
    logger: {
      debug: quiet,
      info: (_, message) => news.push(message),
      warn: (fields) => warnings.push(fields),
      error: quiet,
      child: () => {
        throw new Error('not used');
      },
    },
    written: (result) => results.push(result),
  });
  return { writer, written, warnings, results, news };
}

describe('a write of statuses that fails', () => {
  it.each([
    ['as the server says', new SourceError('Unreachable', 'no answer'), { detail: 'no answer' }],
    [
      'in a way nobody thought of',
      new TypeError('odd'),
      { detail: 'odd', err: expect.any(TypeError) as unknown },
    ],
  ])('%s is told once, kept, and made again', async (_what, failure, fields) => {
    const { writer, written, warnings, results, news } = writerFor([failure, failure]);
    writer.changed('ml/churn');
    expect(await writer.flush(live)).toBe(false);
    expect(await writer.flush(live, 1)).toBe(false);
    expect(writer.failure).toBe(failure.message);
    expect(await writer.flush(live, 2)).toBe(true);
    expect([writer.failure, news]).toEqual([undefined, ['statuses can be written again']]);
    expect(written).toEqual(['ml/churn.yaml']);
    expect(warnings).toEqual([fields]);
    expect(results).toEqual(['failed', 'failed', 'ok']);
  });
});
