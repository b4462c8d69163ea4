/** How messages show what users wrote: quoted, short, and without characters that a terminal would obey. */

const longestShown = 60;

/** Characters that no manifest may hold: controls, marks that reorder text, a byte-order mark inside, a lone CR. */
export const forbiddenCharacter = /[[\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{feff}]--[\t\n\r]]|\r(?!\n)/v;

/** The value in double quotes, escaped, and cut to about 60 characters. */
export function quote(value: string): string {
  return `"${clip(value).replaceAll('"', '\\"')}"`;
}

/** The text on one line, escaped, and cut to a length. */
export function clip(text: string, longest = longestShown): string {
  const characters = Array.from(text.slice(0, 2 * longest));
  const shown = characters.slice(0, longest).join('');
  return escapeControls(shown) + (shown.length < text.length ? '…' : '');
}

/** Names a character by its code point, as in U+202E. */
export function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function escapeControls(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gv,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The user name and password that an address may hold are nobody's business. */
export function withoutUser(address: string): string {
  return address.replace(/\/\/[^\s/@]+@/, '//');
}
