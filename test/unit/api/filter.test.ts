import { describe, expect, it } from 'vitest';
import { FilterError, parseFilter } from '../../../src/api/filter.ts';
import { passes } from '../../../src/domain/filter.ts';
import { aVersion } from '../../support/builders.ts';

const version = aVersion('7', {
  runId: 'abc',
  source: 'models:/m-7',
  tags: { validated: 'yes', 'data.set': 'Kiel', 'a tag': "it's", owner: 'größe' },
});

describe('a version passes a filter', () => {
  it.each<[string, boolean]>([
    ["tags.validated = 'yes'", true],
    ['tags.validated = "yes"', true],
    ["tag.validated='yes'", true],
    ["tags.validated != 'yes'", false],
    ["tags.validated != 'no'", true],
    ["tags.absent != 'no'", false],
    ['tags.`a tag` = "it\'s"', true],
    ["tags.data.set LIKE 'K%'", true],
    ["tags.data.set LIKE 'k%'", false],
    ["tags.data.set ILIKE 'k_E%'", true],
    ["tags.data.set like 'Ki'", false],
    ["tags.owner = 'größe'", true],
    ["tags.owner LIKE 'gr__e'", true],
    ['version_number > 6', true],
    ["version_number >= '7'", true],
    ['version_number != 7', false],
    ["run_id IN ('x', 'abc')", true],
    ["name NOT IN ('churn')", false],
    ["name LIKE '%hur%'", true],
    ["source_path = 'models:/m-7'", true],
    ["tags.validated = 'yes' AND version_number < 7", false],
    ["tags.validated = 'yes' and version_number <= 7 AND name = 'churn'", true],
  ])('%s: %s', (filter, expected) => {
    expect(passes(parseFilter(filter), version, 'churn')).toBe(expected);
  });
});

describe('a filter that MLflow would refuse or misread is refused before', () => {
  it.each<[string, RegExp]>([
    ["tags.a = 'x' OR tags.b = 'y'", /AND only; there is no OR/],
    ["current_stage = 'Production'", /cannot filter versions by "current_stage"; there are name, run_id/],
    ["tags.a > 'x'", /a tag is compared with =, !=, LIKE, ILIKE, not with >/],
    ['tags.a = x', /"x" is not expected; a value stands in quotes/],
    ['tags.a = 3', /a value stands in quotes/],
    ["version_number = 'three'", /whole number/],
    ['version_number LIKE 3', /version_number is compared with/],
    ["tags.a = 'x", /quote at character 9 is not closed/],
    ["tags.a = 'it\\'s'", /quotes of the other kind/],
    ["tags.a = 'it''s'", /"s" is not expected at character 14; a text that holds one kind of quote/],
    ["tags.a = 'x' tags.b = 'y'", /"tags.b" is not expected at character 13; write AND/],
    ["tags.a = 'x' AND", /ends too early/],
    ["run_id IN 'a'", /a list is written/],
    ["run_id IN ('a'", /a list is written/],
    ["'; DROP TABLE models; --", /not closed|not expected|cannot be read/],
    ['name = "x"; DELETE', /";" *DELETE|cannot be read/],
    ['(name = "x")', /begins with an attribute or a tag/],
    ['=', /begins with an attribute or a tag/],
  ])('%s', (filter, words) => {
    expect(() => parseFilter(filter)).toThrow(FilterError);
    expect(() => parseFilter(filter)).toThrow(words);
  });
});

it('is read in no time however it is written', () => {
  for (const text of [
    `tags.a LIKE '${'%a'.repeat(450)}'`,
    `tags.${'a'.repeat(980)} = 'x'`,
    '('.repeat(1_000),
  ]) {
    const long = aVersion('1', { tags: { a: 'a'.repeat(5_000) } });
    const started = performance.now();
    try {
      passes(parseFilter(text), long, 'churn');
    } catch (error) {
      expect(error).toBeInstanceOf(FilterError);
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  }
});
