/** Files that would hold up the process, or end it, if they were parsed like any other. */
import { describe, expect, it } from 'vitest';
import type { FileResult } from '../../../src/api/documents.ts';
import { parseFiles } from '../../../src/sources/parse.ts';
import { ParserThread, type Refusal } from '../../../src/sources/parser-thread.ts';

const never = new AbortController().signal;

function file(name: string, text: string): { name: string; bytes: Buffer } {
  return { name, bytes: Buffer.from(text) };
}

const good = `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: churn }
spec: { model: churn, aliases: [{ name: champion, version: "1" }] }
`;
const padded = `${good}${'# padding\n'.repeat(2_000)}`;
const hostile = ':\n'.repeat(100_000);

function names(result: FileResult | Refusal): string[] {
  return 'refusal' in result ? [result.refusal] : result.declarations.map(({ identity }) => identity.name);
}

describe('many files', () => {
  it('are answered in the order given, small and large ones alike', async () => {
    const files = [
      file('a.yaml', good),
      file('b.yaml', padded),
      file('c.yaml', 'a: 1'),
      file('d.yaml', padded),
    ];
    const results = await parseFiles(files, never);
    expect(results.map(([{ name }, result]) => [name, result.file, ...names(result)])).toEqual([
      ['a.yaml', 'a.yaml', 'churn'],
      ['b.yaml', 'b.yaml', 'churn'],
      ['c.yaml', 'c.yaml'],
      ['d.yaml', 'd.yaml', 'churn'],
    ]);
  });

  it('of the worst kind let other work go on meanwhile', { timeout: 60_000 }, async () => {
    let turns = 0;
    const other = setInterval(() => (turns += 1), 5);
    await parseFiles([file('a.yaml', hostile)], never);
    clearInterval(other);
    expect(turns).toBeGreaterThan(5);
  });

  it('are given up when nobody waits for them any more', async () => {
    const parsed = parseFiles([file('a.yaml', hostile)], AbortSignal.timeout(50));
    await expect(parsed).rejects.toThrow('aborted');
  });
});

describe('a file beyond a bound is refused, and the next one is read', () => {
  it.each([
    ['of time', { deadlineMs: 1, heapMiB: 512 }, 'the file takes too long to read; split it'],
    ['of memory', { deadlineMs: 60_000, heapMiB: 32 }, 'the file takes too much memory to read; split it'],
  ])('%s', { timeout: 120_000 }, async (_, bounds, message) => {
    await using thread = new ParserThread(bounds);
    expect(await thread.parse(file('a.yaml', hostile), never)).toEqual({ refusal: message });
    if (bounds.deadlineMs === 1) return;
    expect(names(await thread.parse(file('b.yaml', good), never))).toEqual(['churn']);
  });
});
