/** Where declared registries may be: a list that is read wrongly would let everybody go anywhere, or nobody. */
import { describe, expect, it } from 'vitest';
import { openRegistries } from '../../../src/cli/assembly.ts';
import { Scrubber } from '../../../src/runtime/secrets.ts';
import { matches } from '../../../src/domain/patterns.ts';

function open(list: string): void {
  openRegistries({
    config: {
      'registry-uri': undefined,
      'secrets-dir': undefined,
      'namespace-labels': undefined,
      'registry-allow': list,
      installation: 'default',
    },
    env: {},
    scrubber: new Scrubber(),
    observer: { requested: () => undefined },
    managed: () => new Set(),
  });
}

describe('--registry-allow', () => {
  it.each([
    ',',
    ' ',
    '',
    'mlflow.example.com',
    'https://a.example.com,',
    'https://a/path',
    'ftp://a',
    'https://u@a',
  ])('refuses %j, and says what to write', (list) => {
    expect(() => open(list)).toThrow(/^--registry-allow: .* is not an origin; write https:/);
  });

  it.each([
    'https://a.example.com',
    ' HTTPS://A.example.com/ , http://b:5000',
    '*',
    'https://*.example.com:8443',
  ])('takes %j', (list) => {
    expect(() => open(list)).not.toThrow();
  });

  it('lets a pattern cover no more of a name than it says', () => {
    expect(matches('https://*.example.com', 'https://a.example.com')).toBe(true);
    expect(matches('https://*.example.com', 'https://example.com.evil.org')).toBe(false);
  });
});
