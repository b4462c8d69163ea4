/** Keeps secret values out of everything the process prints, whatever the path they take. */

const REPLACEMENT = '[secret]';
/** Shorter values would blot out ordinary words. */
const SHORTEST = 4;
/** The lines of one secret are not all secret; those that are, are long. */
const SHORTEST_LINE = 16;

export class Scrubber {
  /** The longest first: one that begins like another is taken out whole. */
  #values: readonly string[] = [];

  /** Registers a secret in the forms it may surface in: raw, line by line, JSON, URL-encoded, base64. */
  add(secret: string): void {
    if (secret.length < SHORTEST) return;
    const lines = secret.split(/\r?\n/);
    if (lines.length > 1) for (const line of lines) if (line.length >= SHORTEST_LINE) this.add(line);
    const forms = [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
    ];
    this.#values = [...new Set([...this.#values, ...forms])].toSorted((a, b) => b.length - a.length);
  }

  /** Registers a pair as it stands in a Basic header, and its password. */
  addBasic(username: string, password: string): void {
    this.add(password);
    this.add(Buffer.from(`${username}:${password}`).toString('base64'));
  }

  scrub(text: string): string {
    let clean = text.replaceAll(/\/\/[^\s/@"']+@/g, `//${REPLACEMENT}@`);
    for (const value of this.#values) clean = clean.replaceAll(value, REPLACEMENT);
    return clean;
  }
}
