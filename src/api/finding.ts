/** One mistake in a document, before its place is known in lines and columns. */
import type { Path } from './path.ts';

export interface Finding {
  readonly path: Path;
  readonly message: string;
  /** What the finding points at: the value (the default), its key, the key of what it is missing from, or an offset. */
  readonly at?: 'value' | 'key' | 'parent' | number;
  /** Other fields that this mistake explains: a misspelt key is not also a missing one. */
  readonly explains?: readonly Path[];
  /** Fields that explain this finding, where something has been said of them already. */
  readonly unless?: readonly Path[];
}

/** A list of findings in which each field is spoken of once: the first word on it stands. */
export class Findings {
  readonly #found: Finding[] = [];
  readonly #spokenOf = new Set<string>();

  add(findings: readonly Finding[]): void {
    for (const finding of findings) {
      if ([finding.path, ...(finding.unless ?? [])].some((path) => this.#speaksOf(path))) continue;
      this.#found.push(finding);
      for (const path of [finding.path, ...(finding.explains ?? [])]) this.#spokenOf.add(keyOf(path));
    }
  }

  #speaksOf(path: Path): boolean {
    return this.#spokenOf.has(keyOf(path));
  }

  get all(): readonly Finding[] {
    return this.#found;
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}
