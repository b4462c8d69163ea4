/** The answer to a call, which is JSON of a bounded size. A watch has no such bound: it goes on for minutes. */
import { KubeError } from './api.ts';

/** A page of 500 objects takes some MiB; a list of all, where a server ignores the limit, takes more. */
const LARGEST = 128 * 1024 * 1024;

/** @throws KubeError for more than that, and for what is no JSON */
export async function jsonBody(chunks: AsyncIterable<Uint8Array>, largest = LARGEST): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > largest) throw new KubeError('the API server sent an answer without an end');
    parts.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch (error) {
    throw new KubeError('the API server sent an answer that is no JSON', {}, { cause: error });
  }
}
