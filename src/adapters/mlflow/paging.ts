/** Going through pages without losing rows, and without going round in circles. */
import { RegistryError } from './errors.ts';
import type { Page } from './wire.ts';

/** Every page of a search, in their order; `read` is given the token of the page. */
export async function* pages<T>(
  read: (token: string | undefined) => Promise<Page<T>>,
): AsyncGenerator<readonly T[]> {
  for (let token: string | undefined, more = true; more; more = token !== undefined) {
    const page = await read(token);
    yield page.items;
    token = advance(token, page.next);
  }
}

/** An empty page with a token is no end; the same token again would be an endless loop. */
function advance(token: string | undefined, next: string | undefined): string | undefined {
  if (next !== undefined && next === token) {
    throw new RegistryError('permanent', 'the registry answers the same page again and again');
  }
  return next;
}

export async function* once<T>(items: AsyncIterable<T>, keyOf: (item: T) => string): AsyncGenerator<T> {
  const seen = new Set<string>();
  for await (const item of items) {
    const key = keyOf(item);
    if (!seen.has(key)) yield item;
    seen.add(key);
  }
}
