/** Which events are told. */
import { describe, expect, it } from 'vitest';
import { EventRules, type Told } from '../../../src/adapters/kube/event-rules.ts';

const told = (more: Partial<Told> = {}): Told => ({
  uid: 'a',
  type: 'Normal',
  reason: 'Promoted',
  action: 'Reconcile',
  note: 'moved',
  ...more,
});
const MINUTE = 60_000;

describe('Events', () => {
  it('that come again become a series, told at its second, fourth, eighth time', () => {
    const rules = new EventRules();
    const kinds = Array.from({ length: 9 }, (_, index) => rules.rule(told(), index * 1_000)).map((ruling) =>
      ruling.kind === 'count' ? ruling.count : ruling.kind,
    );
    expect(kinds).toEqual(['create', 2, 'drop', 4, 'drop', 'drop', 'drop', 8, 'drop']);
  });

  it('that go on and on are told of every half hour, for the server forgets them after one', () => {
    const rules = new EventRules();
    const rulings = Array.from({ length: 64 }, (_, index) => ({
      index,
      ruling: rules.rule(told(), index * 5.5 * MINUTE),
    }));
    const at = rulings.filter(({ ruling }) => ruling.kind !== 'drop').map(({ index }) => index * 5.5);
    expect(Math.max(...at.slice(1).map((time, index) => time - (at[index] ?? 0)))).toBeLessThan(60);
    expect(rulings.filter(({ ruling }) => ruling.kind === 'create')).toHaveLength(1);
  });

  it('that come again after a long silence are new', () => {
    const rules = new EventRules();
    rules.rule(told(), 0);
    expect(rules.rule(told(), 7 * MINUTE).kind).toBe('create');
  });

  it('that differ in words alone are told as one from the eleventh on', () => {
    const rules = new EventRules();
    const rulings = Array.from({ length: 12 }, (_, index) =>
      rules.rule(told({ note: `moved ${index}` }), index),
    );
    expect(rulings.slice(0, 10).every(({ kind }) => kind === 'create')).toBe(true);
    expect(rulings[10]).toMatchObject({ kind: 'create', note: '(combined from similar events): moved 10' });
    expect(rulings[11]).toMatchObject({ kind: 'count', count: 2 });
  });

  it('of an object that floods are dropped after 25, and one more is told every five minutes', () => {
    const rules = new EventRules();
    const flood = Array.from({ length: 40 }, (_, index) => rules.rule(told({ reason: `R${index}` }), 0));
    expect(flood.filter(({ kind }) => kind === 'create')).toHaveLength(25);
    expect(rules.rule(told({ reason: 'Later' }), 4 * MINUTE).kind).toBe('drop');
    expect(rules.rule(told({ reason: 'Later' }), 5 * MINUTE + 1).kind).toBe('create');
    expect(rules.rule(told({ uid: 'b' }), 0).kind).toBe('create');
  });
});
