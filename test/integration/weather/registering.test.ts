/**
 * Registering is the one call that makes something new each time. Whatever becomes of it and of its answer, there is one
 * version from the source in the end, and it holds what it was registered for. The built program, with a proxy between
 * it and the real MLflow.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  after,
  answer,
  answerAfter,
  dropAfter,
  dropBefore,
  hangAfter,
  resetAfter,
  startFaultProxy,
  truncate,
  type Fault,
  type FaultProxy,
} from '../../support/fault-proxy.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from '../e2e/installation.ts';
import { aLoggedModel, aRun } from '../mlflow/runs.ts';
import { mlflow } from './world.ts';

const TIMEOUT = 3;
const REGISTERING = { method: 'POST', path: /model-versions\/create/, times: 1 };

let proxy: FaultProxy;
let place: Installation;
let daemon: Daemon;

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
  place = await install(proxy.url);
  await place.commit({ 'README.md': 'Models' });
  daemon = await place.start([], { MLFLOW_HTTP_REQUEST_TIMEOUT: String(TIMEOUT) });
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

describe('A version is registered once, and promoted', () => {
  it.each<[string, Fault]>([
    ['when the call never arrives', dropBefore],
    ['when its answer is lost', dropAfter],
    ['when the connection is reset before the answer', resetAfter],
    ['when the answer never comes', hangAfter],
    ['when the answer is cut', truncate],
    ['when a gateway answers for the server, which did it', answerAfter(502, '<html>bad gateway</html>')],
    ['when a gateway answers before the server was asked', answer(503, '<html>overloaded</html>')],
    ['when the server is asked after we gave up waiting', after((TIMEOUT + 1) * 1_000)],
  ])('%s', async (what, fault) => {
    const [model, runId] = [uniqueModel('once'), await aRun()];
    await aLoggedModel(runId);
    await mlflow.seed(model, 1);
    proxy.on({ ...REGISTERING, body: new RegExp(model) }, fault);
    const stages = [{ name: 'Production', versionFrom: { source: `runs:/${runId}/model` } }];
    const name = what.replaceAll(/[^a-z]+/g, '-');
    await place.commit({ [`${name}.yaml`]: promotion(name, { model, stages }) });
    await daemon.settled(`default/${name}`, 'UpToDate');
    await eventually(async () => expect((await mlflow.state(model)).stages).toEqual({ 2: 'Production' }));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await expect(mlflow.version(model, '3')).rejects.toThrow(/RESOURCE_DOES_NOT_EXIST/);
  });
});
