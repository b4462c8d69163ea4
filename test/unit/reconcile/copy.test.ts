/** Copying into a registry that loses answers, lags and is written to by others: never twice. */
import { describe, expect, it } from 'vitest';
import { COPY_ID_TAG, type NewVersion } from '../../../src/domain/copy.ts';
import type { Model } from '../../../src/domain/observed.ts';
import { copyVersion, type CopyTarget } from '../../../src/reconcile/copy.ts';
import { WriteError } from '../../../src/reconcile/ports.ts';
import { aModel, aVersion } from '../../support/builders.ts';
import { MemoryRegistry } from '../../support/memory-registry.ts';

type Fault = 'lost before' | 'lost after' | 'refused';

/** A registry in which models and versions can be made. */
class Target extends MemoryRegistry implements CopyTarget {
  readonly made: string[] = [];
  readonly faults: { model?: Fault; version?: Fault } = {};
  /** Somebody else copies the same at the same moment. */
  rival = false;
  /** The next readings after a version was made do not show it. */
  lag = 0;

  createModel(name: string): Promise<void> {
    return this.#carryOut('model', () => {
      this.made.push(`model ${name}`);
      this.change(aModel({ name }));
    }).then(() => undefined);
  }

  createVersion(version: NewVersion): Promise<string> {
    return this.#carryOut('version', () => {
      if (this.rival) this.#add(version);
      if (this.lag > 0) this.lagFor(this.lag, version.model);
      return this.#add(version);
    });
  }

  #add({ model: name, tags }: NewVersion): string {
    const model = this.get(name);
    const number = String(model.versions.size + 1);
    this.made.push(`version ${number}`);
    const version = aVersion(number, { tags: Object.fromEntries(tags) });
    this.change({ ...model, versions: new Map(model.versions).set(number, version) });
    return number;
  }

  async #carryOut<T>(what: keyof Target['faults'], work: () => T): Promise<T> {
    await Promise.resolve();
    const fault = this.faults[what];
    delete this.faults[what];
    if (fault === 'refused') throw new WriteError('AccessDenied', false, 'the registry answered 403');
    if (fault === 'lost before') throw new WriteError('RegistryUnavailable', true, 'no answer came');
    const result = work();
    if (fault === 'lost after') throw new WriteError('RegistryUnavailable', true, 'no answer came');
    return result;
  }
}

const wanted: NewVersion = {
  model: 'churn',
  source: 's3://bucket/7',
  description: '',
  tags: new Map([[COPY_ID_TAG, 'sha256:1']]),
  original: { model: 'churn', version: aVersion('7') },
};
const other = aModel({ versions: { 1: { tags: { [COPY_ID_TAG]: 'sha256:other' } } } });

const copied = (target: Target) =>
  copyVersion(
    target,
    wanted,
    { description: 'Churn', tags: new Map() },
    { fence: () => true, sleep: () => Promise.resolve() },
    new AbortController().signal,
  );
const copies = (model: Model) =>
  [...model.versions.values()].filter(({ tags }) => tags.get(COPY_ID_TAG) === 'sha256:1').length;

describe('a copy', () => {
  it('is a version more, and the model where it is missing', async () => {
    const target = new Target(other);
    expect(await copied(target)).toEqual({ kind: 'Copied', version: '2', madeModel: false, others: [] });
    const empty = new Target();
    expect(await copied(empty)).toEqual({ kind: 'Copied', version: '1', madeModel: true, others: [] });
    expect(empty.made).toEqual(['model churn', 'version 1']);
  });

  it('of what is in that very registry, called by another name, is the original', async () => {
    const target = new Target(aModel({ versions: { 7: 'Production' } }));
    expect(await copied(target)).toEqual({ kind: 'AlreadyThere', version: '7' });
  });

  it('is made once: the second command finds it', async () => {
    const target = new Target();
    await copied(target);
    expect(await copied(target)).toEqual({ kind: 'AlreadyThere', version: '1' });
    expect(copies(target.get())).toBe(1);
  });

  it.each<[string, Target['faults']]>([
    ['of the model', { model: 'lost after' }],
    ['of the version', { version: 'lost after' }],
    ['of both', { model: 'lost after', version: 'lost after' }],
  ])('is there although the answer %s was lost', async (_, faults) => {
    const target = new Target();
    Object.assign(target.faults, faults);
    expect(await copied(target)).toMatchObject({ kind: 'Copied', version: '1' });
    expect(copies(target.get())).toBe(1);
  });

  it('fails when the request was lost, and the next one makes it', async () => {
    const target = new Target(other);
    target.faults.version = 'lost before';
    expect(await copied(target)).toMatchObject({
      kind: 'Failed',
      obstacle: { reason: 'RegistryUnavailable', message: expect.stringContaining('run copy again') },
    });
    expect(await copied(target)).toMatchObject({ kind: 'Copied' });
    expect(copies(target.get())).toBe(1);
  });

  it('waits for a replica that lags', async () => {
    const target = new Target(other);
    target.lag = 3;
    target.faults.version = 'lost after';
    expect(await copied(target)).toMatchObject({ kind: 'Copied', version: '2' });
  });

  it('tells of another one that was made at the same moment', async () => {
    const target = new Target(other);
    target.rival = true;
    expect(await copied(target)).toMatchObject({ kind: 'Copied', version: '3', others: ['2'] });
  });

  it.each<[string, Target['faults'], string[]]>([
    ['the model', { model: 'refused' }, []],
    ['the version', { version: 'refused' }, ['model churn']],
  ])('fails when %s is refused', async (_, faults, made) => {
    const target = new Target();
    Object.assign(target.faults, faults);
    expect(await copied(target)).toMatchObject({ kind: 'Failed', obstacle: { reason: 'AccessDenied' } });
    expect(target.made).toEqual(made);
  });

  it('makes nothing where the other registry cannot be read, or has a prompt of that name', async () => {
    const down = new Target(other);
    down.down = true;
    expect(await copied(down)).toMatchObject({ obstacle: { reason: 'RegistryUnavailable' } });
    const prompt = new Target(aModel({ tags: { 'mlflow.prompt.is_prompt': 'true' } }));
    expect(await copied(prompt)).toMatchObject({ obstacle: { reason: 'IsPrompt' } });
    expect([...down.made, ...prompt.made]).toEqual([]);
  });
});
