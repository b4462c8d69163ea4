/** What the API server makes of our kinds: its own rules, its columns, its merging. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { KubeWorld } from './world.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples');
let world: KubeWorld;

beforeAll(async () => {
  world = await KubeWorld.open();
  await world.cluster.kubectl(['create', 'namespace', 'ml']);
});
afterAll(() => world?.[Symbol.asyncDispose]());

const promotion = (name: string, spec: object): string =>
  stringify({
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { name, namespace: 'ml' },
    spec: { model: 'churn', ...spec },
  });
const production = [{ name: 'Production', version: '4' }];

describe('A promotion', () => {
  it('that nobody has looked at never counts as current', async () => {
    await world.cluster.kubectl(['apply', '-f', '-'], promotion('fresh', { stages: production }));
    const { metadata, status } = await world.get('ml/fresh');
    expect([metadata.generation, status?.observedGeneration]).toEqual([1, -1]);
    await expect(
      world.cluster.kubectl(['wait', '-n', 'ml', 'mp/fresh', '--for=condition=Ready', '--timeout=1s']),
    ).rejects.toThrow(/timed out/);
  });

  it('has its columns, its short name, its categories, and can be asked for by model and registry', async () => {
    await world.cluster.kubectl(
      ['apply', '-f', '-'],
      promotion('other', { model: 'fraud', stages: production }),
    );
    const { stdout } = await world.cluster.kubectl(['get', 'mp', '-n', 'ml']);
    expect(stdout.split('\n')[0]?.split(/ +/)).toEqual([
      'NAME',
      'MODEL',
      'STAGES',
      'ALIASES',
      'READY',
      'STATUS',
      'AGE',
    ]);
    const wide = await world.cluster.kubectl(['get', 'mp', '-n', 'ml', '-o', 'wide']);
    expect(wide.stdout.split('\n')[0]?.split(/ +/)).toEqual(
      expect.arrayContaining(['REASON', 'REGISTRY', 'APPLIED', 'DRIFT', 'LAST-CHANGE']),
    );
    const { stdout: all } = await world.cluster.kubectl(['get', 'mlops', '-A', '-o', 'name']);
    expect(all).toContain('modelpromotion.modelpromotion.dev/other');
    for (const selector of ['spec.model=fraud', 'spec.model=fraud,spec.registryRef.name=default']) {
      const found = await world.cluster.kubectl([
        'get',
        'mp',
        '-n',
        'ml',
        '-o',
        'name',
        `--field-selector=${selector}`,
      ]);
      expect(found.stdout.trim()).toBe('modelpromotion.modelpromotion.dev/other');
    }
  });

  it('of two owners holds what both of them apply', async () => {
    for (const [manager, alias] of [
      ['team-a', 'champion'],
      ['team-b', 'challenger'],
    ] as const) {
      const text = promotion('shared', { aliases: [{ name: alias, version: '2' }] });
      await world.cluster.kubectl(['apply', '--server-side', `--field-manager=${manager}`, '-f', '-'], text);
    }
    const { spec } = await world.get('ml/shared');
    expect(spec.aliases?.map(({ name }) => name)).toEqual(['champion', 'challenger']);
  });

  it.each([
    [
      'one version in two stages',
      { stages: [...production, { name: 'Staging', version: '4' }] },
      /one version cannot hold two stages/,
    ],
    ['no target', {}, /at least one|stage or .* alias|target/i],
    [
      'a version and a selector',
      { aliases: [{ name: 'a', version: '1', versionFrom: { alias: 'b' } }] },
      /exactly one of version and versionFrom/,
    ],
    ['a reserved alias', { aliases: [{ name: 'latest', version: '1' }] }, /aliases\[0\]\.name/],
    ['a number for a version', { stages: [{ name: 'Production', version: 4 }] }, /must be of type string/],
    [
      'a stage that MLflow does not have',
      { stages: [{ name: 'Prod', version: '4' }] },
      /Unsupported value: "Prod"/,
    ],
    [
      'a reserved tag',
      { stages: [{ ...production[0], tags: { 'modelpromotion.dev/x': 'why' } }] },
      /reserved/,
    ],
  ])('with %s is refused, and the message says why', async (_what, spec, message) => {
    await expect(world.cluster.kubectl(['apply', '-f', '-'], promotion('bad', spec))).rejects.toThrow(
      message,
    );
  });

  it.each([
    [
      'model',
      { model: 'another', stages: production },
      /model cannot be changed; declare a new promotion instead/,
    ],
    [
      'registryRef',
      { registryRef: { name: 'another' }, stages: production },
      /registryRef cannot be changed/,
    ],
  ])('cannot change its %s', async (_field, spec, message) => {
    await world.cluster.kubectl(['apply', '-f', '-'], promotion('fixed', { stages: production }));
    await expect(world.cluster.kubectl(['apply', '-f', '-'], promotion('fixed', spec))).rejects.toThrow(
      message,
    );
  });
});

it('Every example of our kinds is taken by the API server', async () => {
  const names = (await readdir(EXAMPLES, { recursive: true })).filter((name) => name.endsWith('.yaml'));
  const ours: object[] = [];
  for (const name of names) {
    const documents = parseAllDocuments(await readFile(join(EXAMPLES, name), 'utf8'));
    for (const document of documents) {
      const object = document.toJS() as { apiVersion?: string; metadata?: { namespace?: string } } | null;
      if (object?.apiVersion?.startsWith('modelpromotion.dev/')) ours.push(object);
    }
  }
  expect(ours.length).toBeGreaterThan(8);
  const text = ours.map((object) => stringify(object)).join('---\n');
  await world.cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], text);
});
