/** Mistakes in manifests, one a line, as compilers write them. */
import type { Problem } from '../../api/listing.ts';

export function problemLine({ file, line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;
}

export function problemLines(problems: readonly Problem[]): string {
  return problems.map((problem) => `${problemLine(problem)}\n`).join('');
}
