/** Every point between two calls of a promotion, and how to hold one there. */
import { afterwards, hang, hangAfter, type FaultProxy, type Rule } from '../../support/fault-proxy.ts';
import type { Story } from './world.ts';

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
