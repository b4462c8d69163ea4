/** What the tour shows, step by step: what its user does, and what the registry must say afterwards. */
import type { Holdings } from './registry.ts';
import type { Guide } from './guide.ts';
import { MODEL } from './subject.ts';

const CHURN = 'customer-churn.yaml';
const CANARY = 'customer-churn-canary.yaml';
/** As train.py names it. */
const NIGHTLY_RUN = 'tuned support vectors';

/** Who is in which stage after the rollback. */
const ROLLED_BACK = { 1: 'Archived', 3: 'Production', 4: 'Archived' } as const;

/** No example, for each tour has a run of its own. */
function nightly(run: string): string {
  return `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata:
  name: customer-churn-nightly
  namespace: ml
spec:
  model: ${MODEL}
  aliases:
    - name: nightly
      versionFrom:
        source: runs:/${run}/model
  register:
    tags:
      trained: by night
`;
}

export interface Step {
  readonly title: string;
  readonly story: string;
  act(guide: Guide): Promise<void>;
  /** Everything that MLflow must say in the end; versions in no stage are left out. */
  readonly expected: Holdings;
  /** What is looked at beside the registry. */
  inspect?(guide: Guide): Promise<void>;
}

export const STEPS: readonly Step[] = [
  {
    title: 'The first promotion',
    story: 'One file says which version serves, and bears the alias champion. Pushing it is all it takes.',
    async act(guide) {
      await guide.addFile(CHURN);
      await guide.push('Serve version 3');
    },
    expected: { stages: { 3: 'Production' }, aliases: { champion: '3' } },
  },
  {
    title: 'A commit moves Production from 3 to 4',
    story: 'The plan says what a push will do. The old version is archived and the alias moves along.',
    async act(guide) {
      await guide.edit(CHURN, { 'version: "3"': 'version: "4"', 'CHG-1041': 'CHG-1042' });
      await guide.product(['plan', '.'], { exitCode: 0 });
      await guide.push('Promote version 4 to Production');
    },
    expected: { stages: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } },
    // What is changed by hand before the controller has written its work down would be promoted anew, not repaired.
    inspect: (guide) => guide.untilReady(),
  },
  {
    title: 'A change made by hand, repaired',
    story: 'Somebody puts version 1 into Production in MLflow itself. Git says 4, so 4 it is again.',
    async act(guide) {
      await guide.transitionByHand('1', 'Production');
    },
    expected: { stages: { 1: 'Archived', 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } },
  },
  {
    title: 'A rollback',
    story:
      'Version 4 disappoints. One command declares the version before, by a commit; git revert would do as well.',
    act: (guide) => guide.rollback('ml/customer-churn', 'wrong scores since Monday'),
    expected: {
      stages: ROLLED_BACK,
      aliases: { champion: '3' },
    },
  },
  {
    title: 'A bad manifest, refused, while the rest goes on',
    story:
      'The quotes around a version are missing in a new file. The same push gives version 2 an alias, and that works.',
    async act(guide) {
      await guide.addFile(CANARY, (text) => text.replace('"4"', '4'));
      await guide.edit(CHURN, { 'aliases:': 'aliases:\n    - name: challenger\n      version: "2"' });
      await guide.product(['validate', '.'], { exitCode: 2 });
      await guide.push('Try version 4 as canary, and name a challenger');
    },
    expected: {
      stages: ROLLED_BACK,
      aliases: { challenger: '2', champion: '3' },
    },
    inspect: (guide) => guide.showProblems({ [CANARY]: 1 }),
  },
  {
    title: 'Questions to the registry',
    story: 'Which versions are good enough, and is one of them better than the one in Production?',
    async act(guide) {
      await guide.product(['search', '--metric', 'accuracy>=0.8'], { exitCode: 0 });
      await guide.product(['compare', MODEL, '4', '--differences'], { exitCode: 0 });
    },
    expected: {
      stages: ROLLED_BACK,
      aliases: { challenger: '2', champion: '3' },
    },
  },
  {
    title: 'A version registered by a commit',
    story: 'The model of a run that nobody registered: the commit names the run, and the version is made.',
    async act(guide) {
      await guide.writeFile('customer-churn-nightly.yaml', nightly(await guide.run(NIGHTLY_RUN)));
      await guide.push('Register the model of the night');
    },
    expected: {
      stages: ROLLED_BACK,
      aliases: { challenger: '2', champion: '3', nightly: '5' },
    },
  },
  {
    title: 'The best, chosen by rule',
    story: 'The challenger is no longer a number but a rule. The plan says what it chose from.',
    async act(guide) {
      await guide.edit(CHURN, {
        'name: challenger\n      version: "2"':
          'name: challenger\n      versionFrom:\n        best: { metric: accuracy, goal: maximize, filter: version_number < 5 }',
      });
      await guide.product(['plan', CHURN], { exitCode: 0 });
      await guide.push('The challenger is the most accurate version');
    },
    expected: {
      stages: ROLLED_BACK,
      aliases: { challenger: '4', champion: '3', nightly: '5' },
    },
  },
  {
    title: 'The registry as manifests',
    story: 'Whatever a registry holds can be written down as manifests, which then plan to nothing.',
    async act(guide) {
      await guide.product(['export', '--output-dir', '../exported'], { exitCode: 0 });
      await guide.product(['plan', '../exported', '--exit-code'], { exitCode: 0 });
    },
    expected: {
      stages: ROLLED_BACK,
      aliases: { challenger: '4', champion: '3', nightly: '5' },
    },
  },
];
