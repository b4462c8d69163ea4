/** "Did you mean": the known word nearest to what somebody typed. */

/** The candidate that `typed` was probably meant to be, or undefined when none is near. */
export function suggest(typed: string, candidates: readonly string[]): string | undefined {
  const word = typed.toLowerCase();
  if (word.length > longestWord) return undefined;
  const sameButCase = candidates.find((candidate) => candidate.toLowerCase() === word);
  if (sameButCase !== undefined) return sameButCase;
  const abbreviated = candidates.filter(
    (candidate) => word.length >= 3 && candidate.toLowerCase().startsWith(word),
  );
  if (abbreviated.length === 1) return abbreviated[0];
  return nearest(word, candidates);
}

const longestWord = 80;

/** The first candidate with the fewest edits, if those are at most a third of its length. */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Infinity;
  for (const candidate of candidates) {
    const edits = editDistance(word, candidate.toLowerCase());
    if (edits < fewest && edits <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      fewest = edits;
    }
  }
  return best;
}

/** Levenshtein distance in which swapping two neighbours counts as one edit. */
export function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const substitution = at(previous, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let edits = Math.min(substitution, at(previous, j) + 1, at(row, j - 1) + 1);
      if (from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1])
        edits = Math.min(edits, at(beforePrevious, j - 2) + 1);
      row.push(edits);
    }
    beforePrevious = previous;
    previous = row;
  }
  return at(previous, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
