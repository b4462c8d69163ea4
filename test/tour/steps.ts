/** What the tour of the operator shows, step by step: what its user does, and what MLflow must say afterwards. */
import type { Holdings } from '../../src/cli/quickstart/registry.ts';

/** Each shows the command that a user would type, and does it. */
export interface Hands {
  /** A file of the repository, with some texts replaced. Tells whether the API server took it. */
  readonly apply: (
    file: string,
    changes?: Readonly<Record<string, string>>,
  ) => Promise<{ ok: boolean; text: string }>;
  readonly kubectl: (...args: string[]) => Promise<{ ok: boolean; text: string }>;
  readonly transitionByHand: (version: string, target: string) => Promise<void>;
}

export interface TourStep {
  readonly title: string;
  readonly story: string;
  act(hands: Hands): Promise<void>;
  /** Everything that MLflow must say in the end; versions in no stage are left out. */
  readonly expected: Holdings;
  /** What is looked at beside the registry. */
  inspect?(hands: Hands): Promise<void>;
}

export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly expected: string;
  readonly seen: string;

  constructor(expected: string, seen: string, options?: ErrorOptions) {
    super(`expected ${expected}, seen ${seen}`, options);
    this.expected = expected;
    this.seen = seen;
  }
}

const PROMOTION = 'examples/kubernetes/promotion.yaml';
const OBJECT = ['--namespace', 'ml', 'mp/customer-churn-model'] as const;
const serving = (version: string) => ({
  example_kubernetes: 'customer_churn_classifier',
  'version: "2"': `version: "${version}"`,
});

export const STEPS: readonly TourStep[] = [
  {
    title: 'The first promotion',
    story:
      'A registry says where MLflow is, a promotion which version serves. Applying them is all it takes.',
    async act({ apply, kubectl }) {
      await apply('examples/kubernetes/namespace.yaml');
      await apply('examples/kubernetes/registry.yaml');
      await apply(PROMOTION, serving('3'));
      await mustSucceed(kubectl('wait', ...OBJECT, '--for=condition=Ready', '--timeout=60s'));
    },
    expected: { stages: { 3: 'Production' }, aliases: { champion: '3' } },
    async inspect({ kubectl }) {
      await kubectl('get', 'modelpromotions,modelregistries', '--all-namespaces');
    },
  },
  {
    title: 'Production moves from 3 to 4',
    story: 'The new version is applied. The old one is archived and the alias moves along.',
    async act({ apply, kubectl }) {
      await apply(PROMOTION, serving('4'));
      await mustSucceed(kubectl('wait', ...OBJECT, '--for=condition=Ready', '--timeout=60s'));
    },
    expected: { stages: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } },
  },
  {
    title: 'A change made by hand, repaired',
    story: 'Somebody puts version 1 into Production in MLflow itself. The object says 4, so 4 it is again.',
    act: ({ transitionByHand }) => transitionByHand('1', 'Production'),
    expected: { stages: { 1: 'Archived', 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } },
    async inspect({ kubectl }) {
      await kubectl('events', '--namespace', 'ml', '--for', 'modelpromotion/customer-churn-model');
    },
  },
  {
    title: 'A bad manifest, refused by the API server',
    story: 'One version cannot hold two stages, and the rule that says so is in the CRD: nothing is stored.',
    async act({ apply }) {
      const both = 'version: "4"\n    - name: Staging\n      version: "4"';
      const { ok, text } = await apply(PROMOTION, {
        ...serving('4'),
        'version: "4"\n  aliases': `${both}\n  aliases`,
      });
      if (ok) throw new StepFailed('a refusal by the API server', text);
    },
    expected: { stages: { 1: 'Archived', 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } },
  },
  {
    title: 'A rollback, and the way out',
    story:
      'Version 4 disappoints: 3 is applied again. Then the object is deleted, and gives back what it held before it goes.',
    async act({ apply, kubectl }) {
      await apply(PROMOTION, serving('3'));
      await mustSucceed(kubectl('wait', ...OBJECT, '--for=condition=Ready', '--timeout=60s'));
      await kubectl('describe', ...OBJECT);
      await mustSucceed(kubectl('delete', ...OBJECT, '--timeout=60s'));
    },
    expected: { stages: { 1: 'Archived', 3: 'Archived', 4: 'Archived' }, aliases: {} },
  },
];

async function mustSucceed(running: Promise<{ ok: boolean; text: string }>): Promise<void> {
  const { ok, text } = await running;
  if (!ok) throw new StepFailed('kubectl to succeed', text);
}
