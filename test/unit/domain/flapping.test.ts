/** When a fight begins, how it is fought, and what ends it. */
import { describe, expect, it } from 'vitest';
import type { TargetStatus } from '../../../src/api/generated/types.ts';
import { simulate, type Action } from '../../../src/domain/action.ts';
import type { Promotion } from '../../../src/domain/desired.ts';
import { fightsOf, repairsAfter, repairsOf, REST, ROUNDS } from '../../../src/domain/flapping.ts';
import type { Model } from '../../../src/domain/observed.ts';
import { planPromotion } from '../../../src/domain/plan.ts';
import { summarise, type Outcome } from '../../../src/domain/outcome.ts';
import { recordsOf } from '../../../src/domain/status.ts';
import {
  aContext,
  aModel,
  aPromotion,
  known,
  MINUTE,
  NOW,
  type PromotionSpec,
} from '../../support/builders.ts';

const spec: PromotionSpec = {
  stages: { Production: { version: '3', tags: { ticket: 'T-3' }, description: 'Chosen' } },
  aliases: { champion: '3', challenger: { versionFrom: { alias: 'theirs' } } },
};
const promotion = aPromotion(spec);
const inPlace = aModel({
  versions: { 2: 'None', 3: { stage: 'Production', tags: { ticket: 'T-3' }, description: 'Chosen' } },
  aliases: { champion: '3', challenger: '2', theirs: '2' },
});

/** One promotion that lives through what others do, minute by minute; it applies as the engine does. */
class Life {
  now = NOW;
  model: Model = inPlace;
  last: Outcome = this.#summarise(promotion, [], []);
  written: string[] = [];

  /** Somebody makes a change, and a pass follows. */
  undo(change: (model: Model) => Model, { after = MINUTE, by = promotion, again = false } = {}): void {
    this.now += after;
    this.model = change(this.model);
    const repairs = repairsOf(this.last.status, by);
    const plan = planPromotion(by, known(this.model), this.#context(fightsOf(repairs, this.now)));
    const applied: readonly Action[] = plan.kind === 'Apply' ? plan.actions : [];
    this.model = applied.reduce(simulate, this.model);
    // Undone before it could be read back.
    const undone = again ? applied : [];
    if (again) this.model = change(this.model);
    this.written = applied.map((action) => action.kind);
    this.last = this.#summarise(by, applied, undone);
  }

  get ready(): string {
    const { status, reason } = this.last.status.conditions?.find(({ type }) => type === 'Ready') ?? {};
    return `${status}/${reason}`;
  }

  #context(fights: ReturnType<typeof fightsOf>) {
    const records = recordsOf(this.last?.status);
    return aContext({ records, fights });
  }

  #summarise(by: Promotion, applied: readonly Action[], undone: readonly Action[]): Outcome {
    const attempt = applied.length === 0 ? undefined : { applied, undone, digest: 'd', failure: undefined };
    const previous = this.last?.status;
    const repairs = repairsAfter(repairsOf(previous, by), attempt ?? { applied }, this.now);
    const plan = planPromotion(by, known(this.model), this.#context(fightsOf(repairs, this.now)));
    const finding = { kind: 'Planned', plan, attempt } as const;
    const { owner } = aContext();
    const pass = { promotion: by, previous, finding, attempted: by.revision, owner, author: undefined };
    return summarise({ ...pass, now: this.now });
  }
}

const moveAlias = (model: Model): Model => ({
  ...model,
  aliases: new Map(model.aliases).set('champion', '2'),
});
const ofThree = (change: object) => (model: Model) => {
  const three = model.versions.get('3');
  return three === undefined
    ? model
    : { ...model, versions: new Map(model.versions).set('3', { ...three, ...change }) };
};
const takeOut = ofThree({ stage: 'Archived' });
const tag = ofThree({ tags: new Map([['ticket', 'theirs']]) });
const describeAnew = ofThree({ description: 'theirs' });
const nothing = (model: Model): Model => model;

function fighting(): Life {
  const life = new Life();
  for (let round = 0; round <= ROUNDS; round += 1) life.undo(moveAlias);
  return life;
}

describe('what is undone again and again', () => {
  it.each<[string, (model: Model) => Model]>([
    ['an alias', moveAlias],
    ['a stage', takeOut],
    ['a tag', tag],
    ['a description', describeAnew],
  ])(`is put back ${ROUNDS} times at once, and then rests: %s`, (_what, change) => {
    const life = new Life();
    for (let round = 0; round < ROUNDS; round += 1) {
      life.undo(change);
      expect([life.written.length, life.ready]).toEqual([1, 'True/UpToDate']);
    }
    life.undo(change);
    expect([life.written.length, life.ready]).toEqual([0, 'False/Flapping']);
    expect(life.last.events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(['Warning Flapping']);
  });

  it('is told once, however long it goes on, and put back once in half an hour', () => {
    const life = fighting();
    const events: string[] = [];
    let writes = 0;
    for (let minute = 0; minute < 6 * 60; minute += 1) {
      life.undo(moveAlias);
      expect(life.ready).toBe('False/Flapping');
      events.push(...life.last.events.map(({ reason }) => reason));
      writes += life.written.length;
    }
    expect(writes).toBe(12);
    expect(new Set(events)).toEqual(new Set(['DriftReverted']));
  });

  it('counts also where it never stands long enough to be read back', () => {
    const life = new Life();
    life.undo(nothing, { by: aPromotion({ aliases: { champion: '2' } }, { generation: 2 }) });
    const wish = aPromotion({ aliases: { champion: '3' } }, { generation: 3 });
    let writes = 0;
    for (let round = 0; round < 20; round += 1) {
      life.undo(moveAlias, { by: wish, again: true });
      writes += life.written.length;
    }
    expect([writes, life.ready]).toEqual([ROUNDS + 1, 'False/Flapping']);
  });

  it('does not keep anything else from being put back', () => {
    const life = new Life();
    for (let round = 0; round <= ROUNDS; round += 1) life.undo(tag);
    expect(life.ready).toBe('False/Flapping');
    life.undo((model) => tag(takeOut(moveAlias(model))));
    expect(life.written).toEqual(['Transition', 'SetAlias']);
  });

  it('is no fight when it happens rarely', () => {
    const life = new Life();
    for (let day = 0; day < 20; day += 1) {
      life.undo(moveAlias, { after: 2 * REST });
      expect([life.written.length, life.ready]).toEqual([1, 'True/UpToDate']);
    }
  });

  it('is no fight when somebody moves what a target follows', () => {
    const life = new Life();
    for (let round = 0; round < 20; round += 1) {
      const version = round % 2 === 0 ? '3' : '2';
      life.undo((model) => ({ ...model, aliases: new Map(model.aliases).set('theirs', version) }));
      expect([life.written, life.ready]).toEqual([['SetAlias'], 'True/UpToDate']);
    }
  });
});

describe('a fight ends', () => {
  it('when the other puts back what is declared', () => {
    const life = fighting();
    life.undo((model) => ({ ...model, aliases: new Map(model.aliases).set('champion', '3') }));
    expect(life.ready).toBe('True/UpToDate');
  });

  it('when what was put back after the rest has stood for half an hour', () => {
    const life = fighting();
    life.undo(nothing, { after: REST });
    expect([life.written.length, life.ready]).toEqual([1, 'False/Flapping']);
    life.undo(nothing, { after: REST - MINUTE });
    expect(life.ready).toBe('False/Flapping');
    life.undo(nothing);
    expect(life.ready).toBe('True/UpToDate');
  });

  it.each<[string, Promotion]>([
    ['the document changes', aPromotion(spec, { generation: 2 })],
    ['a person asks for a look', aPromotion(spec, { reconcileAt: '2026-03-01' })],
  ])('when %s: it is put back at once, and counted anew', (_what, by) => {
    const life = fighting();
    life.undo(nothing, { by });
    expect([life.written.length, life.ready]).toEqual([1, 'True/UpToDate']);
    for (let round = 1; round < ROUNDS; round += 1) life.undo(moveAlias, { by });
    expect(life.ready).toBe('True/UpToDate');
    life.undo(moveAlias, { by });
    expect(life.ready).toBe('False/Flapping');
  });

  it('when the clock was set far back or forth, at worst', () => {
    for (const after of [-24 * 60 * MINUTE, 24 * 60 * MINUTE]) {
      const life = fighting();
      life.undo(nothing, { after });
      expect([life.written.length, life.ready]).toEqual([1, 'True/UpToDate']);
    }
  });
});

describe('what is remembered of repairs', () => {
  it('is no more than a status may hold, the newest first', () => {
    const life = fighting();
    life.undo(tag);
    const repairs = life.last.status.targets?.flatMap(({ target, repairs = [] }: TargetStatus) =>
      repairs.map(({ what, count }) => `${target} ${what} ${count}`),
    );
    expect(repairs).toEqual(['stage/Production tag ticket 1', `alias/champion holder ${ROUNDS}`]);
  });

  it('is no obstacle when a stranger wrote it', () => {
    const status = {
      observedGeneration: 1,
      targets: [{ target: 'alias/champion', repairs: [{ what: 'holder', count: 99, last: 'yesterday' }] }],
    };
    expect(fightsOf(repairsOf(status, promotion), NOW).get('alias/champion')?.resting.size).toBe(0);
  });
});
