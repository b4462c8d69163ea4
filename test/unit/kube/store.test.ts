/** What a store tells of the objects that come and go. */
import { describe, expect, it } from 'vitest';
import { isOlder, Store } from '../../../src/adapters/kube/store.ts';

function openStore(): { store: Store<string>; told: string[] } {
  const store = new Store<string>();
  const told: string[] = [];
  store.onChange((key, before, after) => told.push(`${key}: ${before ?? '-'} → ${after ?? '-'}`));
  return { store, told };
}

const item = (uid: string, resourceVersion: string, value: string) => ({ uid, resourceVersion, value });

describe('A store', () => {
  it('tells of an object that comes, changes and goes', () => {
    const { store, told } = openStore();
    store.set('ml/a', item('1', '10', 'one'));
    store.set('ml/a', item('1', '11', 'two'));
    store.delete('ml/a');
    store.delete('ml/a');
    expect(told).toEqual(['ml/a: - → one', 'ml/a: one → two', 'ml/a: two → -']);
  });

  it('tells of an object that was made again under its name as two', () => {
    const { store, told } = openStore();
    store.set('ml/a', item('1', '10', 'one'));
    store.set('ml/a', item('2', '20', 'another'));
    expect(told.slice(1)).toEqual(['ml/a: one → -', 'ml/a: - → another']);
  });

  it('leaves out what is older than what it knows', () => {
    const { store, told } = openStore();
    store.set('ml/a', item('1', '100', 'new'));
    store.set('ml/a', item('1', '99', 'old'));
    expect([store.get('ml/a'), told.length]).toEqual(['new', 1]);
  });

  it('believes a whole list that is older than what it knows: the data of the server was restored', () => {
    const { store } = openStore();
    store.replace(new Map([['ml/a', item('1', '1000', 'new')]]));
    store.replace(new Map([['ml/a', item('1', '850', 'restored')]]));
    expect(store.get('ml/a')).toBe('restored');
  });

  it('that is filled anew tells only of what differs, and of what is gone', () => {
    const { store, told } = openStore();
    expect(store.synced).toBe(false);
    store.replace(
      new Map([
        ['ml/a', item('1', '10', 'a')],
        ['ml/b', item('2', '10', 'b')],
        ['ml/c', item('3', '10', 'c')],
      ]),
    );
    told.length = 0;
    store.replace(
      new Map([
        ['ml/a', item('1', '10', 'a')],
        ['ml/b', item('9', '30', 'other b')],
      ]),
    );
    expect(told).toEqual(['ml/c: c → -', 'ml/b: b → -', 'ml/b: - → other b']);
    expect([store.synced, store.size]).toEqual([true, 2]);
  });
});

it.each([
  ['9', '10', true],
  ['10', '9', false],
  ['10', '10', false],
  ['99999999999999999998', '99999999999999999999', true],
])('Resource version %s is older than %s: %s', (a, b, expected) => {
  expect(isOlder(a, b)).toBe(expected);
});
