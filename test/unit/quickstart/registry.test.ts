import { describe, expect, it } from 'vitest';
import {
  describeHoldings,
  holdingsOf,
  type RegisteredVersion,
} from '../../../src/cli/quickstart/registry.ts';
import { versionsTable } from '../../../src/cli/quickstart/versions-table.ts';

function version(number: string, stage = 'None', aliases: string[] = []): RegisteredVersion {
  return { version: number, stage, aliases, runId: '' };
}

describe('holdings', () => {
  it('are put in words, in the same order whatever the order of the versions', () => {
    const versions = [version('10', 'Production', ['champion', 'a']), version('9'), version('2', 'Archived')];
    const words = '2 in Archived, 10 in Production, a on 10, champion on 10';
    expect(describeHoldings(holdingsOf(versions))).toBe(words);
    expect(describeHoldings(holdingsOf(versions.toReversed()))).toBe(words);
  });

  it('may be none', () => {
    expect(describeHoldings(holdingsOf([version('1')]))).toBe('nothing in any stage, no alias');
  });
});

describe('the table of versions', () => {
  it('says what was there before where that changed', () => {
    const before = [version('1', 'Production', ['champion']), version('2')];
    const after = [version('1', 'Archived'), version('2', 'Production', ['champion'])];
    expect(versionsTable(before, after)).toEqual([
      ['VERSION', 'STAGE', 'ALIASES'],
      ['1', 'Archived (was Production)', '- (was champion)'],
      ['2', 'Production (was -)', 'champion (was -)'],
    ]);
    expect(versionsTable(after, after)).toEqual([
      ['VERSION', 'STAGE', 'ALIASES'],
      ['1', 'Archived', '-'],
      ['2', 'Production', 'champion'],
    ]);
  });
});
