/** Builds the program and starts one real MLflow, for all integration tests of a run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startMlflow } from '../../src/cli/quickstart/mlflow.ts';
import { buildControlPlane } from './controlplane/build.ts';
import { buildWhenStale } from './built-program.ts';

declare module 'vitest' {
  interface ProvidedContext {
    mlflowUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildWhenStale();
  const building = new AbortController();
  await buildControlPlane({
    signal: building.signal,
    report: (line) => process.stderr.write(`${line}\n`),
  });
  const dir = await mkdtemp(join(tmpdir(), 'modelpromotion-mlflow-'));
  const stopping = new AbortController();
  const mlflow = await startMlflow({
    dir,
    signal: stopping.signal,
    report: (line) => process.stderr.write(`${line}\n`),
  });
  project.provide('mlflowUrl', mlflow.url);
  return async () => {
    await mlflow.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
