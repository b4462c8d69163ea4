/** The lines of a watch, however they arrive. */
import { describe, expect, it } from 'vitest';
import { jsonLines } from '../../../src/adapters/kube/lines.ts';

async function* chunksOf(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

const read = (...chunks: (string | Uint8Array)[]): Promise<unknown[]> =>
  Array.fromAsync(jsonLines(chunksOf(...chunks)));

describe('Lines', () => {
  it('are found in chunks that cut them anywhere, letters of several bytes too', async () => {
    const bytes = Buffer.from('{"a":"ü€"}\n\n{"b":2}\n');
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect(await read(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual([{ a: 'ü€' }, { b: 2 }]);
  });

  it('that are no JSON are an error', async () => {
    await expect(read('<html>\n')).rejects.toThrow(/no JSON/);
  });

  it('that stop in the middle are an error', async () => {
    await expect(read('{"a":1}\n{"b"')).rejects.toThrow(/in the middle of a line/);
  });

  it('without an end are given up', async () => {
    const endless = Array.from({ length: 9 }, () => 'x'.repeat(1024 * 1024));
    await expect(read(...endless)).rejects.toThrow(/without an end/);
  });
});
