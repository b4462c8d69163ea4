/** Which files are manifests, how many and how large they may be, and how their names are shown. */
import { isUtf8 } from 'node:buffer';
import { limits } from './yaml.ts';

/** Per source. */
export const MAX_FILES = 20_000;
/** Of all manifests of a source together. */
export const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

export const TOO_LARGE = `the file is larger than ${limits.bytes / 1024 / 1024} MiB; split it`;

/** A file's name as bytes: neither git nor Linux promises that it is text. */
export type FileName = Uint8Array;

export function isManifestName(name: string | FileName): boolean {
  const text = typeof name === 'string' ? name : Buffer.from(name).toString('latin1');
  return /\.(?:yaml|yml|json)$/i.test(text);
}

/** Controls, line ends, and marks that reorder text: a name with them can pass for another one. */
const DECEPTIVE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/** Why a file with this name is not read, or undefined when it is. */
export function nameMistake(name: FileName): string | undefined {
  if (!isUtf8(name)) return 'its name is not UTF-8; rename it';
  const text = Buffer.from(name).toString();
  if (DECEPTIVE.test(text)) return 'its name holds a control character; rename it';
  if (text.includes('\\')) return 'its name holds a backslash; rename it';
  return undefined;
}

/** The name on one line, with everything escaped that a terminal would obey or that is not text. */
export function printableName(name: FileName): string {
  const bytes = Buffer.from(name);
  if (!isUtf8(bytes)) return bytes.toString('latin1').replaceAll(/[^\x20-\x7e]|\\/g, hexEscape);
  return bytes
    .toString()
    .replaceAll(new RegExp(`${DECEPTIVE.source}|\\\\`, 'gu'), (character) =>
      character === '\\' ? '\\\\' : hexEscape(character),
    );
}

function hexEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
