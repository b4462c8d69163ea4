/** Objects of one kind by key, as they are known from a list and a watch. */

export interface Item<T> {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly value: T;
}

/** `before` and `after` are undefined where there was, or is, no such object. */
export type ChangeListener<T> = (key: string, before: T | undefined, after: T | undefined) => void;

export class Store<T> {
  readonly #items = new Map<string, Item<T>>();
  readonly #listeners: ChangeListener<T>[] = [];
  #synced = false;

  /** Whether everything was listed once. */
  get synced(): boolean {
    return this.#synced;
  }

  get size(): number {
    return this.#items.size;
  }

  /** With the uid and the version of it that are known. */
  item(key: string): Item<T> | undefined {
    return this.#items.get(key);
  }

  get(key: string): T | undefined {
    return this.#items.get(key)?.value;
  }

  *values(): Generator<T> {
    for (const { value } of this.#items.values()) yield value;
  }

  onChange(listener: ChangeListener<T>): void {
    this.#listeners.push(listener);
  }

  /** What is older than what is known is left out: a list may be slower than our own write. */
  set(key: string, item: Item<T>): void {
    const before = this.#items.get(key);
    if (before?.uid === item.uid && isOlder(item.resourceVersion, before.resourceVersion)) return;
    this.#put(key, item, before);
  }

  #put(key: string, item: Item<T>, before: Item<T> | undefined): void {
    // Another object of that name: the one before is gone, which its listeners have to hear.
    if (before !== undefined && before.uid !== item.uid) this.delete(key);
    this.#items.set(key, item);
    this.#tell(key, before?.uid === item.uid ? before.value : undefined, item.value);
  }

  delete(key: string): void {
    const before = this.#items.get(key);
    if (before === undefined) return;
    this.#items.delete(key);
    this.#tell(key, before.value, undefined);
  }

  /** All there is. */
  replace(items: ReadonlyMap<string, Item<T>>): void {
    for (const key of this.#items.keys()) if (!items.has(key)) this.delete(key);
    for (const [key, item] of items) {
      const before = this.#items.get(key);
      if (before?.uid === item.uid && before.resourceVersion === item.resourceVersion) continue;
      // After a restore of the server's data a list may be older than what was known: it is what there is.
      this.#put(key, item, before);
    }
    this.#synced = true;
  }

  #tell(key: string, before: T | undefined, after: T | undefined): void {
    for (const listener of this.#listeners) listener(key, before, after);
  }
}

/** Resource versions are whole numbers without a bound; those of one resource can be compared (KEP-5504). */
export function isOlder(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}
