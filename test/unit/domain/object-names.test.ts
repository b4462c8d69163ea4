/** Names of objects that are made from names of models. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectNames } from '../../../src/domain/object-names.ts';

const namesOf = (...models: readonly string[]) => objectNames(models.map((model) => ({ model, part: 1 })));

describe('the names of objects', () => {
  it.each([
    ['churn', 'churn'],
    ['customer_churn_classifier', 'customer-churn-classifier'],
    ['  Größe & Façade (v2)  ', 'gro-e-facade-v2'],
    ['_private_', 'private'],
    ['価格', 'model'],
    ['123', '123'],
    [`${'a'.repeat(62)}_b`, 'a'.repeat(62)],
    ['a'.repeat(70), 'a'.repeat(63)],
  ])('of model %j: %s', (model, name) => {
    expect(namesOf(model)).toEqual([name]);
  });

  it('keep apart what comes to one label; the model that is called so keeps it', () => {
    const [exact, capital, underscore] = namesOf('a-b', 'A-B', 'a_b');
    expect(exact).toBe('a-b');
    expect(capital).toMatch(/^a-b-[0-9a-f]{8}$/);
    expect(underscore).toMatch(/^a-b-[0-9a-f]{8}$/);
    expect(underscore).not.toBe(capital);
  });

  it('do not take what another model is called', () => {
    const [, taken = ''] = namesOf('x', 'X');
    expect(new Set(namesOf('x', 'X', taken)).size).toBe(3);
    expect(namesOf('x', 'X', taken)[2]).toBe(taken);
  });

  it('number the parts of a model', () => {
    const parts = [1, 2, 3].map((part) => ({ model: 'big', part }));
    expect(objectNames([...parts, { model: 'big-2', part: 1 }])).toEqual([
      'big',
      expect.stringMatching(/^big-2-[0-9a-f]{8}$/),
      'big-3',
      'big-2',
    ]);
  });

  it('are different DNS labels, whatever the models are called and in whatever order they come', () => {
    const model = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('a', 'A', 'ä', 'a_', '-a', '価', '格'),
    );
    fc.assert(
      fc.property(fc.uniqueArray(model, { maxLength: 40 }), (models) => {
        const names = namesOf(...models);
        expect(new Set(names).size).toBe(models.length);
        for (const name of names) expect(name).toMatch(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
        const backwards = namesOf(...models.toReversed()).toReversed();
        expect(backwards).toEqual(names);
      }),
    );
  });
});
