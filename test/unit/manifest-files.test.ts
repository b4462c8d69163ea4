import { describe, expect, it } from 'vitest';
import { isManifestName, nameMistake, printableName } from '../../src/api/manifest-files.ts';

describe('the name of a file', () => {
  it.each(['a.yaml', 'a/b.YML', 'a.json', '.yaml', 'grün.Yaml'])('%s is a manifest', (name) => {
    expect(isManifestName(name)).toBe(true);
    expect(nameMistake(Buffer.from(name))).toBeUndefined();
  });

  it.each(['a.yaml.bak', 'yaml', 'a.txt', 'README.md'])('%s is none', (name) => {
    expect(isManifestName(name)).toBe(false);
  });

  it.each([
    ['a\nb.yaml', /control character/, 'a\\x0ab.yaml'],
    ['\u001b[2Ja.yaml', /control character/, '\\x1b[2Ja.yaml'],
    ['a\u202elmay.yaml', /control character/, 'a\\u{202e}lmay.yaml'],
    ['a\\b.yaml', /backslash/, 'a\\\\b.yaml'],
  ])('%j is refused and shown escaped', (name, reason, shown) => {
    expect(nameMistake(Buffer.from(name))).toMatch(reason);
    expect(printableName(Buffer.from(name))).toBe(shown);
  });

  it('is refused and shown escaped when it is not UTF-8', () => {
    const name = Buffer.from([0x61, 0xff, 0x2e, 0x79, 0x6d, 0x6c]);
    expect(isManifestName(name)).toBe(true);
    expect(nameMistake(name)).toMatch(/not UTF-8/);
    expect(printableName(name)).toBe('a\\xff.yml');
  });
});
