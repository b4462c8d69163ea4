/** A version has one stage: who else stands in the way of a stage that wants it, of this promotion and of others. */
import { describeTarget, type StageTarget, type Target } from './desired.ts';
import type { Model, Version } from './observed.ts';
import type { Context, Decision, Setting, VersionClaim } from './plan.ts';
import { foreignOwner } from './provenance.ts';
import { recordOf } from './record.ts';
import { selectCandidate } from './select.ts';

type Contest = Pick<Decision, 'state' | 'reason' | 'message'>;

/** A version has one stage, so two stages that want the same version would take it from each other for ever. */
export function contestFor(candidate: Version, target: StageTarget, setting: Setting): Contest | undefined {
  const { context, model, decisions } = setting;
  const claim = context.claimedVersions.get(candidate.version);
  const rival =
    siblingFor(candidate, target, setting) ??
    (claim?.how === 'wanted' ? claim.by : undefined) ??
    foreignHolder(candidate, model, context);
  if (rival !== undefined) {
    return {
      state: 'Blocked',
      reason: 'Conflict',
      message: `version ${candidate.version} is wanted by ${rival} too, and a version holds one stage`,
    };
  }
  if (claim !== undefined) return contestWith(claim, candidate, target);
  const keeper = keeperOf(candidate, decisions);
  if (keeper === undefined) return undefined;
  const kept = `version ${candidate.version}, which stays in ${describeTarget(keeper.target)}`;
  return keeper.reason === 'NoCandidate' && keeper.state === 'UpToDate'
    ? {
        state: 'Blocked',
        reason: 'Conflict',
        message: `${describeTarget(target.id)} wants ${kept}: nothing else was selected for it`,
      }
    : {
        state: 'Waiting',
        reason: 'WaitingForSource',
        message: `${describeTarget(target.id)} waits for ${kept} until that can move on`,
      };
}

function contestWith({ by, how }: VersionClaim, { version }: Version, { id }: StageTarget): Contest {
  const name = describeTarget(id);
  return how === 'leaving'
    ? {
        state: 'Waiting',
        reason: 'WaitingForSource',
        message: `${name} waits for version ${version} until ${by} has moved on`,
      }
    : {
        state: 'Blocked',
        reason: 'Conflict',
        message: `${name} wants version ${version}, which stays with ${by}: that one cannot move on`,
      };
}

/** The other stage of this promotion, where it comes before: what holds the version on record, then Production. */
function siblingFor(candidate: Version, target: StageTarget, setting: Setting): string | undefined {
  const { promotion, model, decisions, context } = setting;
  const onRecord = ({ id }: Target): boolean => recordOf(id, candidate, context.records) !== undefined;
  const sibling = promotion.targets.find((other) => {
    if (other.kind !== 'stage' || other.id === target.id) return false;
    const settled = decisions.get(other.id);
    const wish = settled === undefined ? selectCandidate(other.want, model) : undefined;
    const wanted = wish?.kind === 'found' ? wish.version : settled?.candidate;
    if (wanted?.version !== candidate.version) return false;
    return onRecord(other) === onRecord(target) ? settled !== undefined : onRecord(other);
  });
  return sibling && `${describeTarget(sibling.id)} of this promotion`;
}

/** Another owner that manages the stage which holds the version now: it would take it back. */
function foreignHolder(candidate: Version, model: Model, { owner, elsewhere }: Context): string | undefined {
  if (candidate.stage !== 'Staging' && candidate.stage !== 'Production') return undefined;
  const foreign = foreignOwner(model, `stage/${candidate.stage}`, owner, elsewhere);
  return foreign && `${foreign.owner} (${candidate.stage})`;
}

/** A target that cannot move on keeps its incumbent, also from a stage that is settled after it. */
function keeperOf(candidate: Version, decisions: Setting['decisions']): Decision | undefined {
  return [...decisions.values()].find(
    (decision) =>
      decision.target.startsWith('stage/') &&
      decision.incumbent?.version === candidate.version &&
      decision.candidate?.version !== candidate.version &&
      (decision.state === 'Blocked' || decision.state === 'Waiting' || decision.reason === 'NoCandidate'),
  );
}
