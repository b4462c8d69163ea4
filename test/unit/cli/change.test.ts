/** A change that meets the changes of others: looked at again, made once, and never made blindly. */
import { describe, expect, it } from 'vitest';
import type { Declared, EditHome, Proposal, Written } from '../../../src/cli/edit/home.ts';
import { makeChange } from '../../../src/cli/edit/open.ts';
import { aManifest } from '../../support/builders.ts';

const { signal } = new AbortController();
const proposal: Proposal = { edits: [], wording: { subject: 'x', body: [], trailers: [] } };
const declared: Declared = {
  key: 'ml/churn',
  object: aManifest(),
  listing: { registries: [], problems: [] },
  warnings: [],
};

/** Gives these answers to its writes, one after the other, and then says that it moved. */
function homeThat(...answers: Written[]) {
  const calls: string[] = [];
  const home = {
    find: () => {
      calls.push('look');
      return Promise.resolve(declared);
    },
    write: () => {
      calls.push('write');
      return Promise.resolve(answers.shift() ?? ({ kind: 'moved' } as const));
    },
  };
  return { calls, home: home as unknown as EditHome };
}

const written = { kind: 'written', message: 'Committed.', next: 'Wait for it.' } as const;

describe('a change', () => {
  it('that nobody is in the way of is made at once', async () => {
    const { calls, home } = homeThat(written);
    expect(await makeChange(home, { declared, proposal }, () => proposal, signal)).toBe(written);
    expect(calls).toEqual(['write']);
  });

  it('that somebody was faster than is made after another look', async () => {
    const { calls, home } = homeThat({ kind: 'moved' }, written);
    expect(await makeChange(home, { declared, proposal }, () => proposal, signal)).toBe(written);
    expect(calls).toEqual(['write', 'look', 'write']);
  });

  it('is not made where it would be another one than was agreed on', async () => {
    const { calls, home } = homeThat({ kind: 'moved' }, written);
    await expect(makeChange(home, { declared, proposal }, () => undefined, signal)).rejects.toMatchObject({
      code: 1,
      message: expect.stringMatching(/^somebody changed ml\/churn meanwhile.*nothing was written/),
    });
    expect(calls).toEqual(['write', 'look']);
  });

  it('is given up where others never rest', async () => {
    const { home } = homeThat();
    await expect(makeChange(home, { declared, proposal }, () => proposal, signal)).rejects.toMatchObject({
      code: 1,
      message: expect.stringContaining('nothing was written after 6 tries'),
    });
  }, 20_000);
});
