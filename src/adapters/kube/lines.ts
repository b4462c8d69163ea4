/** The lines of a watch. */
import { KubeError } from './api.ts';

/** An object in etcd has 1.5 MiB at most; managed fields and JSON may double it. */
const LONGEST_LINE = 8 * 1024 * 1024;

/** Every line as JSON. @throws KubeError for a line that is none, or has no end. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new KubeError('the API server sent a line without an end');
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (rest.trim() !== '') throw new KubeError('the API server ended in the middle of a line');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new KubeError('the API server sent a line that is no JSON', {}, { cause: error });
  }
}
