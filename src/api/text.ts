/** From bytes to text that is safe to parse and to show. */
import { codePoint, forbiddenCharacter } from './quote.ts';
import { limits, type YamlMistake } from './yaml.ts';

export type Decoded =
  | { readonly text: string; readonly refusal?: undefined }
  | { readonly text: string; readonly refusal: YamlMistake };

/** Decodes UTF-8 without its byte-order mark. What was read before the refused place is in `text`. */
export function decode(bytes: Uint8Array): Decoded {
  if (bytes.length > limits.bytes)
    return refuse('', `the file has ${bytes.length} bytes; at most 1 MiB is read`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return notUtf8(bytes);
  }
  const forbidden = forbiddenCharacter.exec(text);
  if (!forbidden) return { text };
  const before = text.slice(0, forbidden.index);
  return refuse(
    before,
    `the character ${codePoint(forbidden[0])} is not allowed; in a quoted value write an escape`,
  );
}

function notUtf8(bytes: Uint8Array): Decoded {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return refuse('', 'the file is UTF-16; save it as UTF-8');
  }
  return refuse(validStart(bytes), 'these bytes are not UTF-8; save the file as UTF-8');
}

/** The text before the first byte that is not UTF-8. */
function validStart(bytes: Uint8Array): string {
  const lossy = new TextDecoder('utf-8').decode(bytes);
  const encoder = new TextEncoder();
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let offset = start;
  let length = 0;
  for (const character of lossy) {
    const expected = encoder.encode(character);
    if (expected.some((byte, index) => bytes[offset + index] !== byte)) break;
    offset += expected.length;
    length += character.length;
  }
  return lossy.slice(0, length);
}

function refuse(text: string, message: string): Decoded {
  return { text, refusal: { offset: text.length, message } };
}
