/** What the patterns of the schemas demand, in words for messages and for the reference page. */
const words: Readonly<Record<string, string>> = {
  '^[1-9][0-9]*$': 'a positive whole number in quotes, such as "4"',
  '^\\s*[^/:\\s][^/:]*$': 'a model name: not blank, and without "/" and ":"',
  '^[\\p{L}\\p{N}_-]+$': 'an alias: letters, digits, "_" and "-"',
  '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$': 'a duration such as 30s, 5m or 1h30m',
  '^[a-zA-Z0-9][\\w-]*$': 'a run id: letters, digits, "_" and "-"',
  '^(runs:/[a-zA-Z0-9][\\w-]*/[^/\\s].*|models:/m-[\\w-]+)$':
    'a source such as runs:/<run id>/model or models:/m-<model id>',
  '^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?([Zz]|[+-]\\d{2}:\\d{2})$':
    'a time such as 2026-12-31T00:00:00Z',
  '^https?://[^\\s@?#]+$': 'an http or https URL without user name, password, query and fragment',
  '^[a-z0-9]+(-[a-z0-9]+)*$': 'a workspace name: lower-case letters and digits, in parts joined by "-"',
  '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$':
    'an object name: lower-case letters, digits, "-" and ".", a letter or digit at both ends',
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$':
    'a namespace: lower-case letters, digits and "-", a letter or digit at both ends',
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$':
    'an object name (a DNS-1123 subdomain): lower-case letters, digits, "-" and ".", a letter or digit at both ends of each part',
};

/** Every pattern of the schemas has words; the generator of the reference page fails when one has none. */
export function patternInWords(pattern: string): string | undefined {
  return words[pattern];
}
