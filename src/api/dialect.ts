/**
 * Plain words that YAML 1.2 reads as one thing and YAML 1.1, and with it kubectl, as another. The same manifest
 * must mean the same in a cluster and in git, so such a word has to be quoted.
 */
const readings: readonly { readonly pattern: RegExp; readonly as: (word: string) => string }[] = [
  { pattern: /^(?:y|Y|yes|Yes|YES|on|On|ON)$/, as: () => 'true' },
  { pattern: /^(?:n|N|no|No|NO|off|Off|OFF)$/, as: () => 'false' },
  { pattern: /^[-+]?0_*[0-7][0-7_]*$/, as: () => 'an octal number' },
  { pattern: /^[-+]?0b[01_]+$/, as: () => 'a binary number' },
  { pattern: /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/, as: () => 'a number to the base of 60' },
  {
    pattern: /^[-+]?(?:0x[0-9A-Fa-f_]*_[0-9A-Fa-f_]*|[0-9.][0-9_.]*_[0-9_.]*(?:[eE][-+]?[0-9]+)?)$/,
    as: (word) => word.replaceAll('_', ''),
  },
];

/** What other YAML readers take this plain word for, or undefined when all read it alike. */
export function otherReading(word: string): string | undefined {
  return word.length > longestWord ? undefined : readings.find(({ pattern }) => pattern.test(word))?.as(word);
}

const longestWord = 64;
