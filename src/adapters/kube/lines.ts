/** The lines of a watch. */
import { KubeError } from './api.ts';

/** An object in etcd has 1.5 MiB at most; managed fields and JSON may double it. */
const LONGEST_LINE = 8 * 1024 * 1024;

/** Every line as JSON. @throws KubeError for a line that is none, or has no end. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator {
  const decoder = new TextDecoder();
  // Parts of a line that goes on: joined once, so that a long one costs no more than its length.
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const [end = '', ...more] = decoder.decode(chunk, { stream: true }).split('\n');
    parts.push(end);
    length += end.length;
    if (length > LONGEST_LINE) throw new KubeError('the API server sent a line without an end');
    if (more.length === 0) continue;
    const rest = more.pop() ?? '';
    for (const line of [parts.join(''), ...more]) if (line.trim() !== '') yield parse(line);
    parts = [rest];
    length = rest.length;
  }
  if (parts.join('').trim() !== '') throw new KubeError('the API server ended in the middle of a line');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new KubeError('the API server sent a line that is no JSON', {}, { cause: error });
  }
}
