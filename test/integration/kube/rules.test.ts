/** Each rule of the kinds that is written in CEL refuses, on the real API server, with the message that it states. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { KubeWorld } from './world.ts';

const CRDS = join(import.meta.dirname, '../../../crds');
const ONE_OF_TWO = 'give exactly one of version and versionFrom';
const DURATION = 'a duration between 1s and 576h (24 days)';
const production = { name: 'Production', version: '4' };
const secret = (name: string) => ({ secretRef: { name } });
const following = (name: string, versionFrom: object) => ({ name, versionFrom });
const tagged = (key: string) => ({ stages: [{ ...production, tags: { [key]: 'why' } }] });
const best = { metric: 'f1', goal: 'maximize' };
const pin = { version: '3', reason: 'INC-7', until: '2026-12-31T00:00:00Z' };

/** What is refused, and with which message. */
const PROMOTIONS: readonly (readonly [spec: object, message: string])[] = [
  [{ model: '..', stages: [production] }, 'MLflow refuses the model names "." and ".."'],
  [
    tagged('a//b'),
    'a tag key has letters, digits and "_.: -", in parts joined by "/", and at most 250 characters',
  ],
  [
    tagged('k'.repeat(251)),
    'a tag key has letters, digits and "_.: -", in parts joined by "/", and at most 250 characters',
  ],
  [tagged('a/../b'), 'no part of a tag key is "." or "..", and a tag key does not start with ".."'],
  [tagged('mlflow.prompt.x'), 'tag keys under "modelpromotion.dev/" and "mlflow.prompt." are reserved'],
  [{ stages: [{ name: 'Staging' }] }, ONE_OF_TWO],
  [{ aliases: [{ name: 'champion' }] }, ONE_OF_TWO],
  [{ stages: [production], interval: '500ms' }, DURATION],
  [{ stages: [following('Production', { best: { ...best, holdFor: '577h' } })] }, DURATION],
  [
    { stages: [following('Production', { best: { ...best, min: 2, max: 1 } })] },
    'min is above max, so that no version would be considered',
  ],
  [
    { aliases: [{ name: 'champion', version: '4', pin }] },
    'a pin stands beside versionFrom; without a rule, version says it all',
  ],
  [
    { stages: [production], register: { createModel: { tags: { 'modelpromotion.dev/x': '' } } } },
    'tag keys under "modelpromotion.dev/" and "mlflow.prompt." are reserved',
  ],
  [
    { aliases: [{ name: 'Latest', version: '4' }] },
    'MLflow reserves the aliases "latest" and "v" followed by digits',
  ],
  [{}, 'a promotion declares at least one stage or alias'],
  [{ stages: [production, { name: 'Staging', version: '4' }] }, 'one version cannot hold two stages'],
  [
    { stages: [following('Production', { alias: 'next' }), following('Staging', { alias: 'next' })] },
    'two stages cannot select from one alias',
  ],
  [
    {
      stages: [production, following('Staging', { alias: 'next' })],
      aliases: [{ name: 'next', version: '4' }],
    },
    'one version cannot hold two stages, be it by an alias',
  ],
  [
    { stages: [following('Production', { stage: 'Staging' }), { name: 'Staging', version: '5' }] },
    'a stage cannot select from a stage that the same promotion declares',
  ],
  [{ aliases: [following('next', { alias: 'next' })] }, 'an alias cannot select from itself'],
  [
    { aliases: [following('a', { alias: 'b' }), following('b', { alias: 'a' })] },
    'two aliases cannot select from each other',
  ],
  [
    {
      stages: [following('Production', { alias: 'next' }), { name: 'Staging', version: '5' }],
      aliases: [following('next', { stage: 'Staging' })],
    },
    'a stage cannot select from a stage that the same promotion declares, be it by an alias',
  ],
];

const CHANGES: readonly (readonly [change: object, message: string])[] = [
  [{ model: 'another' }, 'model cannot be changed; declare a new promotion instead'],
  [{ registryRef: { name: 'another' } }, 'registryRef cannot be changed; declare a new promotion instead'],
];

const REGISTRIES: readonly (readonly [spec: object, message: string])[] = [
  [
    { auth: secret('login'), webhook: { url: 'https://controller.test', ...secret('login') } },
    'the webhook needs a secret of its own, not the one with the credentials',
  ],
  [{ sweepInterval: '577h' }, DURATION],
  [{ limits: { requestTimeout: '999ms' } }, DURATION],
];

let world: KubeWorld;

beforeAll(async () => {
  world = await KubeWorld.open();
  await world.cluster.kubectl(['create', 'namespace', 'ml']);
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** Takes the spec, or throws what kubectl says. */
async function apply(kind: string, name: string, spec: object, ...flags: string[]): Promise<void> {
  const object = {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind,
    metadata: { name, namespace: 'ml' },
    spec,
  };
  await world.cluster.kubectl(['apply', ...flags, '-f', '-'], stringify(object));
}

/** @returns whether this is one of the API server's objections, word for word: each ends a line of what kubectl says */
async function isRefused(kind: string, spec: object, message: string): Promise<boolean> {
  const said = await apply(kind, 'tried', spec, '--dry-run=server').then(
    () => '',
    (error: unknown) => String(error),
  );
  expect(said).toContain('Invalid');
  return said.split('\n').some((line) => line.endsWith(`: ${message}`));
}

describe('The API server', () => {
  it.each(PROMOTIONS)('refuses a promotion of %j: %s', async (spec, message) => {
    expect(await isRefused('ModelPromotion', { model: 'churn', ...spec }, message)).toBe(true);
  });

  it.each(REGISTRIES)('refuses a registry of %j: %s', async (spec, message) => {
    const whole = { uri: 'https://mlflow.test', ...spec };
    expect(await isRefused('ModelRegistry', whole, message)).toBe(true);
  });

  it.each(CHANGES)('refuses the change %j: %s', async (change, message) => {
    const spec = { model: 'churn', stages: [production] };
    await apply('ModelPromotion', 'fixed', spec);
    await expect(apply('ModelPromotion', 'fixed', { ...spec, ...change })).rejects.toThrow(message);
  });
});

it('No rule of the kinds is without a case above', async () => {
  const names = (await readdir(CRDS)).filter((name) => name.endsWith('.yaml'));
  const texts = await Promise.all(names.map((name) => readFile(join(CRDS, name), 'utf8')));
  const stated = new Set(texts.flatMap((text) => messagesIn(parse(text))));
  const tried = new Set([...PROMOTIONS, ...CHANGES, ...REGISTRIES].map(([, message]) => message));
  expect(stated.size).toBeGreaterThan(15);
  expect(tried).toEqual(stated);
});

/** The messages of all CEL rules in a schema. */
function messagesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'x-kubernetes-validations'
      ? (value as { message: string }[]).map(({ message }) => message)
      : messagesIn(value),
  );
}
