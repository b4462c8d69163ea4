/** What the tour shows, step by step: what its user does, and what the registry must say afterwards. */
import type { Holdings } from './registry.ts';
import type { Guide } from './guide.ts';

const CHURN = 'customer-churn.yaml';
const CANARY = 'customer-churn-canary.yaml';
const PROMOTION = 'Promote version 4 to Production';

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
      await guide.push(PROMOTION);
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
      stages: { 1: 'Archived', 3: 'Archived', 4: 'Production' },
      aliases: { challenger: '2', champion: '4' },
    },
    inspect: (guide) => guide.showProblems({ [CANARY]: 1 }),
  },
  {
    title: 'A rollback',
    story: 'Version 4 disappoints. Reverting its commit puts 3 back; what was declared since then stays.',
    act: (guide) => guide.revert(PROMOTION),
    expected: {
      stages: { 1: 'Archived', 3: 'Production', 4: 'Archived' },
      aliases: { challenger: '2', champion: '3' },
    },
  },
];
