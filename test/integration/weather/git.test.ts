/** Faults between us and the git server: what is declared is carried out once all the same, and statuses are written once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  answer,
  dropAfter,
  dropBefore,
  resetAfter,
  startFaultProxy,
  truncate,
  type Fault,
  type FaultProxy,
  type Rule,
} from '../../support/fault-proxy.ts';
import { uniqueModel } from '../../support/mlflow.ts';
import { eventually, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from '../e2e/installation.ts';
import { mlflow } from './world.ts';

const PAGE = '<html><body><h1>Please log in</h1></body></html>';
const UNREADABLE = 'the source cannot be read; what was declared last still holds';
const UNWRITTEN = 'statuses cannot be written to the status branch; promotions go on, and it is tried again';

let proxy: FaultProxy;
let place: Installation;
let daemon: Daemon;
let version = 1;
const model = uniqueModel('git');

beforeAll(async () => {
  await mlflow.seed(model, 20);
  place = await install();
  proxy = await startFaultProxy(new URL(place.gitUrl).origin);
  await declare();
  daemon = await place.start(['--git-url', `${proxy.url}/models.git`]);
  await daemon.settled('default/git', 'UpToDate');
});
beforeEach(() => proxy.clear());
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

function declare(): Promise<string> {
  version += 1;
  const aliases = [{ name: 'champion', version: String(version) }];
  return place.commit({ 'git.yaml': promotion('git', { model, aliases }) });
}

/** The server dies while it sends. */
const diesHalfWay: Fault = async ({ forward, begin, hangUp }) => {
  const reply = await forward();
  begin(reply, reply.body.slice(0, reply.body.length / 2));
  setTimeout(hangUp, 50);
};

/** What is asked for a pack; the other calls to this path ask where the branches are. */
const FETCH: Rule = { method: 'POST', path: /git-upload-pack/, body: /fetch/ };
const REFS: Rule = { path: /info\/refs\?service=git-upload-pack/ };
const PUSH: Rule = { method: 'POST', path: /git-receive-pack/ };

describe('a fetch', () => {
  it.each<[string, Rule, Fault, RegExp]>([
    ['whose server dies half-way', FETCH, diesHalfWay, /broke off the connection|git failed/],
    ['that is truncated', FETCH, truncate, /broke off the connection|git failed/],
    ['that is answered by a gateway with 502', REFS, answer(502, PAGE), /error 502/],
    ['that never arrives', REFS, dropBefore, /broke off the connection/],
  ])('%s is told, and made again by itself', async (_what, rule, fault, words) => {
    const told = daemon.log().filter(({ msg }) => msg === UNREADABLE).length;
    const changes = await daemon.metric(SET_ALIAS);
    proxy.on({ ...rule, times: 1 }, fault);
    const commit = await declare();
    await daemon.settled('default/git', 'UpToDate', commit);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: String(version) });
    expect(await daemon.metric(SET_ALIAS)).toBe(changes + 1);
    const lines = daemon
      .log()
      .filter(({ msg }) => msg === UNREADABLE)
      .slice(told);
    expect(lines).toMatchObject([
      { level: 'warn', reason: 'Unreachable', detail: expect.stringMatching(words) },
    ]);
    expect((await daemon.status()).source.failure).toBeUndefined();
  });

  it.each<[string, Rule, Fault]>([
    ['whose connection is reset', FETCH, resetAfter],
    ['that is answered by a page for a moment', REFS, answer(200, PAGE)],
  ])('%s is made again, and nothing is believed to be gone', async (_what, rule, fault) => {
    const changes = await daemon.metric(SET_ALIAS);
    proxy.on({ ...rule, times: 1 }, fault);
    const commit = await declare();
    await daemon.settled('default/git', 'UpToDate', commit);
    expect(await daemon.metric(SET_ALIAS)).toBe(changes + 1);
    expect(daemon.log().filter(({ reason }) => reason === 'BranchNotFound')).toEqual([]);
  });

  it('that is answered by a page with 200 for longer is told as that', async () => {
    proxy.on(REFS, answer(200, PAGE));
    const line = await daemon.logged(UNREADABLE, { reason: 'Unreachable' });
    expect(line).toBeDefined();
    await eventually(async () =>
      expect((await daemon.status()).source.failure?.message).toContain('web page instead of git'),
    );
    proxy.clear();
    await eventually(async () => expect((await daemon.status()).source.failure).toBeUndefined());
  });
});

const SET_ALIAS = 'modelpromotion_actions_total{kind="SetAlias",cause="Promotion"}';

describe('a push of statuses', () => {
  it.each<[string, Fault]>([
    ['whose answer was lost after it had landed', dropAfter],
    ['whose connection was reset after it had landed', resetAfter],
    ['that never arrived', dropBefore],
    ['that a gateway answered with a page', answer(200, PAGE)],
  ])('%s is settled by looking, and is one commit', async (_what, fault) => {
    const said = daemon.log().filter(({ msg }) => msg === UNWRITTEN).length;
    const shown = await daemon.promotion('default/git');
    await eventually(async () => expect(await place.statusFile('default/git')).toEqual(shown));
    const commits = await place.statusCommits();
    proxy.on({ ...PUSH, times: 1 }, fault);
    const commit = await declare();
    const settled = await daemon.settled('default/git', 'UpToDate', commit);
    await eventually(async () => expect(await place.statusFile('default/git')).toEqual(settled));
    await eventually(async () => expect(await daemon.metric('modelpromotion_queue_depth')).toBe(0));
    expect(await place.statusCommits()).toBe(commits + 1);
    expect(daemon.log().filter(({ msg }) => msg === UNWRITTEN).length).toBeLessThanOrEqual(said + 1);
  });
});

describe('a page with 200 at the very start', () => {
  it('does not make us forget what the status branch holds', async () => {
    const shown = await daemon.promotion('default/git');
    await eventually(async () => expect(await place.statusFile('default/git')).toEqual(shown));
    await daemon.stop();
    proxy.on({ ...REFS, times: 1 }, answer(200, PAGE));
    daemon = await place.start(['--git-url', `${proxy.url}/models.git`]);
    await daemon.settled('default/git', 'UpToDate');
    await daemon.logged('remembered statuses were read');
    expect(await daemon.promotion('default/git')).toEqual(shown);
  });
});
