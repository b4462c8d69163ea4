/** Makes a copy of a version in another registry: once, whatever becomes of the answers. */
import { copiesIn, COPY_ID_TAG, type NewVersion } from '../domain/copy.ts';
import { isPrompt, sameVersion, type Model, type Version } from '../domain/observed.ts';
import type { Obstacle } from '../domain/plan.ts';
import { LAG, type PassOptions } from './pass.ts';
import { WriteError, type Registry } from './ports.ts';

/** A registry that copies are made in. */
export interface CopyTarget extends Registry {
  /** One that is there by now is as good. @throws WriteError */
  createModel(name: string, described: Described, signal: AbortSignal): Promise<void>;
  /** Tells the number of the new version. @throws WriteError */
  createVersion(version: NewVersion, signal: AbortSignal): Promise<string>;
}

interface Described {
  readonly description: string;
  readonly tags: ReadonlyMap<string, string>;
}

export type CopyOutcome =
  | { readonly kind: 'AlreadyThere'; readonly version: string }
  | {
      readonly kind: 'Copied';
      readonly version: string;
      readonly madeModel: boolean;
      /** More copies of the same, made by another command at the same moment. */
      readonly others: readonly string[];
    }
  | { readonly kind: 'Failed'; readonly obstacle: Obstacle };

type Options = Pick<PassOptions, 'fence' | 'sleep'>;

/** @param described what a registered model that has to be made is to say */
export function copyVersion(
  target: CopyTarget,
  wanted: NewVersion,
  described: Described,
  options: Options,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  return target.exclusive(wanted.model, async () => {
    const fact = await target.read(wanted.model, signal);
    if (fact.kind === 'unknown') return failed(fact.reason, fact.message);
    if (fact.kind === 'known' && isPrompt(fact.value))
      return failed('IsPrompt', `${JSON.stringify(wanted.model)} is a prompt there, not a model`);
    const there =
      fact.kind === 'known' ? (itselfIn(wanted, fact.value) ?? copiesOf(wanted, fact.value)[0]) : undefined;
    if (there !== undefined) return { kind: 'AlreadyThere', version: there.version };
    const madeModel = fact.kind === 'absent';
    if (!options.fence()) return failed('ProgressingWithRetry', 'stopped before anything was made');
    const obstacle = madeModel
      ? await makeModel(target, wanted.model, described, options, signal)
      : undefined;
    return obstacle === undefined
      ? makeVersion(target, wanted, madeModel, options, signal)
      : { kind: 'Failed', obstacle };
  });
}

function failed(reason: Obstacle['reason'], message: string): CopyOutcome {
  return { kind: 'Failed', obstacle: { reason, message } };
}

/** The original itself, where this is the same registry under another name. */
function itselfIn({ original }: NewVersion, model: Model): Version | undefined {
  const there = model.versions.get(original.version.version);
  const isIt = model.name === original.model && there !== undefined && sameVersion(there, original.version);
  return isIt ? there : undefined;
}

function copiesOf({ tags }: NewVersion, model: Model): Version[] {
  return copiesIn(model, tags.get(COPY_ID_TAG) ?? '');
}

/** Undefined when the model is there. */
async function makeModel(
  target: CopyTarget,
  name: string,
  described: Described,
  options: Options,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  try {
    await target.createModel(name, described, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    const found = error.ambiguous ? await until(target, name, () => true, options, signal) : undefined;
    return found === undefined
      ? { reason: error.reason, message: `the registered model could not be made: ${error.message}` }
      : undefined;
  }
}

async function makeVersion(
  target: CopyTarget,
  wanted: NewVersion,
  madeModel: boolean,
  options: Options,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  const has = (model: Model): boolean => copiesOf(wanted, model).length > 0;
  const copies = async (): Promise<string[]> => {
    const model = await until(target, wanted.model, has, options, signal);
    return model === undefined ? [] : copiesOf(wanted, model).map(({ version }) => version);
  };
  try {
    const version = await target.createVersion(wanted, signal);
    const others = (await copies()).filter((other) => other !== version);
    return { kind: 'Copied', version, madeModel, others };
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    const [version, ...others] = error.ambiguous ? await copies() : [];
    if (version !== undefined) return { kind: 'Copied', version, madeModel, others };
    const again = error.ambiguous
      ? '; run copy again, which makes no second one of a version that is there'
      : '';
    const made = madeModel ? '; the registered model was made' : '';
    return failed(error.reason, `the version could not be made: ${error.message}${made}${again}`);
  }
}

/** The model, once it is as it should be; undefined when it does not become so, or cannot be read. */
async function until(
  target: CopyTarget,
  name: string,
  isAsWanted: (model: Model) => boolean,
  { sleep }: Options,
  signal: AbortSignal,
): Promise<Model | undefined> {
  for (const lag of [...LAG, undefined]) {
    const fact = await target.read(name, signal);
    if (fact.kind === 'known' && isAsWanted(fact.value)) return fact.value;
    if (fact.kind === 'unknown' || lag === undefined) return undefined;
    await sleep(lag, signal);
  }
  return undefined;
}
