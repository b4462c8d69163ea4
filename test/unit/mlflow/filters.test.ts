import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameFilters, patternFilters } from '../../../src/adapters/mlflow/filters.ts';

function filters(names: readonly string[], { inOperator = true, chunk = 400 } = {}): string[] {
  return nameFilters(names, { inOperator, chunk });
}

function lengthInUrl(filter: string): number {
  return new URLSearchParams({ filter }).toString().length;
}

describe('filters for names', () => {
  it.each([
    [['churn'], ["name IN ('churn')"]],
    [['a', 'b', 'c'], ["name IN ('a','b','c')"]],
    [["it's", 'say "hi"', 'plain'], [`name IN ("it's",'say "hi"','plain')`]],
    [['100%', 'a_b', 'a,b', 'ünï 模型 😀'], ["name IN ('100%','a_b','a,b','ünï 模型 😀')"]],
    [
      ['back\\slash', 'plain'],
      ["name IN ('plain')", "name = 'back\\slash'"],
    ],
    [["a\\'b"], [`name = "a\\'b"`]],
    [
      ['tab\there', 'new\nline'],
      ["name = 'tab\there'", "name = 'new\nline'"],
    ],
    [[`both ' and "`], ["name LIKE 'both _ and _'"]],
    [[`100%'"\\`], ["name LIKE '100____'"]],
    [[], []],
  ])('%j are asked for by %j', (names, expected) => {
    expect(filters(names)).toEqual(expected);
  });

  it('ask for one name each where the server knows no IN', () => {
    expect(filters(['a', "it's", `'"`], { inOperator: false })).toEqual([
      "name = 'a'",
      `name = "it's"`,
      "name LIKE '__'",
    ]);
  });

  it('hold no more names than a chunk may', () => {
    const names = Array.from({ length: 250 }, (_, index) => `m${index}`);
    expect(filters(names, { chunk: 100 }).map((filter) => filter.split(',').length)).toEqual([100, 100, 50]);
  });

  it.each([
    ['short', (index: number) => `m${index}`],
    ['long', (index: number) => `${'model-'.repeat(40)}${index}`],
    ['long once they are encoded', (index: number) => `${'模'.repeat(80)}${index}`],
    ['full of quotes', (index: number) => `${"'".repeat(60)}${index}`],
  ])('fit into the URL that proxies allow when names are %s, and hold each name once', (_what, nameOf) => {
    const names = Array.from({ length: 1_000 }, (_, index) => nameOf(index));
    const all = filters(names, { chunk: 1_000 });
    expect(Math.max(...all.map(lengthInUrl))).toBeLessThan(7_500);
    expect(all.flatMap((filter) => filter.match(/\d+(?=['"][,)])/g) ?? []).length).toBe(1_000);
  });

  it('never let a name end its own quotes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", '"', '\\', 'a', '\n', '%', ','), minLength: 1 }),
        (name) => {
          const [filter = ''] = filters([name]);
          const value = /^name (?:=|LIKE|IN \() ?(['"])([^]*)\1\)?$/.exec(filter);
          expect(value?.[2]).not.toContain(value?.[1]);
        },
      ),
    );
  });
});

describe('filters for patterns', () => {
  const ask = (...patterns: string[]) => patternFilters(patterns, { inOperator: true, chunk: 400 });

  it.each([
    [[], [undefined]],
    [['churn'], ["name IN ('churn')"]],
    [['churn-*'], ["name LIKE 'churn-%'"]],
    [['*'], ["name LIKE '%'"]],
    [
      ['a', '*-b-*', 'c', 'a'],
      ["name IN ('a','c')", "name LIKE '%-b-%'"],
    ],
    [
      ["it's 100%*", '[a]_*'],
      ["name LIKE 'it_s 100_%'", "name LIKE '_a]_%'"],
    ],
    [['a*', 'b*', 'c*', 'd*', 'e*'], [undefined]],
  ])('%j are asked for by %j', (patterns, expected) => {
    expect(ask(...patterns)).toEqual(expected);
  });

  it('of more names than one request holds read the whole registry', () => {
    expect(ask(...Array.from({ length: 401 }, (_, index) => `m${index}`))).toEqual([undefined]);
  });
});
