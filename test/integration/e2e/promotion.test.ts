/** From a commit to the registry and back to a status: what a person who edits manifests sees. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
let place: Installation;
let daemon: Daemon;

beforeAll(async () => {
  place = await install();
  await place.commit({ 'README.md': 'Models of this team' });
  daemon = await place.start();
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

describe('a promotion', () => {
  const model = uniqueModel('churn');
  const other = uniqueModel('churn-other');
  const churn = (production: string) =>
    promotion('ml/churn', {
      model,
      stages: [
        { name: 'Staging', version: '2' },
        {
          name: 'Production',
          version: production,
          description: 'Deployed after validation',
          tags: { 'change-request': `CHG-${production}` },
        },
      ],
      aliases: [{ name: 'champion', version: production }],
    });

  beforeAll(async () => {
    await mlflow.seed(model, 5);
    await mlflow.seed(other, 1);
    await mlflow.setAlias(model, 'theirs', '1');
    await mlflow.transition(model, '5', 'Staging');
    await mlflow.setVersionTag(model, '3', 'team', 'churn');
  });

  it('is carried out when it is first declared, among other documents and kinds', async () => {
    const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: unrelated\n';
    const canary = promotion('canary', { model: other, aliases: [{ name: 'canary', version: '1' }] });
    const commit = await place.commit({ 'models/all.yaml': `${config}---\n${churn('3')}---\n${canary}` });

    await daemon.settled('ml/churn', 'UpToDate', commit);
    await daemon.settled('default/canary', 'UpToDate', commit);

    expect(await mlflow.state(model)).toEqual({
      stages: { 2: 'Staging', 3: 'Production', 5: 'Archived' },
      aliases: { champion: '3', theirs: '1' },
    });
    expect(await mlflow.version(model, '3')).toMatchObject({ description: 'Deployed after validation' });
    expect(await mlflow.versionTags(model, '3')).toMatchObject({ team: 'churn', 'change-request': 'CHG-3' });
    expect((await mlflow.state(other)).aliases).toEqual({ canary: '1' });
    expect((await daemon.status()).source).toMatchObject({ ignored: 1, problems: [] });
  });

  it('moves Production by a commit, archives the former version, and says who, what, when and from which commit', async () => {
    const commit = await place.commit({ 'models/all.yaml': churn('4'), 'models/canary.yaml': null });
    const shown = await daemon.settled('ml/churn', 'UpToDate', commit);

    expect(await mlflow.state(model)).toEqual({
      stages: { 2: 'Staging', 3: 'Archived', 4: 'Production', 5: 'Archived' },
      aliases: { champion: '4', theirs: '1' },
    });
    expect(await mlflow.version(model, '4')).toMatchObject({ description: 'Deployed after validation' });
    expect(await mlflow.versionTags(model, '4')).toMatchObject({ 'change-request': 'CHG-4' });
    expect(shown).toMatchObject({
      metadata: { generation: 2 },
      status: {
        observedGeneration: 2,
        lastAppliedRevision: `main@sha1:${commit}`,
        summary: { stages: 'Staging=2,Production=4', aliases: 'champion=4', ready: 'True' },
      },
    });
    const moves = shown.status?.history?.filter(({ revision }) => revision?.endsWith(commit));
    const common = {
      from: '3',
      to: '4',
      cause: 'Promotion',
      revision: `main@sha1:${commit}`,
      by: 'Ada Reviewer <ada@example.com>',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      digest: expect.stringMatching(/^sha256:/),
    };
    expect(moves).toEqual([
      { target: 'alias/champion', ...common },
      { target: 'stage/Production', ...common },
    ]);
    await eventually(async () => expect(await place.statusFile('ml/churn')).toEqual(shown));
    expect(await place.repo.tip('main')).toBe(commit);
  });

  it('leaves its provenance on the version, and its owner on the model', async () => {
    const { registered_model } = await mlflow.call('GET', 'registered-models/get', { name: model });
    const mark = JSON.parse((await mlflow.versionTags(model, '4'))['modelpromotion.dev/applied'] ?? 'null');

    expect(mark).toMatchObject({ by: 'default/ml/churn', revision: expect.stringMatching(/^main@sha1:/) });
    expect(registered_model.tags).toContainEqual({
      key: 'modelpromotion.dev/owner/stage/Production',
      value: 'default/ml/churn',
    });
  });

  it('keeps its identity and generation when its file moves', async () => {
    const before = await daemon.promotion('ml/churn');
    const commit = await place.commit({ 'models/all.yaml': null, 'elsewhere/churn.yml': churn('4') });
    await daemon.read(commit);
    await daemon.sweeps(1);

    expect(await daemon.promotion('ml/churn')).toEqual(before);
    expect(await mlflow.state(model)).toMatchObject({ aliases: { champion: '4' } });
  });

  it('is not acted upon while it is suspended, and is caught up with when it is resumed', async () => {
    const suspended = churn('3').replace('spec:\n', 'spec:\n  suspend: true\n');
    await place.commit({ 'elsewhere/churn.yml': suspended });
    await daemon.settled('ml/churn', 'Suspended');
    await mlflow.setAlias(model, 'champion', '1');
    await daemon.sweeps(2);
    const shown = await daemon.promotion('ml/churn');

    expect(conditionOf(shown, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'Suspended' });
    expect(shown?.status?.summary).toMatchObject({ ready: 'Suspended' });
    expect(await mlflow.state(model)).toMatchObject({
      stages: { 4: 'Production' },
      aliases: { champion: '1' },
    });

    await place.commit({ 'elsewhere/churn.yml': churn('3') });
    await daemon.settled('ml/churn', 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({
      stages: { 3: 'Production', 4: 'Archived' },
      aliases: { champion: '3' },
    });
  });

  it('leaves a target in place that is no longer declared, and says so', async () => {
    const fewer = promotion('ml/churn', { model, stages: [{ name: 'Production', version: '3' }] });
    const commit = await place.commit({ 'elsewhere/churn.yml': fewer });
    await daemon.settled('ml/churn', 'UpToDate', commit);

    expect(await mlflow.state(model)).toMatchObject({ aliases: { champion: '3' } });
    await daemon.logged('event', { promotion: 'ml/churn', reason: 'TargetDropped' });
  });
});

describe('a candidate', () => {
  it('that does not exist yet is named, keeps the incumbent, and is promoted when it is registered', async () => {
    const model = uniqueModel('late');
    await mlflow.seed(model, 1);
    const late = (version: string) =>
      promotion('late', { model, stages: [{ name: 'Production', version }], interval: '2s' });
    await place.commit({ 'late.yaml': late('1') });
    await daemon.settled('default/late', 'UpToDate');

    const commit = await place.commit({ 'late.yaml': late('2') });
    const shown = await daemon.settled('default/late', 'VersionNotFound', commit);
    expect(conditionOf(shown, 'Stalled')).toMatchObject({ status: 'True' });
    expect(conditionOf(shown, 'Ready')?.message).toMatch(/version 2 .* does not exist/);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });

    await mlflow.createVersion(model);
    await daemon.settled('default/late', 'UpToDate', commit);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Archived', 2: 'Production' } });
  });

  it('of a model that does not exist is promoted once the model is there', async () => {
    const model = uniqueModel('unborn');
    await place.commit({
      'unborn.yaml': promotion('unborn', { model, aliases: [{ name: 'champion', version: '1' }] }),
    });
    await daemon.settled('default/unborn', 'ModelNotFound');

    await mlflow.seed(model, 1);
    await daemon.settled('default/unborn', 'UpToDate');
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' });
  });

  it('that is taken from a stage of the same promotion follows that stage', async () => {
    const model = uniqueModel('follow');
    await mlflow.seed(model, 2);
    const follow = (version: string) =>
      promotion('follow', {
        model,
        aliases: [{ name: 'challenger', versionFrom: { stage: 'Staging' } }],
        stages: [{ name: 'Staging', version }],
      });
    await place.commit({ 'follow.yaml': follow('1') });
    await daemon.settled('default/follow', 'UpToDate');
    expect((await mlflow.state(model)).aliases).toEqual({ challenger: '1' });

    const commit = await place.commit({ 'follow.yaml': follow('2') });
    await daemon.settled('default/follow', 'UpToDate', commit);
    expect(await mlflow.state(model)).toEqual({
      stages: { 1: 'Archived', 2: 'Staging' },
      aliases: { challenger: '2' },
    });
  });

  it('of a prompt is refused, and the prompt is left alone', async () => {
    const name = uniqueModel('prompt');
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
    await mlflow.call('POST', 'registered-models/create', { name, tags });
    const isPrompt = { 'mlflow.prompt.is_prompt': 'true', 'mlflow.prompt.text': 'Hello' };
    await mlflow.createVersion(name, { source: 'dummy-source', tags: isPrompt });
    await place.commit({
      'prompt.yaml': promotion('prompt', { model: name, aliases: [{ name: 'champion', version: '1' }] }),
    });

    const shown = await daemon.settled('default/prompt', 'IsPrompt');
    expect(conditionOf(shown, 'Stalled')?.message).toContain('is a prompt');
    const { registered_model } = await mlflow.call('GET', 'registered-models/get', { name });
    expect(registered_model.aliases ?? []).toEqual([]);
  });

  it('that two stages want is refused before anything is changed', async () => {
    const model = uniqueModel('twice');
    await mlflow.seed(model, 1);
    await mlflow.setAlias(model, 'best', '1');
    const commit = await place.commit({
      'twice.yaml': promotion('twice', {
        model,
        stages: [
          { name: 'Production', version: '1' },
          { name: 'Staging', versionFrom: { alias: 'best' } },
        ],
      }),
    });

    const shown = await daemon.settled('default/twice', 'Conflict', commit);
    expect(conditionOf(shown, 'Stalled')?.message).toContain('a version holds one stage');
    await daemon.sweeps(2);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
  });
});
