/** What a pass came to: status, events, and when to look again. */
import { describe, expect, it } from 'vitest';
import type { ModelPromotionStatus } from '../../../src/api/generated/types.ts';
import { REASONS, severity, type Reason } from '../../../src/api/reasons.ts';
import { isStatus } from '../../../src/api/validate.ts';
import { simulate, type Action } from '../../../src/domain/action.ts';
import type { Promotion } from '../../../src/domain/desired.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import type { Attempt, Finding } from '../../../src/domain/finding.ts';
import { summarise, type Outcome } from '../../../src/domain/outcome.ts';
import { planPromotion, type Obstacle } from '../../../src/domain/plan.ts';
import { movesOf } from '../../../src/domain/record.ts';
import { recordsOf, toStatus } from '../../../src/domain/status.ts';
import {
  aContext,
  aModel,
  aProblem,
  aPromotion,
  aRecord,
  aVersion,
  known,
  MINUTE,
  NOW,
  unavailable,
  type PromotionSpec,
} from '../../support/builders.ts';

const T0 = '2026-03-01T12:00:00Z';
const T1 = '2026-03-01T12:01:00Z';

interface Given {
  readonly promotion?: Promotion;
  readonly previous?: ModelPromotionStatus | undefined;
  readonly now?: number;
  readonly author?: string;
}

function outcomeOf(
  finding: Finding,
  { promotion = aPromotion(spec), previous, now = NOW, author }: Given = {},
): Outcome {
  const pass = {
    promotion,
    previous,
    finding,
    attempted: promotion.revision,
    owner: aContext().owner,
    author,
    now,
  };
  const outcome = summarise(pass);
  expect(outcome).toEqual(summarise(pass));
  expect(isStatus(outcome.status)).toBe(true);
  return outcome;
}

const spec: PromotionSpec = { stages: { Production: '3' }, aliases: { champion: '3' } };
const inPlace = aModel({
  versions: { 2: 'Archived', 3: 'Production', 4: 'None' },
  aliases: { champion: '3' },
});

/** A pass that looks and does nothing. */
function look(observed: Fact<Model>, given: Given = {}): Outcome {
  const records = recordsOf(given.previous);
  const plan = planPromotion(given.promotion ?? aPromotion(spec), observed, aContext({ records }));
  return outcomeOf({ kind: 'Planned', plan, attempt: undefined }, given);
}

/** A pass that applies the first `count` actions of its plan, and plans again. */
function act(
  model: Model,
  given: Given = {},
  { count = 99, failure = undefined as Obstacle | undefined } = {},
): Outcome {
  const promotion = given.promotion ?? aPromotion(spec);
  const context = aContext({ records: recordsOf(given.previous) });
  const plan = planPromotion(promotion, known(model), context);
  const applied: readonly Action[] = plan.kind === 'Apply' ? plan.actions.slice(0, count) : [];
  const attempt: Attempt = { applied, digest: 'sha256:d1', failure, moves: movesOf(applied, model) };
  const after = applied.reduce(simulate, model);
  return outcomeOf(
    { kind: 'Planned', plan: planPromotion(promotion, known(after), context), attempt },
    given,
  );
}

function condition({ status }: Outcome, type: string): string | undefined {
  const found = status.conditions?.find((condition) => condition.type === type);
  return found && `${found.status}/${found.reason}`;
}

/** Type, status and reason of all conditions. */
function conditions({ status }: Outcome): string[] {
  return (status.conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

const settled = look(known(inPlace)).status;

describe('conditions', () => {
  const stalled: Obstacle = { reason: 'Conflict', message: 'Production belongs to promotion ml/older' };

  it.each<[string, Outcome, string[]]>([
    ['everything is as declared', look(known(inPlace)), ['Ready=True/UpToDate']],
    [
      'something is left to apply',
      look(known(aModel({ versions: { 3: 'None' } }))),
      ['Ready=False/Progressing', 'Reconciling=True/Progressing'],
    ],
    [
      'a version is still being registered',
      look(known(aModel({ versions: { 3: { status: 'PENDING_REGISTRATION' } } }))),
      ['Ready=False/VersionNotReady', 'Reconciling=True/VersionNotReady'],
    ],
    [
      'a person must act',
      look(known(aModel({ versions: { 4: 'None' } }))),
      ['Ready=False/VersionNotFound', 'Stalled=True/VersionNotFound'],
    ],
    [
      'another promotion holds the claim',
      outcomeOf({ kind: 'Obstructed', obstacle: stalled }),
      ['Ready=False/Conflict', 'Stalled=True/Conflict'],
    ],
    [
      'the document has mistakes',
      outcomeOf({ kind: 'Invalid', problems: [aProblem('a.yaml', 'churn')] }),
      ['Ready=False/InvalidSpec', 'Stalled=True/InvalidSpec'],
    ],
    [
      'the registry was never reached',
      look(unavailable),
      ['Ready=False/RegistryUnavailable', 'Reconciling=True/RegistryUnavailable'],
    ],
    [
      'drift is only reported',
      look(known(aModel({ versions: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '3' } })), {
        promotion: aPromotion({ ...spec, drift: 'Report' }),
        previous: settled,
      }),
      ['Ready=True/DriftReported', 'Drifted=True/DriftReported'],
    ],
    [
      'a selector finds nothing and the incumbent stays',
      look(known(inPlace), {
        promotion: aPromotion({ aliases: { champion: { versionFrom: { stage: 'Staging' } } } }),
      }),
      ['Ready=True/NoCandidate'],
    ],
    [
      'it is suspended and was never seen',
      look(known(inPlace), { promotion: aPromotion({ ...spec, suspend: true }) }),
      ['Ready=Unknown/Suspended'],
    ],
    [
      'a write was refused',
      act(
        aModel({ versions: { 3: 'None' } }),
        {},
        { count: 0, failure: { reason: 'AccessDenied', message: '403' } },
      ),
      ['Ready=False/AccessDenied', 'Stalled=True/AccessDenied'],
    ],
    [
      'a write was lost',
      act(
        aModel({ versions: { 3: 'None' } }),
        {},
        { count: 1, failure: { reason: 'ProgressingWithRetry', message: 'no answer' } },
      ),
      ['Ready=False/ProgressingWithRetry', 'Reconciling=True/ProgressingWithRetry'],
    ],
  ])('say it when %s', (_, outcome, expected) => {
    expect(conditions(outcome)).toEqual(expected);
  });

  const obstacles = (Object.keys(REASONS) as Reason[]).filter((reason) => severity(reason) !== 'ready');

  it.each(obstacles)('are never Reconciling and Stalled at once: %s', (reason) => {
    const outcome = outcomeOf({ kind: 'Obstructed', obstacle: { reason, message: 'because' } });
    const types = outcome.status.conditions?.map(({ type }) => type);
    expect(types).toEqual(['Ready', severity(reason) === 'stalled' ? 'Stalled' : 'Reconciling']);
  });

  it('carry the generation that they speak of, on every pass', () => {
    const promotion = aPromotion(spec, { generation: 7 });
    const { status } = look(known(aModel()), { promotion, previous: settled });
    expect(status.observedGeneration).toBe(7);
    expect(status.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([7, 7]);
  });

  it('move their transition time with their status and with nothing else', () => {
    const missing = aModel({ versions: { 4: 'None' } });
    const first = look(known(missing), { previous: settled, now: NOW + MINUTE });
    expect(first.status.conditions).toMatchObject([
      { type: 'Ready', lastTransitionTime: T1 },
      { type: 'Stalled', lastTransitionTime: T1 },
    ]);
    const later = look(known(aModel({ versions: { 3: { status: 'FAILED' } } })), {
      previous: first.status,
      now: NOW + 2 * MINUTE,
    });
    expect(later.status.conditions).toMatchObject([
      { type: 'Ready', reason: 'VersionFailed', lastTransitionTime: T1 },
      { type: 'Stalled', reason: 'VersionFailed', lastTransitionTime: T1 },
    ]);
  });

  it('name the first mistakes and count the rest', () => {
    const problems = Array.from({ length: 7 }, () => aProblem('a.yaml', 'churn', 'wrong'));
    const { status } = outcomeOf({ kind: 'Invalid', problems });
    expect(status.conditions?.[0]?.message).toBe(
      `${Array.from({ length: 5 }, () => 'a.yaml:3:5 spec.model: wrong').join('; ')}; and 2 more`,
    );
  });

  it('stay within what Kubernetes takes', () => {
    const { status } = outcomeOf({
      kind: 'Obstructed',
      obstacle: { reason: 'RegistryRefused', message: 'x'.repeat(100_000) },
    });
    expect(status.conditions?.every(({ message }) => message.length <= 32_768)).toBe(true);
  });
});

describe('a status', () => {
  it('is the same on a pass that finds nothing new', () => {
    const again = look(known(inPlace), { previous: settled, now: NOW + MINUTE });
    expect(again.status).toEqual(settled);
    expect(again.events).toEqual([]);
  });

  it.each<[string, Promotion, Model]>([
    ['was up to date', aPromotion(spec), inPlace],
    [
      'had reported drift',
      aPromotion({ ...spec, drift: 'Report' }),
      aModel({ versions: { 3: 'Archived', 4: 'Production' } }),
    ],
  ])('is kept as it is while the registry is down, if the promotion %s', (_, promotion, model) => {
    const first = look(known(inPlace), { promotion });
    const before = look(known(model), { promotion, previous: first.status });
    const down = look(unavailable, { promotion, previous: before.status, now: NOW + MINUTE });
    expect(down.status).toEqual(before.status);
    expect(down.events).toEqual([]);
    expect(down.next).toEqual({ kind: 'After', ms: 5 * MINUTE });
  });

  it('says that the registry is down when the spec has changed', () => {
    const promotion = aPromotion({ stages: { Production: '4' } }, { generation: 2 });
    const down = look(unavailable, { promotion, previous: settled });
    expect(condition(down, 'Ready')).toBe('False/RegistryUnavailable');
    expect(down.next).toEqual({ kind: 'Retry' });
  });

  it('tells what was repaired although the registry went down right after', () => {
    const drifted = aModel({ versions: { 3: 'Archived' }, aliases: { champion: '3' } });
    const plan = planPromotion(aPromotion(spec), known(drifted), aContext({ records: recordsOf(settled) }));
    const applied = plan.kind === 'Apply' ? plan.actions : [];
    const after = planPromotion(aPromotion(spec), unavailable, aContext());
    const attempt = { applied, digest: 'sha256:d1', failure: undefined };
    const { status } = outcomeOf({ kind: 'Planned', plan: after, attempt }, { previous: settled });
    expect(status.history).toHaveLength(1);
    expect(status.lastAppliedDigest).toBe('sha256:d1');
  });

  it.each(['True', 'False'] as const)(
    'keeps Ready=%s while suspended, and moves the generation on',
    (ready) => {
      const before = ready === 'True' ? settled : look(known(aModel())).status;
      const promotion = aPromotion({ ...spec, suspend: true }, { generation: 2 });
      const outcome = look(known(inPlace), { promotion, previous: before, now: NOW + MINUTE });
      expect(conditions(outcome)).toEqual([`Ready=${ready}/Suspended`]);
      expect(outcome.status).toMatchObject({
        observedGeneration: 2,
        summary: { ready: 'Suspended' },
        conditions: [{ lastTransitionTime: T0 }],
      });
      expect(outcome.status.targets?.map(({ applied }) => applied)).toEqual(
        before.targets?.map(({ applied }) => applied),
      );
      expect(outcome.next).toEqual({ kind: 'OnChange' });
    },
  );

  it('is not Ready for a version that was declared while, or just when, it was suspended', () => {
    const declared: PromotionSpec = { ...spec, stages: { Production: '4' }, suspend: true };
    const promotion = aPromotion(declared, { generation: 2 });
    const outcome = look(known(inPlace), { promotion, previous: settled, now: NOW + MINUTE });
    expect(conditions(outcome)).toEqual(['Ready=Unknown/Suspended']);
  });

  it.each([
    ['a description', { description: 'the winter model' }],
    ['tags', { tags: { season: 'winter' } }],
  ])('is not Ready for %s that came just when it was suspended', (_, more) => {
    const stages = { Production: { version: '3', ...more } };
    const promotion = aPromotion({ ...spec, stages, suspend: true }, { generation: 2 });
    const outcome = look(known(inPlace), { promotion, previous: settled, now: NOW + MINUTE });
    expect(conditions(outcome)).toEqual(['Ready=Unknown/Suspended']);
  });

  it('remembers the token of the look that was asked for', () => {
    const asked = look(known(inPlace), {
      promotion: aPromotion(spec, { reconcileAt: 'now' }),
      previous: settled,
    });
    expect(asked.status.lastHandledReconcileAt).toBe('now');
  });

  it('forgets no token when its annotation disappears', () => {
    const asked = look(known(inPlace), { promotion: aPromotion(spec, { reconcileAt: 'now' }) });
    expect(look(known(inPlace), { previous: asked.status }).status.lastHandledReconcileAt).toBe('now');
  });

  it('holds short strings for the printer columns', () => {
    expect(settled.summary).toEqual({
      stages: 'Production=3',
      aliases: 'champion=3',
      ready: 'True',
      reason: 'UpToDate',
    });
    const { status } = act(aModel({ versions: { 3: 'None' } }), {
      promotion: aPromotion({ stages: { Production: '3', Staging: '9' } }),
    });
    expect(status.summary).toEqual({
      stages: 'Production=3,Staging=-',
      aliases: '',
      ready: 'False',
      reason: 'VersionNotFound',
      lastChange: T0,
    });
  });

  it('names the actions that are pending, and none when there are none', () => {
    expect(look(known(aModel({ versions: { 3: 'None' } }))).status.plan?.actions).toEqual([
      'move version 3 from None to Production',
      'set @champion to version 3',
    ]);
    expect(settled.plan).toBeUndefined();
  });

  it('names as many pending actions as a status may hold, and how many more there are', () => {
    const crowd = Array.from({ length: 600 }, (_, index) => [index + 10, 'Production'] as const);
    const model = aModel({ versions: { 3: 'None', ...Object.fromEntries(crowd) } });
    const promotion = aPromotion({ stages: { Production: '3' } });
    const failure: Obstacle = { reason: 'RegistryUnavailable', message: 'lost' };
    const half = act(
      aModel({ versions: { 3: 'Production', ...Object.fromEntries(crowd) } }),
      { promotion },
      { count: 0, failure },
    );
    expect(half.status.plan?.actions).toHaveLength(500);
    expect(half.status.plan?.actions?.at(-1)).toBe('and 101 more');
    expect(look(known(model), { promotion }).status.plan?.actions).toHaveLength(1);
  });

  it('moves the applied revision only when all is as declared', () => {
    const promotion = aPromotion({ stages: { Production: '9' } }, { generation: 2, revision: 'main@sha1:2' });
    const blocked = look(known(inPlace), { promotion, previous: settled });
    expect(blocked.status).toMatchObject({
      lastAttemptedRevision: 'main@sha1:2',
      lastAppliedRevision: 'main@sha1:1',
    });
    const mended = look(known(aModel({ versions: { 9: 'Production' } })), {
      promotion,
      previous: blocked.status,
    });
    expect(mended.status.lastAppliedRevision).toBe('main@sha1:2');
  });
});

describe('a target', () => {
  const target = ({ status }: Outcome, index = 0): NonNullable<ModelPromotionStatus['targets']>[number] =>
    status.targets?.[index] ?? { target: 'none' };
  const promoted = act(aModel({ versions: { 2: 'Production', 3: 'None' } }), {
    promotion: aPromotion({ stages: { Production: '3' } }),
  });

  it('shows what is wanted, what is there, what was there, and since when', () => {
    expect(target(promoted)).toEqual({
      target: 'stage/Production',
      desired: '3',
      current: '3',
      previous: '2',
      since: T0,
      candidateFrom: 'pinned',
      state: 'UpToDate',
      applied: {
        version: '3',
        how: 'Applied',
        creationTimestamp: aVersion('3').creationTimestamp,
        source: 'models:/m-3',
        runId: 'run-3',
      },
    });
  });

  it('is found in place when we did not put it there, and nothing was before', () => {
    expect(settled.targets?.[0]).toMatchObject({ applied: { how: 'Found' }, since: T0 });
    expect(settled.targets?.[0]).not.toHaveProperty('previous');
  });

  it('keeps its record while something else is there, and begins a new one when the wish is in place', () => {
    const four = aPromotion({ stages: { Production: '4' } }, { generation: 2 });
    const waiting = look(known(aModel({ versions: { 3: 'Production', 4: { status: 'PENDING' } } })), {
      promotion: four,
      previous: promoted.status,
    });
    expect(target(waiting)).toMatchObject({
      current: '3',
      applied: { version: '3' },
      since: T0,
      previous: '2',
    });
    const moved = act(aModel({ versions: { 3: 'Production', 4: 'None' } }), {
      promotion: four,
      previous: waiting.status,
      now: NOW + MINUTE,
    });
    expect(target(moved)).toMatchObject({
      current: '4',
      applied: { version: '4' },
      since: T1,
      previous: '3',
    });
  });

  it('keeps record, since and previous through a repair', () => {
    const repaired = act(aModel({ versions: { 3: 'Archived', 4: 'Production' } }), {
      promotion: aPromotion({ stages: { Production: '3' } }),
      previous: promoted.status,
      now: NOW + MINUTE,
    });
    const { repairs, ...rest } = target(repaired) ?? {};
    expect(rest).toEqual(target(promoted));
    expect(repairs).toEqual([{ what: 'holder', count: 1, last: T1 }]);
  });

  it('begins a new record for another version of the same number', () => {
    const again = look(known(aModel({ versions: { 3: { stage: 'Production', creationTimestamp: 5 } } })), {
      promotion: aPromotion({ stages: { Production: '3' } }),
      previous: promoted.status,
      now: NOW + MINUTE,
    });
    expect(target(again)).toMatchObject({ applied: { how: 'Found', creationTimestamp: 5 }, since: T1 });
  });

  it('that is only tagged where it was found was not applied by us', () => {
    const tagged = act(aModel({ versions: { 3: 'Production' } }), {
      promotion: aPromotion({ stages: { Production: { version: '3', tags: { a: 'b' } } } }),
    });
    expect(target(tagged).applied).toMatchObject({ how: 'Found', tags: { a: 'b' } });
  });

  it('that was moved on one pass and tagged on a later one was applied by us, and is on record at once', () => {
    const promotion = aPromotion({ stages: { Production: { version: '3', tags: { a: 'b' } } } });
    const model = aModel({ versions: { 2: 'Production', 3: 'None' } });
    const failure: Obstacle = { reason: 'RegistryUnavailable', message: 'lost' };
    const half = act(model, { promotion }, { count: 1, failure });
    expect(target(half)).toMatchObject({
      applied: { version: '3', how: 'Applied' },
      previous: '2',
      since: T0,
    });
    expect(target(half).applied).not.toHaveProperty('tags');
    const rest = aModel({ versions: { 2: 'Archived', 3: 'Production' } });
    const whole = act(rest, { promotion, previous: half.status });
    expect(target(whole)).toMatchObject({ applied: { how: 'Applied' }, previous: '2' });
  });

  it('remembers the description and tags that were in place', () => {
    const promotion = aPromotion({
      stages: { Production: { version: '3', description: 'validated', tags: { a: 'b' } } },
    });
    expect(target(act(aModel({ versions: { 3: 'None' } }), { promotion })).applied).toMatchObject({
      description: 'validated',
      tags: { a: 'b' },
    });
  });

  it('says why it is not as declared', () => {
    const blocked = look(known(inPlace), { promotion: aPromotion({ stages: { Production: '9' } }) });
    expect(target(blocked)).toMatchObject({ state: 'Blocked', reason: 'VersionNotFound', current: '3' });
    expect(target(blocked)).not.toHaveProperty('desired');
  });

  it('is not said to be held by anything once the model is gone, but its record stays', () => {
    const gone = look({ kind: 'absent' }, { previous: settled });
    expect(target(gone)).not.toHaveProperty('current');
    expect(target(gone).applied).toEqual(settled.targets?.[0]?.applied);
  });

  it('that could not be looked at keeps what held it', () => {
    const conflict = outcomeOf(
      { kind: 'Obstructed', obstacle: { reason: 'Conflict', message: 'lost' } },
      { previous: settled },
    );
    const { state: _state, ...kept } = settled.targets?.[0] ?? { target: 'none' };
    expect(JSON.stringify(target(conflict))).toBe(JSON.stringify(kept));
  });
});

describe('history', () => {
  it('tells each move, newest first, with cause, revision, digest, time and author', () => {
    const outcome = act(aModel({ versions: { 2: 'Production', 3: 'None' }, aliases: { champion: '2' } }), {
      author: 'Ada',
    });
    const common = { from: '2', to: '3', cause: 'Promotion', revision: 'main@sha1:1', digest: 'sha256:d1' };
    expect(outcome.status.history).toEqual([
      { target: 'alias/champion', ...common, time: T0, by: 'Ada' },
      { target: 'stage/Production', ...common, time: T0, by: 'Ada' },
    ]);
  });

  it('names nobody for a repair, which no commit asked for', () => {
    const drifted = aModel({ versions: { 2: 'Production', 3: 'None' }, aliases: { champion: '3' } });
    const history = act(drifted, { previous: settled, author: 'Ada' }).status.history ?? [];
    expect(history[0]).toMatchObject({ cause: 'Drift' });
    expect(history[0]).not.toHaveProperty('by');
  });

  it('leaves out tags and descriptions, and tells what was archived', () => {
    const promotion = aPromotion({ stages: { Production: { version: '3', tags: { a: 'b' } } } });
    const { status } = act(aModel({ versions: { 3: 'Production', 5: 'Production' } }), { promotion });
    expect(status.history).toMatchObject([{ target: 'stage/Production', from: '5', to: 'Archived' }]);
  });

  it('tells of what was applied before a failure', () => {
    const failure: Obstacle = { reason: 'RegistryUnavailable', message: 'lost' };
    const { status } = act(aModel({ versions: { 3: 'None' } }), {}, { count: 1, failure });
    expect(status.history).toMatchObject([{ target: 'stage/Production', to: '3' }]);
    expect(status.lastAppliedDigest).toBe('sha256:d1');
  });

  it('learns from the tag of a change that was made and could not be written down', () => {
    const mark = {
      by: aContext().owner,
      targets: ['stage/Production'],
      revision: 'main@sha1:2',
      digest: 'sha256:d2',
      at: '2026-03-01T11:59:00Z',
    };
    const marked = (by: string): Fact<Model> => {
      const tags = { 'modelpromotion.dev/applied': JSON.stringify({ ...mark, by }) };
      const versions = {
        3: 'Archived',
        4: { stage: 'Production', tags },
      } as const;
      return known(aModel({ versions, aliases: { champion: '3' } }));
    };
    const promotion = aPromotion(
      { stages: { Production: '4' }, aliases: { champion: '3' } },
      { generation: 2 },
    );
    const given = { promotion, previous: settled };
    expect(look(marked(mark.by), given).status.history).toEqual([
      {
        target: 'stage/Production',
        from: '3',
        to: '4',
        revision: 'main@sha1:2',
        digest: 'sha256:d2',
        time: mark.at,
      },
    ]);
    expect(look(marked('other/ml/churn'), given).status.history).toBeUndefined();
    const { status } = look(marked(mark.by), given);
    expect(look(marked(mark.by), { promotion, previous: status }).status.history).toHaveLength(1);
    // Its record was lost since, with the answer to a later write.
    const targets = status.targets?.map(({ applied: _applied, ...rest }) => rest) ?? [];
    const previous = { ...status, targets };
    expect(look(marked(mark.by), { promotion, previous }).status.history).toEqual(status.history);
    expect(status.targets?.[0]?.applied?.how).toBe('Found');
  });

  it('holds the last ten changes', () => {
    let previous: ModelPromotionStatus | undefined;
    for (let version = 1; version <= 12; version += 1) {
      const versions = { [version - 1]: 'Production', [version]: 'None' } as const;
      const promotion = aPromotion({ stages: { Production: `${version}` } }, { generation: version });
      previous = act(aModel({ versions }), { promotion, previous }).status;
    }
    expect(previous?.history?.map(({ to }) => to)).toEqual([
      '12',
      '11',
      '10',
      '9',
      '8',
      '7',
      '6',
      '5',
      '4',
      '3',
    ]);
  });
});

describe('events', () => {
  const told = ({ events }: Outcome): string[] =>
    events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

  it('tell what was promoted, and that all is well', () => {
    expect(told(act(aModel({ versions: { 3: 'None' } })))).toEqual([
      'Normal Promoted: move version 3 from None to Production',
      'Normal Promoted: set @champion to version 3',
      'Normal UpToDate: Production=3, @champion=3',
    ]);
  });

  it('tell what was repaired', () => {
    const drifted = aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '4' } });
    expect(told(act(drifted, { previous: settled }))).toEqual([
      'Normal DriftReverted: move @champion from version 4 to 3',
    ]);
  });

  it('warn once of what a person must mend', () => {
    const missing = known(aModel({ versions: { 4: 'None' } }));
    const first = look(missing, { previous: settled });
    expect(told(first)).toEqual(['Warning VersionNotFound: version 3 of churn does not exist (there is 4)']);
    expect(look(missing, { previous: first.status }).events).toEqual([]);
  });

  it('tell nothing when only the words change: the newest versions, or how long a registry is down', () => {
    const first = look(known(aModel({ versions: { 4: 'None' } })), { previous: settled });
    const more = look(known(aModel({ versions: { 4: 'None', 5: 'None' } })), { previous: first.status });
    expect(more.status.conditions?.[0]?.message).toContain('5');
    expect(more.events).toEqual([]);
  });

  it('tell again of the same reason when it is that of another document', () => {
    const missing = known(aModel({ versions: { 4: 'None' } }));
    const first = look(missing, { previous: settled });
    const promotion = aPromotion({ ...spec, drift: 'Report' }, { generation: 2 });
    expect(told(look(missing, { promotion, previous: first.status }))).toEqual([
      'Warning VersionNotFound: version 3 of churn does not exist (there is 4)',
    ]);
  });

  it('tell once of a target that is declared no more, and where it stays', () => {
    const promotion = aPromotion({ stages: { Production: '3' } }, { generation: 2 });
    const dropped = look(known(inPlace), { promotion, previous: settled });
    expect(told(dropped)).toContain('Normal TargetDropped: @champion is no longer declared and stays at 3');
    expect(look(known(inPlace), { promotion, previous: dropped.status }).events).toEqual([]);
  });
});

describe('the next look', () => {
  const following = aPromotion({
    stages: { Staging: '4' },
    aliases: { challenger: { versionFrom: { stage: 'Staging' } } },
  });
  const lost: Obstacle = { reason: 'RegistryUnavailable', message: 'lost' };
  const refused: Obstacle = { reason: 'AccessDenied', message: '403' };
  const empty = aModel({ versions: { 3: 'None' } });

  it.each<[string, Outcome, Outcome['next']]>([
    ['after its interval when all is well', look(known(inPlace)), { kind: 'After', ms: 5 * MINUTE }],
    ['after its interval when a person must act', look(known(aModel())), { kind: 'After', ms: 5 * MINUTE }],
    [
      'soon while something is registered',
      look(known(aModel({ versions: { 3: { status: 'PENDING' } } }))),
      { kind: 'After', ms: MINUTE / 2 },
    ],
    [
      'never later than its interval',
      look(known(aModel({ versions: { 3: { status: 'PENDING' } } })), {
        promotion: aPromotion({ ...spec, interval: '10s' }),
      }),
      { kind: 'After', ms: 10_000 },
    ],
    ['with growing delays while the registry is down', look(unavailable), { kind: 'Retry' }],
    [
      'with growing delays after a lost write',
      act(empty, {}, { count: 0, failure: lost }),
      { kind: 'Retry' },
    ],
    [
      'after its interval when a write was refused',
      act(empty, {}, { count: 0, failure: refused }),
      { kind: 'After', ms: 5 * MINUTE },
    ],
    [
      'now when a follower waited for what was applied',
      act(aModel({ versions: { 4: 'None' } }), { promotion: following }),
      { kind: 'Now' },
    ],
    [
      'with growing delays when what was applied does not hold',
      outcomeOf({
        kind: 'Planned',
        plan: planPromotion(aPromotion(spec), known(empty), aContext()),
        attempt: { applied: planActions(empty), digest: 'sha256:d', failure: undefined },
      }),
      { kind: 'Retry' },
    ],
  ])('is %s', (_, { next }, expected) => {
    expect(next).toEqual(expected);
  });
});

function planActions(model: Model): readonly Action[] {
  const plan = planPromotion(aPromotion(spec), known(model), aContext());
  return plan.kind === 'Apply' ? plan.actions : [];
}

describe('records in a status', () => {
  it.each([
    aRecord('3'),
    aRecord('3', { how: 'Found', description: '', tags: new Map([['a', 'b']]) }),
    aRecord(aVersion('3', { source: '', runId: '' })),
  ])('come back as they were: %j', (record) => {
    const status: ModelPromotionStatus = {
      targets: [{ target: 'alias/champion', applied: toStatus(record) }],
    };
    expect(isStatus(status)).toBe(true);
    expect(recordsOf(status)).toEqual(new Map([['alias/champion', record]]));
  });

  it('are none in a status without targets, or none at all', () => {
    expect(recordsOf(undefined).size).toBe(0);
    expect(recordsOf({ targets: [{ target: 'alias/champion' }] }).size).toBe(0);
  });
});
