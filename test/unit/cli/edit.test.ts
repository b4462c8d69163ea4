/** The small decisions around an edit: who is meant, who commits, what is said, and what the registry's answer means. */
import { describe, expect, it } from 'vitest';
import { combine, parseFile } from '../../../src/api/documents.ts';
import { judge } from '../../../src/cli/edit/candidates.ts';
import { findPromotion } from '../../../src/cli/edit/find.ts';
import { parseAuthor } from '../../../src/cli/edit/git-home.ts';
import { managerOf } from '../../../src/cli/edit/managers.ts';
import { asPlugin, homeOf } from '../../../src/cli/edit/options.ts';
import { commitMessage, rollbackWording, suspendWording } from '../../../src/cli/edit/wording.ts';
import { CommandError } from '../../../src/cli/exit.ts';
import { parseTarget } from '../../../src/cli/rollback.ts';
import type { Return } from '../../../src/domain/rollback.ts';
import { aModel } from '../../support/builders.ts';

const promotion = (key: string, version = '"4"'): string => {
  const [namespace, name] = key.split('/');
  return `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: ${name}, namespace: ${namespace} }
spec: { model: ${name}, aliases: [{ name: champion, version: ${version} }] }
`;
};

function listing(...texts: readonly string[]) {
  const files = texts.map((text, index) => parseFile(`${index}.yaml`, new TextEncoder().encode(text)));
  return combine(files, 'r1');
}

describe('a promotion that is named', () => {
  const all = listing(
    promotion('ml/churn'),
    promotion('dev/churn'),
    promotion('ml/fraud'),
    promotion('ml/churn-eu'),
  );
  const named = (name: string, namespace?: string) => findPromotion(all, name, namespace).object.metadata;

  it('is found by its name where that is enough, by its key, and in its namespace', () => {
    expect(named('fraud')).toMatchObject({ namespace: 'ml', name: 'fraud' });
    expect(named('dev/churn')).toMatchObject({ namespace: 'dev' });
    expect(named('churn', 'ml')).toMatchObject({ namespace: 'ml', name: 'churn' });
    expect(named('ml/churn', 'dev')).toMatchObject({ namespace: 'ml' });
  });

  it.each([
    ['churn', 'churn may be ml/churn or dev/churn: say which'],
    ['ml/chrun', 'there is no promotion "ml/chrun"; did you mean "ml/churn"?'],
    ['fruad', 'there is no promotion "fruad"; did you mean "ml/fraud"?'],
    ['taxi', 'there is no promotion "taxi"; there is ml/churn, dev/churn, ml/fraud, ml/churn-eu'],
  ])('%s is refused: %s', (name, message) => {
    expect(() => findPromotion(all, name, undefined)).toThrow(new CommandError(2, message));
  });

  it('is refused where something is wrong with it, or it is declared twice', () => {
    const broken = listing(promotion('ml/churn', '4'), promotion('ml/fraud'), promotion('ml/fraud'));
    expect(() => findPromotion(broken, 'churn', undefined)).toThrow(
      /^correct this first: 0.yaml:4:.*quote it/,
    );
    expect(() => findPromotion(broken, 'fraud', undefined)).toThrow(
      /2.yaml:3:.*declared at 1.yaml:1:1 already/,
    );
  });

  it('may be in a file that cannot be read', () => {
    expect(() => findPromotion(listing('a: [', promotion('ml/churn')), 'taxi', 'ml')).toThrow(
      /no promotion "ml\/taxi".*it may be in what cannot be read: 0.yaml:1:/,
    );
  });
});

it.each([
  ['stage/Production', 'stage/Production'],
  ['production', 'stage/Production'],
  ['Staging', 'stage/Staging'],
  ['alias/champion', 'alias/champion'],
  ['@champion', 'alias/champion'],
  ['champion', undefined],
  ['stage/Archived', undefined],
  ['alias/', undefined],
])('the target %s is %s', (text, target) => {
  expect(parseTarget(text)).toBe(target);
});

describe('who commits', () => {
  it.each([
    ['Ada L. <ada@example.com>', { name: 'Ada L.', email: 'ada@example.com' }],
    ['  Ada  <a@b>  ', { name: 'Ada', email: 'a@b' }],
  ])('%s', (text, identity) => {
    expect(parseAuthor(text)).toEqual(identity);
  });

  it.each(['Ada', '<a@b>', 'Ada <>', 'Ada <a b>', 'Ada\nx <a@b>', 'Ada <a@b> <c@d>'])('is not %j', (text) => {
    expect(() => parseAuthor(text)).toThrow('--author');
  });
});

describe('the message of a commit', () => {
  const back = (target: string, from: string, to: string) => ({ target, from, to }) as unknown as Return;

  it('says what, why, and in trailers what programs ask', () => {
    const returns = [back('stage/Production', '4', '3'), back('alias/champion', '4', '3')];
    expect(commitMessage(rollbackWording('ml/churn', returns, 'wrong scores'))).toBe(
      `Roll back ml/churn to version 3

Production: 4 -> 3
@champion: 4 -> 3
Reason: wrong scores

Promotion: ml/churn
Rollback-From: 4
Rollback-To: 3
`,
    );
    expect(commitMessage(suspendWording('ml/churn', true, undefined))).toBe(
      'Suspend ml/churn\n\nPromotion: ml/churn\nSuspend: true\n',
    );
  });

  it('lets nobody write trailers with a reason', () => {
    const message = commitMessage(suspendWording('ml/churn', true, 'x\n\nPromotion: ml/other\n'));
    expect(message.split('\n').filter((line) => line.startsWith('Promotion:'))).toEqual([
      'Promotion: ml/churn',
    ]);
  });
});

describe('what the registry says of a version', () => {
  const pending = { stage: 'None', status: 'PENDING_REGISTRATION' } as const;
  const churn = aModel({ versions: { 3: 'Archived', 4: pending } });

  it.each([
    [['3'], 'ready', 'version 3 of churn exists and is READY'],
    [['4'], 'unusable', 'version 4 is still being registered (PENDING_REGISTRATION)'],
    [['2', '4'], 'unusable', /version 2 of churn does not exist.*; version 4 is still/],
  ])('%j: %s', (versions, kind, message) => {
    const check = judge({ kind: 'known', value: churn }, 'churn', versions);
    expect(check.kind).toBe(kind);
    expect(check.message).toMatch(message);
  });

  it('an answer that did not come is no answer', () => {
    const fact = { kind: 'unknown', reason: 'RegistryUnavailable', message: 'refused' } as const;
    expect(judge(fact, 'churn', ['3'])).toMatchObject({ kind: 'unknown' });
    expect(judge({ kind: 'absent' }, 'churn', ['3'])).toMatchObject({ kind: 'unusable' });
  });
});

it.each([
  [{ annotations: { 'argocd.argoproj.io/tracking-id': 'models:modelpromotion.dev/ModelPromotion:ml/churn' } }, /^Argo CD applies it \(models\)/],
  [{ labels: { 'kustomize.toolkit.fluxcd.io/name': 'models' } }, /^Flux applies it \(Kustomization models\)/],
  [{ labels: { 'app.kubernetes.io/instance': 'models' } }, /^Argo CD or Helm may apply it/],
  [{ labels: { team: 'ml' } }, undefined],
] as const)('of an object with %j somebody else may be the master', (metadata, message) => {
  const said = managerOf(metadata);
  if (message === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(message);
}); // prettier-ignore

describe('the home that is meant', () => {
  const none = {
    source: undefined,
    'git-url': undefined,
    kubeconfig: undefined,
    context: undefined,
  } as const;

  it.each([
    [{}, {}, 'folder'],
    [{ 'git-url': 'https://git.example.com/m.git' }, {}, 'git'],
    [{ context: 'prod' }, {}, 'kubernetes'],
    [{}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'kubernetes'],
    [{ source: 'folder' as const, context: 'prod' }, {}, 'folder'],
  ])('with %j and %j is %s', (given, env, home) => {
    expect(homeOf({ ...none, ...given }, env)).toBe(home);
  });

  it('of a plugin of kubectl is the cluster, unless another is named', () => {
    expect(asPlugin('rollback', {}, {})).toEqual({ source: 'kubernetes' });
    expect(asPlugin('rollback', { 'git-url': 'x' }, {})).toEqual({ 'git-url': 'x' });
    expect(asPlugin('rollback', { server: 'x' }, {})).toEqual({ server: 'x', source: 'kubernetes' });
    expect(asPlugin('status', { server: 'x' }, {})).toEqual({ server: 'x' });
    expect(asPlugin('rollback', {}, { MODELPROMOTION_SOURCE: 'git' })).toEqual({});
  });
});
