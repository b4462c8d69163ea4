/** One write: what it expects, what it does, when it is done, how it reads. */
import { describe, expect, it } from 'vitest';
import {
  describeAction,
  expectationBroken,
  isDone,
  movement,
  simulate,
  type Action,
  type DeleteAlias,
  type SetAlias,
  type SetDescription,
  type SetTag,
  type Transition,
} from '../../../src/domain/action.ts';
import { aModel, type ModelSpec } from '../../support/builders.ts';

const common = { target: 'stage/Production', cause: 'Promotion' } as const;

const transition = (rest: Partial<Transition> = {}): Transition => ({
  ...common,
  kind: 'Transition',
  version: '4',
  to: 'Production',
  archiveExisting: true,
  expect: { from: 'Staging', holders: ['3'] },
  ...rest,
});
const archive: Transition = {
  ...transition({ version: '3', to: 'Archived', archiveExisting: false }),
  expect: { from: 'Production', holders: [] },
};
const setAlias = (from?: string): SetAlias => ({
  ...common,
  kind: 'SetAlias',
  target: 'alias/champion',
  alias: 'champion',
  version: '4',
  expect: { version: from },
});
const deleteAlias: DeleteAlias = {
  kind: 'DeleteAlias',
  target: 'alias/champion',
  cause: 'Release',
  alias: 'champion',
  expect: { version: '4' },
};
const setTag = (from?: string): SetTag => ({
  ...common,
  kind: 'SetTag',
  version: '4',
  key: 'change',
  value: 'CHG-1',
  expect: { value: from },
});
const setDescription = (from = ''): SetDescription => ({
  ...common,
  kind: 'SetDescription',
  version: '4',
  description: 'validated',
  expect: { description: from },
});

const before: ModelSpec = { versions: { 3: 'Production', 4: 'Staging' } };

interface Row {
  readonly action: Action;
  /** Models it may be sent to. */
  readonly fits: ModelSpec;
  readonly reads: string;
  /** Models it must not be sent to, with the reason. */
  readonly broken: readonly (readonly [ModelSpec, string])[];
  readonly moves: ReturnType<typeof movement>;
}

const rows: readonly Row[] = [
  {
    action: transition(),
    fits: before,
    reads: 'move version 4 from Staging to Production, archive 3',
    broken: [
      [{ versions: { 3: 'Production', 4: 'None' } }, 'version 4 was expected in Staging, and is in None'],
      [
        { versions: { 3: 'Production' } },
        'version 4 was expected in Staging, and is in no stage: it is gone',
      ],
      [
        { versions: { 3: 'Production', 4: 'Staging', 5: 'Production' } },
        'Production was expected to be held by 3, and is held by 5, 3',
      ],
      [
        { versions: { 3: 'Archived', 4: 'Staging' } },
        'Production was expected to be held by 3, and is held by nobody',
      ],
    ],
    moves: { from: '3', to: '4' },
  },
  {
    action: transition({ expect: { from: 'Staging', holders: [] } }),
    fits: { versions: { 4: 'Staging' } },
    reads: 'move version 4 from Staging to Production',
    broken: [[before, 'Production was expected to be held by nobody, and is held by 3']],
    moves: { from: undefined, to: '4' },
  },
  {
    action: transition({ archiveExisting: false }),
    fits: before,
    reads: 'move version 4 from Staging to Production',
    broken: [[{ versions: { 4: 'None' } }, 'version 4 was expected in Staging, and is in None']],
    moves: { from: '3', to: '4' },
  },
  {
    action: archive,
    fits: { versions: { 3: 'Production', 4: 'Production' } },
    reads: 'move version 3 from Production to Archived',
    broken: [
      [{ versions: { 3: 'Archived' } }, 'version 3 was expected in Production, and is in Archived'],
      [{}, 'version 3 was expected in Production, and is in no stage: it is gone'],
    ],
    moves: { from: '3', to: undefined },
  },
  {
    action: setAlias(),
    fits: before,
    reads: 'set @champion to version 4',
    broken: [[{ ...before, aliases: { champion: '3' } }, '@champion was expected to be absent, and is "3"']],
    moves: { from: undefined, to: '4' },
  },
  {
    action: setAlias('3'),
    fits: { ...before, aliases: { champion: '3' } },
    reads: 'move @champion from version 3 to 4',
    broken: [
      [before, '@champion was expected to be "3", and is absent'],
      [{ ...before, aliases: { champion: '5' } }, '@champion was expected to be "3", and is "5"'],
    ],
    moves: { from: '3', to: '4' },
  },
  {
    action: deleteAlias,
    fits: { ...before, aliases: { champion: '4' } },
    reads: 'remove @champion from version 4',
    broken: [[{ ...before, aliases: { champion: '3' } }, '@champion was expected to be "4", and is "3"']],
    moves: { from: '4', to: undefined },
  },
  {
    action: setTag(),
    fits: before,
    reads: 'tag version 4 with change="CHG-1"',
    broken: [
      [
        { versions: { 4: { tags: { change: 'other' } } } },
        'tag change of version 4 was expected to be absent, and is "other"',
      ],
    ],
    moves: undefined,
  },
  {
    action: setTag('old'),
    fits: { versions: { 4: { tags: { change: 'old' } } } },
    reads: 'change tag change of version 4 from "old" to "CHG-1"',
    broken: [[before, 'tag change of version 4 was expected to be "old", and is absent']],
    moves: undefined,
  },
  {
    action: setDescription(),
    fits: before,
    reads: 'describe version 4 as "validated"',
    broken: [
      [
        { versions: { 4: { description: 'theirs' } } },
        'the description of version 4 was expected to be "", and is "theirs"',
      ],
      [{}, 'the description of version 4 was expected to be "", and is absent'],
    ],
    moves: undefined,
  },
  {
    action: setDescription('old words'),
    fits: { versions: { 4: { description: 'old words' } } },
    reads: 'change the description of version 4 from "old words" to "validated"',
    broken: [],
    moves: undefined,
  },
];

describe.each(rows)('"$reads"', ({ action, fits, reads, broken, moves }) => {
  it('reads so', () => {
    expect(describeAction(action)).toBe(reads);
  });

  it('may be sent while all is as it expects, and is not done yet', () => {
    expect(expectationBroken(aModel(fits), action)).toBeUndefined();
    expect(isDone(aModel(fits), action)).toBe(false);
  });

  it('is done once simulated, and simulating it again changes nothing', () => {
    const after = simulate(aModel(fits), action);
    expect(isDone(after, action)).toBe(true);
    expect(simulate(after, action)).toEqual(after);
  });

  it('leaves the model it is simulated on as it was', () => {
    const model = aModel(fits);
    simulate(model, action);
    expect(model).toEqual(aModel(fits));
  });

  it.each(broken)('is not sent to %j', (model, why) => {
    expect(expectationBroken(aModel(model), action)).toBe(why);
  });

  it('tells what moved', () => {
    expect(movement(action)).toEqual(moves);
  });
});

describe('a transition', () => {
  it('that archives is not done while others hold the stage', () => {
    expect(isDone(aModel({ versions: { 3: 'Production', 4: 'Production' } }), transition())).toBe(false);
    expect(
      isDone(
        aModel({ versions: { 3: 'Production', 4: 'Production' } }),
        transition({ archiveExisting: false }),
      ),
    ).toBe(true);
  });

  it('may be sent whoever else holds the stage, if nobody is to be archived', () => {
    const model = aModel({ versions: { 4: 'Staging', 5: 'Production' } });
    expect(expectationBroken(model, transition({ archiveExisting: false }))).toBeUndefined();
  });

  it('archives all other holders, keeps their aliases, and touches no other stage', () => {
    const model = aModel({
      versions: { 1: 'Staging', 2: 'Production', 3: 'Production', 4: 'Staging' },
      aliases: { champion: '3' },
    });
    const after = simulate(model, transition());
    expect([...after.versions.values()].map(({ stage }) => stage)).toEqual([
      'Staging',
      'Archived',
      'Archived',
      'Production',
    ]);
    expect(after.aliases).toEqual(model.aliases);
  });
});

describe('a write to a version that is not there', () => {
  it.each([setTag(), setDescription()])('changes nothing when simulated: $kind', (action) => {
    expect(simulate(aModel(), action)).toEqual(aModel());
    expect(isDone(aModel(), action)).toBe(false);
  });
});

it('shortens what is long', () => {
  expect(describeAction({ ...setDescription(), description: 'x'.repeat(61) })).toBe(
    `describe version 4 as "${'x'.repeat(60)}…"`,
  );
});
