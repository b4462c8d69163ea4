import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMlflow } from '../../../src/cli/quickstart/mlflow.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';

describe('the shared MLflow', () => {
  it('is a real one, seeded and read over plain REST', async () => {
    const mlflow = rest(sharedMlflow());
    const model = uniqueModel();
    await mlflow.seed(model, 3);
    await mlflow.transition(model, '2', 'Production');
    await mlflow.transition(model, '3', 'Production', true);
    await mlflow.setAlias(model, 'champion', '3');
    await mlflow.setVersionTag(model, '3', 'team', 'churn');

    expect(await mlflow.state(model)).toEqual({
      stages: { 2: 'Archived', 3: 'Production' },
      aliases: { champion: '3' },
    });
    expect(await mlflow.versionTags(model, '3')).toEqual({ team: 'churn' });
  });
});

describe('an MLflow of one test', () => {
  let dir = '';
  const { signal } = new AbortController();

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'modelpromotion-test-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('asks for a password when it is started with one, and leaves nothing behind', async () => {
    const adminPassword = 'correct-horse-battery';
    const mlflow = await startMlflow({ dir, basicAuth: { adminPassword }, signal });
    const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`;
    const model = uniqueModel();

    await expect(rest(mlflow.url).createModel(model)).rejects.toMatchObject({ status: 401 });
    await rest(mlflow.url, { authorization }).seed(model, 1);
    await mlflow.stop();

    await expect(fetch(`${mlflow.url}/health`)).rejects.toThrow('fetch failed');
    expect(await readFile(mlflow.logFile, 'utf8')).toContain('Uvicorn running');
  });

  it('refuses a port that is in use', async () => {
    const port = Number(new URL(sharedMlflow()).port);
    await expect(startMlflow({ dir, port, signal })).rejects.toThrow(
      `MLflow cannot listen on port ${port}: it is in use.`,
    );
  });
});
