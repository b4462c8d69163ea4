/** What a pass makes of each target, row by row. */
import { describe, expect, it } from 'vitest';
import { describeAction, simulate } from '../../../src/domain/action.ts';
import type { Promotion } from '../../../src/domain/desired.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import { planPromotion, type Context, type Plan } from '../../../src/domain/plan.ts';
import {
  aContext,
  aModel,
  aPromotion,
  aRecord,
  aVersion,
  known,
  records,
  unavailable,
  type ModelSpec,
  type PromotionSpec,
} from '../../support/builders.ts';

function planOf(promotion: Promotion, model: Model, context: Partial<Context> = {}): Plan {
  return planPromotion(promotion, known(model), aContext(context));
}

/** What the plan does, a line an action; repairs of drift are marked. */
function steps(plan: Plan): string[] {
  if (plan.kind !== 'Apply') return [];
  return plan.actions.map(
    (action) => `${action.cause === 'Drift' ? 'repair: ' : ''}${describeAction(action)}`,
  );
}

/** Each target's state and reason, such as `Production Blocked/VersionNotFound`. */
function states(plan: Plan): string[] {
  if (plan.kind === 'Suspended') return [];
  return plan.decisions.map(({ target, state, reason }) => `${target} ${state}/${reason}`);
}

function obstacleOf(plan: Plan): string | undefined {
  if (plan.kind !== 'Apply' && plan.kind !== 'Blocked') return undefined;
  return plan.obstacle && `${plan.obstacle.reason}: ${plan.obstacle.message}`;
}

const archiveNobody = { archiveExisting: false } as const;

interface Row {
  readonly title: string;
  readonly wish: PromotionSpec;
  readonly model: ModelSpec;
  readonly records?: Context['records'];
  readonly does: readonly string[];
}

describe('a pass that finds everything as declared', () => {
  it.each<Row>([
    {
      title: 'does nothing when the candidate alone holds the stage',
      wish: { stages: { Production: '3' } },
      model: { versions: { 3: 'Production' } },
      does: [],
    },
    {
      title: 'tolerates other holders when nothing is to be archived',
      wish: { stages: { Production: { version: '3', ...archiveNobody } } },
      model: { versions: { 2: 'Production', 3: 'Production', 5: 'Production' } },
      does: [],
    },
    {
      title: 'does nothing when the alias points at the candidate',
      wish: { aliases: { champion: '3' } },
      model: { versions: { 3: 'None' }, aliases: { champion: '3' } },
      does: [],
    },
    {
      title: 'leaves foreign aliases, tags and stages alone',
      wish: { stages: { Production: { version: '3', tags: { ours: 'yes' } } } },
      model: {
        versions: { 2: 'Staging', 3: { stage: 'Production', tags: { ours: 'yes', theirs: 'too' } } },
        aliases: { theirs: '2' },
      },
      does: [],
    },
  ])('$title', ({ wish, model, does }) => {
    const plan = planOf(aPromotion(wish), aModel(model));
    expect(plan.kind).toBe('UpToDate');
    expect(steps(plan)).toEqual(does);
  });
});

describe('a candidate that is not there yet', () => {
  it.each<Row>([
    {
      title: 'takes an empty stage',
      wish: { stages: { Staging: '1' } },
      model: { versions: { 1: 'None' } },
      does: ['move version 1 from None to Staging'],
    },
    {
      title: 'takes a stage and archives its holder in one action',
      wish: { stages: { Production: '4' } },
      model: { versions: { 3: 'Production', 4: 'Staging' } },
      does: ['move version 4 from Staging to Production, archive 3'],
    },
    {
      title: 'archives several holders in that one action',
      wish: { stages: { Production: '4' } },
      model: { versions: { 2: 'Production', 3: 'Production', 4: 'None' } },
      does: ['move version 4 from None to Production, archive 3, 2'],
    },
    {
      title: 'joins the holder when nothing is to be archived',
      wish: { stages: { Production: { version: '4', ...archiveNobody } } },
      model: { versions: { 3: 'Production', 4: 'None' } },
      does: ['move version 4 from None to Production'],
    },
    {
      title: 'comes back from the archive, as on a rollback',
      wish: { stages: { Production: '3' } },
      model: { versions: { 3: 'Archived', 4: 'Production' } },
      does: ['move version 3 from Archived to Production, archive 4'],
    },
    {
      title: 'gets a new alias',
      wish: { aliases: { champion: '3' } },
      model: { versions: { 3: 'None' } },
      does: ['set @champion to version 3'],
    },
    {
      title: 'gets an alias that another version had',
      wish: { aliases: { champion: '4' } },
      model: { versions: { 3: 'None', 4: 'None' }, aliases: { champion: '3' } },
      does: ['move @champion from version 3 to 4'],
    },
    {
      title: 'gets an alias that dangles',
      wish: { aliases: { champion: '4' } },
      model: { versions: { 4: 'None' }, aliases: { champion: '3' } },
      does: ['move @champion from version 3 to 4'],
    },
    {
      title: 'is moved first, then tagged and described',
      wish: { stages: { Production: { version: '4', description: 'validated', tags: { change: 'CHG-1' } } } },
      model: { versions: { 4: 'None' } },
      does: [
        'move version 4 from None to Production',
        'tag version 4 with change="CHG-1"',
        'describe version 4 as "validated"',
      ],
    },
    {
      title: 'keeps tags that already are as declared',
      wish: { stages: { Production: { version: '4', tags: { change: 'CHG-1', risk: 'low' } } } },
      model: { versions: { 4: { stage: 'None', tags: { change: 'CHG-1', risk: 'high' } } } },
      does: ['move version 4 from None to Production', 'change tag risk of version 4 from "high" to "low"'],
    },
    {
      title: 'in place already is still tagged and described',
      wish: { stages: { Production: { version: '4', description: 'new words', tags: { a: 'b' } } } },
      model: { versions: { 4: { stage: 'Production', description: 'old words' } } },
      does: [
        'tag version 4 with a="b"',
        'change the description of version 4 from "old words" to "new words"',
      ],
    },
    {
      title: 'has its description removed when an empty one is declared',
      wish: { stages: { Production: { version: '4', description: '' } } },
      model: { versions: { 4: { stage: 'Production', description: 'old words' } } },
      does: ['change the description of version 4 from "old words" to ""'],
    },
    {
      title: 'is a promotion even where we remember another version there',
      wish: { stages: { Production: '4' } },
      model: { versions: { 3: 'Production', 4: 'None' } },
      records: records({ 'stage/Production': '3' }),
      does: ['move version 4 from None to Production, archive 3'],
    },
  ])('$title', ({ wish, model, records = new Map(), does }) => {
    const plan = planOf(aPromotion(wish), aModel(model), { records });
    expect(steps(plan)).toEqual(does);
    expect(obstacleOf(plan)).toBeUndefined();
  });
});

describe('two targets of one promotion', () => {
  it.each<Row>([
    {
      title: 'settle Production before Staging before aliases, whatever the order in the manifest',
      wish: { aliases: { champion: '4' }, stages: { Staging: '5', Production: '4' } },
      model: { versions: { 3: 'Production', 4: 'Staging', 5: 'None' }, aliases: { champion: '3' } },
      does: [
        'move version 4 from Staging to Production, archive 3',
        'move version 5 from None to Staging',
        'move @champion from version 3 to 4',
      ],
    },
    {
      title: 'swap their versions, the second as the first leaves it',
      wish: { stages: { Staging: '3', Production: '4' } },
      model: { versions: { 3: 'Production', 4: 'Staging' } },
      does: [
        'move version 4 from Staging to Production, archive 3',
        'move version 3 from Archived to Staging',
      ],
    },
    {
      title: 'swap their versions without archiving',
      wish: {
        stages: {
          Staging: { version: '3', ...archiveNobody },
          Production: { version: '4', ...archiveNobody },
        },
      },
      model: { versions: { 3: 'Production', 4: 'Staging' } },
      does: ['move version 4 from Staging to Production', 'move version 3 from Production to Staging'],
    },
    {
      title: 'count one version in both as moved, not as archived',
      wish: { stages: { Staging: '2', Production: '3' } },
      model: { versions: { 2: 'Archived', 3: 'Staging' } },
      does: ['move version 3 from Staging to Production', 'move version 2 from Archived to Staging'],
    },
  ])('$title', ({ wish, model, does }) => {
    const before = aModel(model);
    const plan = planOf(aPromotion(wish), before);
    expect(steps(plan)).toEqual(does);
    if (plan.kind !== 'Apply') return;
    const after = plan.actions.reduce(simulate, before);
    expect(planOf(aPromotion(wish), after).kind).toBe('UpToDate');
  });
});

describe('more than one holder of a stage', () => {
  const wish: PromotionSpec = { stages: { Production: '4' } };

  it('is healed by archiving all but the candidate', () => {
    const plan = planOf(
      aPromotion(wish),
      aModel({ versions: { 2: 'Production', 4: 'Production', 5: 'Production' } }),
    );
    expect(steps(plan)).toEqual([
      'move version 5 from Production to Archived',
      'move version 2 from Production to Archived',
    ]);
  });

  it('is drift where we remember the candidate alone', () => {
    const model = aModel({ versions: { 2: 'Production', 4: 'Production' } });
    const plan = planOf(aPromotion(wish), model, { records: records({ 'stage/Production': '4' }) });
    expect(steps(plan)).toEqual(['repair: move version 2 from Production to Archived']);
  });

  it('shows the candidate as the incumbent when others may hold the stage too', () => {
    const shared = aPromotion({ stages: { Production: { version: '4', ...archiveNobody } } });
    const plan = planOf(shared, aModel({ versions: { 4: 'Production', 5: 'Production' } }));
    expect(plan).toMatchObject({ kind: 'UpToDate', decisions: [{ incumbent: { version: '4' } }] });
  });
});

describe('drift', () => {
  const wish: PromotionSpec = {
    stages: { Production: { version: '3', description: 'validated', tags: { change: 'CHG-1' } } },
    aliases: { champion: '3' },
  };
  const declared = { stage: 'Production', description: 'validated', tags: { change: 'CHG-1' } } as const;
  const remembered = records({
    'stage/Production': aRecord('3', { description: 'validated', tags: new Map([['change', 'CHG-1']]) }),
    'alias/champion': '3',
  });

  const rows: readonly { what: string; model: ModelSpec; repairs: readonly string[] }[] = [
    {
      what: 'another version in the stage',
      model: {
        versions: { 3: { ...declared, stage: 'Archived' }, 5: 'Production' },
        aliases: { champion: '3' },
      },
      repairs: ['repair: move version 3 from Archived to Production, archive 5'],
    },
    {
      what: 'an emptied stage',
      model: { versions: { 3: { ...declared, stage: 'None' } }, aliases: { champion: '3' } },
      repairs: ['repair: move version 3 from None to Production'],
    },
    {
      what: 'a second holder',
      model: { versions: { 3: declared, 5: 'Production' }, aliases: { champion: '3' } },
      repairs: ['repair: move version 5 from Production to Archived'],
    },
    {
      what: 'a moved alias',
      model: { versions: { 3: declared, 5: 'None' }, aliases: { champion: '5' } },
      repairs: ['repair: move @champion from version 5 to 3'],
    },
    {
      what: 'a deleted alias',
      model: { versions: { 3: declared } },
      repairs: ['repair: set @champion to version 3'],
    },
    {
      what: 'a changed tag',
      model: { versions: { 3: { ...declared, tags: { change: 'none' } } }, aliases: { champion: '3' } },
      repairs: ['repair: change tag change of version 3 from "none" to "CHG-1"'],
    },
    {
      what: 'a removed tag',
      model: { versions: { 3: { ...declared, tags: {} } }, aliases: { champion: '3' } },
      repairs: ['repair: tag version 3 with change="CHG-1"'],
    },
    {
      what: 'a changed description',
      model: { versions: { 3: { ...declared, description: 'mine' } }, aliases: { champion: '3' } },
      repairs: ['repair: change the description of version 3 from "mine" to "validated"'],
    },
  ];

  it.each(rows)('is put back: $what', ({ model, repairs }) => {
    const plan = planOf(aPromotion(wish), aModel(model), { records: remembered });
    expect(steps(plan)).toEqual(repairs);
  });

  it.each(rows)('is only reported where the spec says so: $what', ({ model }) => {
    const plan = planOf(aPromotion({ ...wish, drift: 'Report' }), aModel(model), { records: remembered });
    expect(plan.kind).toBe('UpToDate');
    expect(states(plan).filter((state) => state.includes('Drifted/DriftReported'))).toHaveLength(1);
  });

  it('that is only reported does not hold up a wish that is new', () => {
    const wider = aPromotion({ drift: 'Report', stages: { Production: { version: '3', tags: { a: 'b' } } } });
    const plan = planOf(wider, aModel({ versions: { 3: 'Archived', 5: 'Production' } }), {
      records: records({ 'stage/Production': '3' }),
    });
    expect(steps(plan)).toEqual(['tag version 3 with a="b"']);
  });

  it('that is only reported leaves a follower of that target where it is, and is no obstacle', () => {
    const following = aPromotion({
      drift: 'Report',
      stages: { Staging: '3' },
      aliases: { challenger: { versionFrom: { stage: 'Staging' } } },
    });
    const model = aModel({ versions: { 3: 'Archived', 5: 'Staging' }, aliases: { challenger: '3' } });
    const plan = planOf(following, model, {
      records: records({ 'stage/Staging': '3', 'alias/challenger': '3' }),
    });
    expect(plan.kind).toBe('UpToDate');
    expect(states(plan)).toEqual([
      'stage/Staging Drifted/DriftReported',
      'alias/challenger Waiting/DriftReported',
    ]);
  });

  it('is not what it is called where a description or tag was never in place', () => {
    const plan = planOf(
      aPromotion(wish),
      aModel({ versions: { 3: 'Production' }, aliases: { champion: '3' } }),
      {
        records: records({ 'stage/Production': '3', 'alias/champion': '3' }),
      },
    );
    expect(steps(plan)).toEqual(['tag version 3 with change="CHG-1"', 'describe version 3 as "validated"']);
  });

  it.each([
    ['creation time', { creationTimestamp: 1 }],
    ['source', { source: 'models:/another' }],
    ['run', { runId: 'another' }],
  ])(
    'is a promotion again when a version of that number has another %s: the model was made again',
    (_, other) => {
      const promotion = aPromotion({
        stages: { Production: '3' },
        aliases: { champion: '3' },
        drift: 'Report',
      });
      const stranger = aRecord(aVersion('3', other));
      const plan = planOf(promotion, aModel({ versions: { 3: 'None' } }), {
        records: records({ 'stage/Production': stranger, 'alias/champion': stranger }),
      });
      expect(steps(plan)).toEqual(['move version 3 from None to Production', 'set @champion to version 3']);
    },
  );
});

describe('a selector', () => {
  const follower = { aliases: { challenger: { versionFrom: { stage: 'Staging' } } } } as const;

  it('waits until the target of the same promotion that it follows is up to date', () => {
    const promotion = aPromotion({ ...follower, stages: { Staging: '4' } });
    const before = aModel({ versions: { 3: 'Staging', 4: 'None' }, aliases: { challenger: '3' } });
    const plan = planOf(promotion, before);
    expect(steps(plan)).toEqual(['move version 4 from None to Staging, archive 3']);
    expect(states(plan)).toEqual([
      'stage/Staging Pending/Progressing',
      'alias/challenger Waiting/WaitingForSource',
    ]);
    expect(obstacleOf(plan)).toBe(
      'WaitingForSource: @challenger follows Staging, which is not up to date yet',
    );
    const next = planOf(
      promotion,
      aModel({ versions: { 3: 'Archived', 4: 'Staging' }, aliases: { challenger: '3' } }),
    );
    expect(steps(next)).toEqual(['move @challenger from version 3 to 4']);
  });

  it('follows what somebody else put into a stage', () => {
    const plan = planOf(aPromotion(follower), aModel({ versions: { 3: 'Staging' } }));
    expect(steps(plan)).toEqual(['set @challenger to version 3']);
  });

  it('follows the version that its source declares, whoever shares the stage', () => {
    const shared: PromotionSpec = {
      stages: { Production: { version: '3', ...archiveNobody } },
      aliases: { champion: { versionFrom: { stage: 'Production' } } },
    };
    const model = aModel({ versions: { 3: 'Production', 4: 'Production' } });
    expect(steps(planOf(aPromotion(shared), model))).toEqual(['set @champion to version 3']);
  });

  it('follows the highest number of several holders', () => {
    const plan = planOf(
      aPromotion(follower),
      aModel({ versions: { 9: 'Staging', 10: 'Staging', 11: 'None' } }),
    );
    expect(steps(plan)).toEqual(['set @challenger to version 10']);
  });

  it('fills a stage from an alias', () => {
    const promotion = aPromotion({ stages: { Production: { versionFrom: { alias: 'chosen' } } } });
    const plan = planOf(
      promotion,
      aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { chosen: '4' } }),
    );
    expect(steps(plan)).toEqual(['move version 4 from None to Production, archive 3']);
  });

  it('follows through a chain of targets, one after the other', () => {
    const promotion = aPromotion({
      aliases: { b: { versionFrom: { alias: 'a' } }, a: { versionFrom: { stage: 'Production' } } },
      stages: { Production: '2' },
    });
    const model = aModel({ versions: { 2: 'Production' } });
    expect(steps(planOf(promotion, model))).toEqual(['set @a to version 2']);
    const next = aModel({ versions: { 2: 'Production' }, aliases: { a: '2' } });
    expect(steps(planOf(promotion, next))).toEqual(['set @b to version 2']);
  });

  it('that finds nothing keeps the incumbent and says so', () => {
    const plan = planOf(
      aPromotion(follower),
      aModel({ versions: { 3: 'None' }, aliases: { challenger: '3' } }),
    );
    expect(plan.kind).toBe('UpToDate');
    expect(plan).toMatchObject({
      decisions: [{ reason: 'NoCandidate', message: '@challenger keeps version 3: nothing holds Staging' }],
    });
  });

  it('that finds nothing for a target that nobody holds waits', () => {
    const plan = planOf(aPromotion(follower), aModel({ versions: { 3: 'None' } }));
    expect(obstacleOf(plan)).toBe('NoCandidate: @challenger: nothing holds Staging');
  });

  it('finds nothing behind a dangling alias', () => {
    const promotion = aPromotion({ stages: { Production: { versionFrom: { alias: 'gone' } } } });
    const plan = planOf(promotion, aModel({ versions: { 3: 'Production' }, aliases: { gone: '7' } }));
    expect(plan.kind).toBe('UpToDate');
    expect(states(plan)).toEqual(['stage/Production UpToDate/NoCandidate']);
  });
});

it('says whom a target is taken over from', () => {
  const tags = { 'modelpromotion.dev/owner/stage/Production': 'main/ml/other' };
  const model = aModel({ versions: { 3: 'Production', 4: 'None' }, tags });
  const plan = planOf(aPromotion({ stages: { Production: '4' } }), model);
  expect(plan).toMatchObject({
    kind: 'Apply',
    decisions: [{ evidence: ["taken over from main/ml/other, by the model's tag"] }],
  });
});

describe('a candidate that cannot be promoted', () => {
  const rows: readonly [string, ModelSpec, string][] = [
    [
      'does not exist',
      { versions: { 3: 'Production' } },
      'VersionNotFound: version 4 of churn does not exist (there is 3)',
    ],
    [
      'is still being registered',
      { versions: { 3: 'Production', 4: { status: 'PENDING_REGISTRATION' } } },
      'VersionNotReady: version 4 is still being registered (PENDING_REGISTRATION)',
    ],
    [
      'was to be registered and an hour has passed',
      {
        versions: {
          3: 'Production',
          4: { status: 'PENDING_REGISTRATION', creationTimestamp: Date.UTC(2025, 11, 31, 23) },
        },
      },
      'VersionFailed: version 4 is still being registered (PENDING_REGISTRATION) since 2025-12-31T23:00:00.000Z: what registered it has probably died; register the model again',
    ],
    [
      'failed to register',
      { versions: { 3: 'Production', 4: { status: 'FAILED_REGISTRATION', statusMessage: 'disk full' } } },
      'VersionFailed: version 4 cannot be promoted: its status is FAILED_REGISTRATION: disk full',
    ],
    [
      'has a status that we do not know',
      { versions: { 3: 'Production', 4: { status: 'QUARANTINED' } } },
      'VersionFailed: version 4 cannot be promoted: its status is QUARANTINED',
    ],
  ];

  it.each(rows)('blocks its stage because it %s, and the incumbent stays', (_, model, obstacle) => {
    const plan = planOf(aPromotion({ stages: { Production: '4' } }), aModel(model));
    expect(plan.kind).toBe('Blocked');
    expect(obstacleOf(plan)).toBe(obstacle);
    expect(plan).toMatchObject({ decisions: [{ incumbent: { version: '3' }, candidate: undefined }] });
  });

  it('does not hold up the other targets', () => {
    const promotion = aPromotion({ stages: { Production: '9', Staging: '4' } });
    const plan = planOf(promotion, aModel({ versions: { 3: 'Production', 4: 'None' } }));
    expect(steps(plan)).toEqual(['move version 4 from None to Staging']);
    expect(obstacleOf(plan)).toContain('VersionNotFound');
  });

  it('names what a person must mend before what may resolve by itself', () => {
    const promotion = aPromotion({ stages: { Production: '4', Staging: '9' } });
    const plan = planOf(promotion, aModel({ versions: { 4: { status: 'PENDING_REGISTRATION' } } }));
    expect(obstacleOf(plan)).toContain('VersionNotFound');
  });

  it.each([
    ['is missing', { version: '9' }, 'Waiting/WaitingForSource'],
    ['cannot be found by its selector', { versionFrom: { alias: 'gone' } }, 'Blocked/Conflict'],
  ])('keeps its incumbent in Production from Staging when it %s', (_, production, state) => {
    const promotion = aPromotion({ stages: { Production: production, Staging: '3' } });
    const plan = planOf(promotion, aModel({ versions: { 3: 'Production', 4: 'Staging' } }));
    expect(steps(plan)).toEqual([]);
    expect(states(plan)[1]).toBe(`stage/Staging ${state}`);
  });
});

describe('a promotion as a whole', () => {
  const promotion = aPromotion({ stages: { Production: '3' } });
  const missing: Fact<Model> = { kind: 'absent' };

  it('is blocked while the model does not exist', () => {
    expect(obstacleOf(planPromotion(promotion, missing, aContext()))).toBe(
      'ModelNotFound: registered model "churn" does not exist',
    );
  });

  it.each(['RegistryUnavailable', 'AccessDenied', 'RegistryRefused'] as const)(
    'is blocked by what is unknown, with the reason it is unknown for: %s',
    (reason) => {
      const plan = planPromotion(promotion, { kind: 'unknown', reason, message: 'because' }, aContext());
      expect(obstacleOf(plan)).toBe(`${reason}: because`);
    },
  );

  it('leaves prompts alone', () => {
    const plan = planOf(
      promotion,
      aModel({ versions: { 3: 'None' }, tags: { 'mlflow.prompt.is_prompt': 'true' } }),
    );
    expect(obstacleOf(plan)).toBe('IsPrompt: "churn" is a prompt, not a model; prompts are left alone');
  });

  it.each([known(aModel({ versions: { 3: 'None' } })), missing, unavailable])(
    'that is suspended is left alone whatever is observed ($kind)',
    (observed) => {
      const suspended = aPromotion({ stages: { Production: '3' }, suspend: true });
      expect(planPromotion(suspended, observed, aContext())).toEqual({ kind: 'Suspended' });
    },
  );
});

describe('what belongs to others', () => {
  const model = { versions: { 3: 'None', 4: 'None' } } as const;

  it('is not taken from another installation that holds the owner tag', () => {
    const tags = { 'modelpromotion.dev/owner/stage/Production': 'other/ml/churn' };
    const promotion = aPromotion({ stages: { Production: '3', Staging: '4' } });
    const plan = planOf(promotion, aModel({ ...model, tags }));
    expect(steps(plan)).toEqual(['move version 4 from None to Staging']);
    expect(obstacleOf(plan)).toBe(
      "Conflict: Production is managed by other/ml/churn; remove the model's tag modelpromotion.dev/owner/stage/Production to take it over",
    );
  });

  it('is a version in a stage that another installation manages: it would take it back', () => {
    const tags = { 'modelpromotion.dev/owner/stage/Production': 'other/ml/churn' };
    const plan = planOf(
      aPromotion({ stages: { Staging: '3' } }),
      aModel({ versions: { 3: 'Production' }, tags }),
    );
    expect(obstacleOf(plan)).toBe(
      'Conflict: version 3 is wanted by other/ml/churn (Production) too, and a version holds one stage',
    );
  });

  it.each(['main/ml/churn', 'main/ml/former-name', ''])('is ours to take with the owner tag %j', (owner) => {
    const tags = { 'modelpromotion.dev/owner/stage/Production': owner };
    const plan = planOf(aPromotion({ stages: { Production: '3' } }), aModel({ ...model, tags }));
    expect(steps(plan)).toEqual(['move version 3 from None to Production']);
  });

  it('is a version that another promotion claims, in a stage but not in an alias', () => {
    const promotion = aPromotion({ stages: { Production: '3' }, aliases: { champion: '3' } });
    const plan = planOf(promotion, aModel(model), {
      claimedVersions: new Map([['3', { by: 'ml/other (Staging)', how: 'wanted' }]]),
    });
    expect(steps(plan)).toEqual(['set @champion to version 3']);
    expect(obstacleOf(plan)).toBe(
      'Conflict: version 3 is wanted by ml/other (Staging) too, and a version holds one stage',
    );
  });
});

describe('two stages of one promotion that come to want one version', () => {
  const promotion = aPromotion({
    stages: { Staging: '4', Production: { versionFrom: { alias: 'champion' } } },
  });
  const aliases = { champion: '4' };

  it('leave it to the one that holds it on record', () => {
    const model = aModel({ versions: { 3: 'Production', 4: 'Staging' }, aliases });
    const plan = planOf(promotion, model, {
      records: records({ 'stage/Staging': '4', 'stage/Production': '3' }),
    });
    expect(steps(plan)).toEqual([]);
    expect(states(plan)).toEqual(['stage/Staging UpToDate/UpToDate', 'stage/Production Blocked/Conflict']);
  });

  it('leave it to Production when neither holds it on record, and do not flap', () => {
    const before = aModel({ versions: { 3: 'Production', 4: 'Staging' }, aliases });
    const plan = planOf(promotion, before);
    expect(steps(plan)).toEqual(['move version 4 from Staging to Production, archive 3']);
    expect(states(plan)).toEqual(['stage/Staging Blocked/Conflict', 'stage/Production Pending/Progressing']);
    const after = plan.kind === 'Apply' ? plan.actions.reduce(simulate, before) : before;
    expect(planOf(promotion, after, { records: records({ 'stage/Production': '4' }) }).kind).toBe('Blocked');
  });

  it('give it back to the one that holds it on record after somebody moved it by hand', () => {
    const model = aModel({ versions: { 3: 'Archived', 4: 'Production' }, aliases });
    const plan = planOf(promotion, model, {
      records: records({ 'stage/Staging': '4', 'stage/Production': '3' }),
    });
    expect(steps(plan)).toEqual(['repair: move version 4 from Production to Staging']);
  });
});
