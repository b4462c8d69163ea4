/** Every point between two calls of a promotion, and how to hold one there. */
import { afterwards, hang, hangAfter, type FaultProxy, type Rule } from '../../support/fault-proxy.ts';
import { eventually } from '../../support/program.ts';
import { expect } from 'vitest';
import { begin, CHANGES, changesOf, marksOf, missing, type Story } from './world.ts';

/** The writes of one promotion, in their order. */
const WRITES: Readonly<Record<string, Rule>> = {
  'the transition': { path: /transition-stage/ },
  'the tag': { path: /model-versions\/set-tag/, body: /"ticket"/ },
  'the description': { method: 'PATCH', path: /model-versions\/update/ },
  'the alias': { method: 'POST', path: /registered-models\/alias/ },
  'the provenance mark': { path: /model-versions\/set-tag/, body: /modelpromotion.dev/ },
  'the first owner mark': { path: /registered-models\/set-tag/, body: /owner\/stage/ },
  'the second owner mark': { path: /registered-models\/set-tag/, body: /owner\/alias/ },
};

/** Holds a promotion at its point, and tells when it is there. */
type Hold = (proxy: FaultProxy, story: Story, arrived: () => void) => void;

export const POINTS: readonly [string, Hold][] = [
  ...Object.entries(WRITES).flatMap(([what, rule]): [string, Hold][] => [
    [`before ${what} was sent on`, (proxy, story, arrived) => proxy.on(of(story, rule), telling(arrived, hang))],
    [`after ${what} was carried out`, (proxy, story, arrived) => proxy.on(of(story, rule), telling(arrived, hangAfter))],
  ]),
  [
    'before anything was read back',
    (proxy, story, arrived) =>
      proxy.on(
        of(story, WRITES['the second owner mark'] ?? {}),
        afterwards(() => {
          proxy.on({ method: 'GET', path: new RegExp(story.model) }, telling(arrived, hang));
          return Promise.resolve();
        }),
      ),
  ],
]; // prettier-ignore

function of({ model }: Story, { body, ...rule }: Rule): Rule {
  return { ...rule, body: new RegExp(`(?=.*${model})(?=.*${body?.source ?? ''})`) };
}

function telling(arrived: () => void, fault: typeof hangAfter): typeof hangAfter {
  return async (exchange) => {
    await fault(exchange);
    arrived();
  };
}

export interface Held {
  /** The promotion that each point has of its own. */
  readonly stories: ReadonlyMap<string, Story>;
  /** Resolves when each is held where it should be. */
  reached(): Promise<void>;
}

/** A promotion for each point, to be held there once it is declared. */
export async function holdEach(proxy: FaultProxy, ...model: Parameters<typeof begin>): Promise<Held> {
  const stories = new Map<string, Story>();
  const arrived = new Set<string>();
  for (const [point, hold] of POINTS) {
    const story = await begin(...model);
    stories.set(point, story);
    hold(proxy, story, () => arrived.add(point));
  }
  const reached = (): Promise<void> =>
    eventually(() => {
      const late = POINTS.filter(([point]) => !arrived.has(point)).map(([point]) => point);
      if (late.length > 0) throw new Error(`not there yet: ${late.join(', ')}`);
    });
  return { stories, reached };
}

/** It came to what is declared, and each change and each mark of an owner was written once. */
export async function expectDoneOnce(proxy: FaultProxy, story: Story | undefined): Promise<Story> {
  if (story === undefined) throw new Error('it was not told');
  expect(await missing(story.model)).toBeUndefined();
  expect(changesOf(proxy, story.model)).toEqual(CHANGES);
  const owners = marksOf(proxy, story.model).filter((mark) => mark.includes('/owner/'));
  expect(owners).toHaveLength(new Set(owners).size);
  return story;
}
