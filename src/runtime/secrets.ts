/** Keeps secret values out of everything the process prints, whatever the path they take. */

const REPLACEMENT = '[secret]';
/** Shorter values would blot out ordinary words. */
const SHORTEST = 4;
/** The lines of one secret are not all secret; those that are, are long. */
const SHORTEST_LINE = 16;

/** Whether what this key of a secret holds is to be kept out of all output. */
export function isSecretKey(key: string): boolean {
  return key !== 'username' && key !== 'known_hosts' && !key.endsWith('.crt');
}

export class Scrubber {
  readonly #known = new Set<string>();
  /** The longest first: one that begins like another is taken out whole. Undefined when they are to be sorted anew. */
  #values: readonly string[] | undefined;

  /** Registers a secret in the forms it may surface in: raw, line by line, JSON, HTML, URL-encoded, base64. */
  add(secret: string): void {
    if (secret.length < SHORTEST) return;
    const lines = secret.split(/\r?\n/);
    if (lines.length > 1) for (const line of lines) if (line.length >= SHORTEST_LINE) this.add(line);
    const fresh = formsOf(secret).filter((form) => !this.#known.has(form));
    if (fresh.length === 0) return;
    for (const form of fresh) this.#known.add(form);
    this.#values = undefined;
  }

  /** Registers a pair as it stands in a Basic header, and its password. */
  addBasic(username: string, password: string): void {
    this.add(password);
    this.add(Buffer.from(`${username}:${password}`).toString('base64'));
  }

  scrub(text: string): string {
    this.#values ??= [...this.#known].toSorted((a, b) => b.length - a.length);
    let clean = text.replaceAll(/\/\/[^\s/@"']+@/g, `//${REPLACEMENT}@`);
    for (const value of this.#values) clean = clean.replaceAll(value, REPLACEMENT);
    return clean;
  }

  /**
   * The document as JSON with every text under a key `message` scrubbed. Names stay as they are, whatever the secrets:
   * a document that is read again must still say what it said.
   */
  json(document: unknown): string {
    const text = JSON.stringify(document, null, 2);
    if (this.scrub(text) === text) return text;
    const inMessages = (key: string, value: unknown): unknown =>
      key === 'message' && typeof value === 'string' ? this.scrub(value) : value;
    return JSON.stringify(document, inMessages, 2);
  }

  /** The same as a document. */
  clean<T>(document: T): T {
    return JSON.parse(this.json(document)) as T;
  }
}

function formsOf(secret: string): string[] {
  const encoded = encodeURIComponent(secret);
  const base64 = Buffer.from(secret).toString('base64');
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    inHtml(secret, ['&quot;', '&#x27;']),
    inHtml(secret, ['&#34;', '&#39;']),
    encoded,
    encoded.replaceAll(/%../g, (byte) => byte.toLowerCase()),
    encoded.replaceAll('%20', '+'),
    base64,
    base64.replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
  ];
}

function inHtml(secret: string, [double, single]: readonly [string, string]): string {
  return secret
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', double)
    .replaceAll("'", single);
}
