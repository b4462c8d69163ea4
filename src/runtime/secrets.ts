/** Keeps secret values out of everything the process prints, whatever the path they take. */

const REPLACEMENT = '[secret]';
/** Shorter values would blot out ordinary words. */
const SHORTEST = 4;

export class Scrubber {
  readonly #values = new Set<string>();

  /** Registers a secret in the forms it may surface in: raw, JSON, URL-encoded, base64. */
  add(secret: string): void {
    if (secret.length < SHORTEST) return;
    this.#values.add(secret);
    this.#values.add(JSON.stringify(secret).slice(1, -1));
    this.#values.add(encodeURIComponent(secret));
    this.#values.add(Buffer.from(secret).toString('base64'));
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
