/** The marks we leave in the registry, and what they tell later. */
import { describe, expect, it } from 'vitest';
import { simulate, type Action } from '../../../src/domain/action.ts';
import type { TargetId } from '../../../src/domain/desired.ts';
import type { Model } from '../../../src/domain/observed.ts';
import { planPromotion } from '../../../src/domain/plan.ts';
import {
  confirmedByMarks,
  foreignOwner,
  marksFor,
  ownerTag,
  PROVENANCE_TAG,
  recordsFromMarks,
  standingRecords,
  unmarksFor,
  type Mark,
} from '../../../src/domain/provenance.ts';
import {
  aContext,
  aModel,
  aPromotion,
  aRecord,
  known,
  records,
  type PromotionSpec,
} from '../../support/builders.ts';

const owner = 'main/ml/churn';
const signature = { owner, revision: 'main@sha1:2', digest: 'sha256:d', at: '2026-03-01T12:00:00Z' };
const both: PromotionSpec = { stages: { Production: '4', Staging: '5' }, aliases: { champion: '4' } };

function actionsOf(spec: PromotionSpec, model: Model): readonly Action[] {
  const plan = planPromotion(aPromotion(spec), known(model), aContext());
  return plan.kind === 'Apply' ? plan.actions : [];
}

/** A mark of ours in all but this. */
function forged(lie: object): string {
  return JSON.stringify({ by: owner, targets: ['stage/Production'], ...signature, ...lie });
}

function targetsIn({ value }: Mark): string[] {
  return (JSON.parse(value) as { targets: string[] }).targets;
}

/** The model with all changes and their marks in it. */
function marked(model: Model, spec: PromotionSpec, at = signature.at): Model {
  const actions = actionsOf(spec, model);
  const after = actions.reduce(simulate, model);
  return marksFor(actions, model, { ...signature, at }).reduce((model, { version, key, value }): Model => {
    const found = version === undefined ? undefined : model.versions.get(version);
    if (found === undefined) return { ...model, tags: new Map(model.tags).set(key, value) };
    const tags = new Map(found.tags).set(key, value);
    return { ...model, versions: new Map(model.versions).set(found.version, { ...found, tags }) };
  }, after);
}

describe('the marks of an attempt', () => {
  const model = aModel({
    versions: { 3: 'Production', 4: 'Staging', 5: 'None' },
    aliases: { champion: '3' },
  });

  it('are one a version and one a target', () => {
    const marks = marksFor(actionsOf(both, model), model, signature);
    expect(marks.map(({ version, key }) => [version, key])).toEqual([
      ['4', PROVENANCE_TAG],
      ['5', PROVENANCE_TAG],
      [undefined, 'modelpromotion.dev/owner/stage/Production'],
      [undefined, 'modelpromotion.dev/owner/stage/Staging'],
      [undefined, 'modelpromotion.dev/owner/alias/champion'],
    ]);
  });

  it('say who, what, from which revision, by which plan and when', () => {
    const [mark] = marksFor(actionsOf({ stages: { Production: '4' } }, model), model, signature);
    expect(JSON.parse(mark?.value ?? '')).toEqual({
      by: owner,
      targets: ['stage/Production'],
      revision: 'main@sha1:2',
      digest: 'sha256:d',
      at: '2026-03-01T12:00:00Z',
    });
  });

  it('leave out owner tags that are there, and take over those of our own installation', () => {
    const tags = {
      [ownerTag('stage/Production')]: owner,
      [ownerTag('alias/champion')]: 'main/ml/former-name',
    };
    const marks = marksFor(
      actionsOf(both, model),
      { ...model, tags: new Map(Object.entries(tags)) },
      signature,
    );
    expect(marks.filter(({ version }) => version === undefined).map(({ key }) => key)).toEqual([
      ownerTag('stage/Staging'),
      ownerTag('alias/champion'),
    ]);
  });

  it('keep what an earlier mark says of the version, as far as it is still so', () => {
    const promoted = marked(model, { stages: { Production: '4' } });
    const [mark] = marksFor(actionsOf({ aliases: { champion: '4' } }, promoted), promoted, signature);
    expect(mark && targetsIn(mark)).toEqual(['stage/Production', 'alias/champion']);
  });

  it('forget the stage that the version leaves', () => {
    const staged = marked(aModel({ versions: { 4: 'None', 5: 'None' } }), { stages: { Staging: '4' } });
    const marks = marksFor(actionsOf(both, staged), staged, signature);
    expect(marks.slice(0, 2).map(targetsIn)).toEqual([
      ['stage/Production', 'alias/champion'],
      ['stage/Staging'],
    ]);
  });

  it('do not repeat what somebody else’s mark says', () => {
    const theirs = JSON.stringify({ by: 'main/ml/other', targets: ['alias/champion'], at: signature.at });
    const model = aModel({
      versions: { 4: { tags: { [PROVENANCE_TAG]: theirs } } },
      aliases: { champion: '4' },
    });
    const [mark] = marksFor(actionsOf({ stages: { Production: '4' } }, model), model, signature);
    expect(mark && targetsIn(mark)).toEqual(['stage/Production']);
  });

  it('claim a target with the first real change, be it a tag on a version found in place', () => {
    const found = aModel({ versions: { 3: 'Production' } });
    const spec: PromotionSpec = { stages: { Production: { version: '3', tags: { a: 'b' } } } };
    expect(marksFor(actionsOf(spec, found), found, signature)).toEqual([
      { version: undefined, key: ownerTag('stage/Production'), value: owner },
    ]);
  });

  it('are none when nothing was applied', () => {
    expect(marksFor([], model, signature)).toEqual([]);
  });
});

describe('records read from marks', () => {
  it('are those of the versions that were put in place', () => {
    const model = marked(aModel({ versions: { 3: 'Production', 4: 'None', 5: 'None' } }), both);
    expect(recordsFromMarks(model, owner)).toEqual(
      new Map([
        ['stage/Production', aRecord('4')],
        ['alias/champion', aRecord('4')],
        ['stage/Staging', aRecord('5')],
      ]),
    );
  });

  it('follow versions from stage to stage', () => {
    const staged = marked(aModel({ versions: { 4: 'None', 5: 'None' } }), { stages: { Staging: '4' } });
    const promoted = recordsFromMarks(marked(staged, both, '2026-03-02T12:00:00Z'), owner);
    expect(promoted.get('stage/Staging')?.version).toBe('5');
    expect(promoted.get('stage/Production')?.version).toBe('4');
  });

  it('are of the latest mark where several name a target', () => {
    const first = marked(aModel({ versions: { 3: 'None', 4: 'None' } }), { stages: { Production: '4' } });
    const back = marked(first, { stages: { Production: '3' } }, '2026-03-02T12:00:00Z');
    expect(recordsFromMarks(back, owner).get('stage/Production')?.version).toBe('3');
  });

  it.each([
    ['another owner', JSON.stringify({ by: 'x/y/z', targets: ['stage/Production'], at: 'now' })],
    ['no JSON', '{'],
    ['null', 'null'],
    ['a number', '7'],
    ['no targets', JSON.stringify({ by: owner, at: 'now' })],
    ['targets that are no list', JSON.stringify({ by: owner, targets: 'stage/Production', at: 'now' })],
    ['targets that are no names', JSON.stringify({ by: owner, targets: [7, null], at: 'now' })],
    ['no time', JSON.stringify({ by: owner, targets: ['stage/Production'] })],
    ['a time that there is not', forged({ at: '2026-99-99T99:99:99Z' })],
    ['a day that there is not', forged({ at: '2026-02-30T12:00:00Z' })],
    ['a revision that commands a terminal', forged({ revision: '\u001b[2J' })],
    ['a revision that turns text around', forged({ revision: 'main\u202e' })],
    ['a revision of several lines', forged({ revision: 'main\nReady' })],
    ['a revision that is a story', forged({ revision: 'x'.repeat(301) })],
    ['a digest that is none', forged({ digest: 'sha256:see https://evil.example' })],
    ['a target that commands a terminal', forged({ targets: ['stage/Production', '\u009b31m'] })],
  ])('ignore a tag with %s', (_, value) => {
    const model = aModel({ versions: { 3: { stage: 'Production', tags: { [PROVENANCE_TAG]: value } } } });
    expect(recordsFromMarks(model, owner)).toEqual(new Map());
    const [mark] = marksFor(actionsOf({ aliases: { champion: '3' } }, model), model, signature);
    expect(mark && targetsIn(mark)).toEqual(['alias/champion']);
  });
});

describe('owner tags', () => {
  const target = 'stage/Production';
  const ownedBy = (holder: string): Model => aModel({ tags: { [ownerTag(target)]: holder } });

  it('of another installation are foreign, those of our own or empty ones are not', () => {
    expect(foreignOwner(ownedBy('other/ml/churn'), target, owner, new Set())).toEqual({
      owner: 'other/ml/churn',
      tag: ownerTag(target),
    });
    expect(foreignOwner(ownedBy('mainly/ml/churn'), target, owner, new Set())?.owner).toBe('mainly/ml/churn');
    expect(foreignOwner(ownedBy('no-slash'), target, owner, new Set())?.owner).toBe('no-slash');
    expect(foreignOwner(ownedBy('main/ml/another'), target, owner, new Set())).toBeUndefined();
    expect(foreignOwner(ownedBy(''), target, owner, new Set())).toBeUndefined();
    expect(foreignOwner(aModel(), target, owner, new Set())).toBeUndefined();
  });

  it('of our own are foreign where they speak of a promotion at another address of the server', () => {
    const elsewhere = new Set(['main/ml/another']);
    expect(foreignOwner(ownedBy('main/ml/another'), target, owner, elsewhere)?.owner).toBe('main/ml/another');
    expect(foreignOwner(ownedBy('main/ml/third'), target, owner, elsewhere)).toBeUndefined();
    expect(foreignOwner(ownedBy(owner), target, owner, new Set([owner]))).toBeUndefined();
  });

  it('are taken off again when the promotion is removed, but only its own', () => {
    expect(unmarksFor([], ownedBy(owner), owner, new Map())).toEqual([
      { version: undefined, key: ownerTag(target), value: '' },
    ]);
    expect(unmarksFor([], ownedBy('main/ml/another'), owner, new Map())).toEqual([]);
  });

  it('stay on what is declared still, and go to whoever declares it now', () => {
    const heirs = new Map<TargetId, string>([[target, 'main/ml/heir']]);
    expect(unmarksFor([target], ownedBy(owner), owner, heirs)).toEqual([]);
    expect(unmarksFor(['alias/champion'], ownedBy(owner), owner, heirs)).toEqual([
      { version: undefined, key: ownerTag(target), value: 'main/ml/heir' },
    ]);
  });

  it('fit into MLflow however long the alias is, and no two aliases share one', () => {
    const aliases = ['y', 'z', '\u{1d400}'].map((end) => `${'x'.repeat(254)}${end}`);
    const tags = ['x'.repeat(255), ...aliases].map((alias) => ownerTag(`alias/${alias}`));
    for (const tag of tags) expect(Array.from(tag)).toHaveLength(250);
    expect(new Set(tags).size).toBe(tags.length);
    const astral = ownerTag(`alias/${'\u{1d400}'.repeat(255)}`);
    expect(Array.from(astral)).toHaveLength(250);
    expect(astral.isWellFormed()).toBe(true);
    expect(ownerTag(`alias/${'x'.repeat(219)}`)).toBe(`modelpromotion.dev/owner/alias/${'x'.repeat(219)}`);
  });
});

describe('records that only a status remembers', () => {
  const remembered = records({ 'stage/Production': '4', 'alias/champion': '4' });
  const confirmed = (model: Model): TargetId[] => [...confirmedByMarks(remembered, model, owner).keys()];
  const provenance = (by: string): Record<string, string> => ({
    [PROVENANCE_TAG]: JSON.stringify({ ...signature, by, targets: ['stage/Production'] }),
  });

  it('count where the owner tag of the target is ours', () => {
    expect(confirmed(aModel({ tags: { [ownerTag('alias/champion')]: owner } }))).toEqual(['alias/champion']);
  });

  it('count where the provenance tag of the version is ours', () => {
    expect(confirmed(aModel({ versions: { 4: { tags: provenance(owner) } } }))).toEqual(['stage/Production']);
  });

  it('do not count on the word of nobody, or of others', () => {
    expect(confirmed(aModel())).toEqual([]);
    const tags = { [ownerTag('alias/champion')]: 'main/ml/other' };
    expect(confirmed(aModel({ tags, versions: { 4: { tags: provenance('main/ml/other') } } }))).toEqual([]);
  });
});

describe('a record of ours', () => {
  const since = '2026-03-01T11:00:00Z';
  const remembered = records({ 'stage/Production': aRecord('3', { since }) });
  const mark = (at: string, rest: object = {}): Record<string, string> => ({
    [PROVENANCE_TAG]: JSON.stringify({ ...signature, by: owner, targets: ['stage/Production'], at, ...rest }),
  });
  const moved = (tags: Record<string, string>): Model =>
    aModel({ versions: { 3: 'Archived', 4: { stage: 'Production', tags } } });

  it.each<[string, Model, boolean]>([
    ['its version is in place', aModel({ versions: { 3: 'Production' } }), true],
    ['somebody else moved the target', moved({}), true],
    ['we ourselves moved the target later', moved(mark('2026-03-01T11:00:01Z')), false],
    ['we moved the target there before', moved(mark('2026-03-01T10:59:59Z')), true],
    ['another promotion moved it', moved(mark('2026-03-01T11:00:01Z', { by: 'main/ml/other' })), true],
    [
      'we moved another target there',
      moved(mark('2026-03-01T11:00:01Z', { targets: ['alias/champion'] })),
      true,
    ],
  ])('when %s', (_what, model, stands) => {
    expect(standingRecords(remembered, model, owner).has('stage/Production')).toBe(stands);
  });
});
