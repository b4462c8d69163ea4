/** Every file of examples/ is valid, and does what it says on a real server. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow } from '../../support/mlflow.ts';
import { modelpromotion } from '../../support/program.ts';

const mlflow = rest(sharedMlflow());
const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));
/** What is wrong on purpose. */
const BROKEN = 'broken';

const manifests = (await readdir(EXAMPLES, { recursive: true }))
  .filter((name) => /\.ya?ml$/.test(name) && name.split('/')[0] !== BROKEN)
  .toSorted();

async function promotionsOf(name: string): Promise<ModelPromotion[]> {
  const documents = parseAllDocuments(await readFile(join(EXAMPLES, name), 'utf8'));
  return documents
    .map((document) => document.toJS() as { kind?: string })
    .filter((object): object is ModelPromotion => object.kind === 'ModelPromotion');
}

const targetsOf = ({ spec }: ModelPromotion) => [...(spec.stages ?? []), ...(spec.aliases ?? [])];

beforeAll(async () => {
  const wanted = new Map<string, number>();
  for (const name of manifests) {
    for (const promotion of await promotionsOf(name)) {
      const newest = Math.max(...targetsOf(promotion).map(({ version }) => Number(version ?? 0)));
      const { model } = promotion.spec;
      wanted.set(model, Math.max(newest, wanted.get(model) ?? 0));
    }
  }
  // follow-staging.yaml takes what somebody else put into Staging.
  wanted.set('example_follow', 2);
  for (const [model, versions] of wanted) await mlflow.seed(model, versions).catch(ignoreExisting);
  await mlflow.transition('example_follow', '2', 'Staging');
});

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && error.message.includes('RESOURCE_ALREADY_EXISTS'))) throw error;
}

describe('examples', () => {
  it('are all valid', async () => {
    expect(manifests.length).toBeGreaterThan(5);
    const { code, stdout } = await modelpromotion([
      'validate',
      ...manifests.map((name) => join(EXAMPLES, name)),
      '-o',
      'json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, problems: [] });
    expect(code).toBe(0);
  });

  const folders = [...new Set(manifests.map(dirname))];
  it.each(folders)('of folder %s are planned, applied, and up to date then', async (folder) => {
    const names = manifests.filter((name) => dirname(name) === folder);
    const promotions = (await Promise.all(names.map(promotionsOf))).flat();
    await using secrets = await temporaryFolder();
    const args = [
      ...names.map((name) => join(EXAMPLES, name)),
      '--registry-uri',
      sharedMlflow(),
      '--secrets-dir',
      secrets.path,
      '-o',
      'json',
    ];
    const planned = await modelpromotion(['plan', '--exit-code', ...args]);
    expect(planned.code, planned.stdout).toBe(promotions.length === 0 ? 0 : 4);
    const applied = await modelpromotion(['apply', '--yes', ...args]);
    expect(applied.code, applied.stdout).toBe(0);
    const again = await modelpromotion(['plan', '--exit-code', ...args]);
    expect(again.code, again.stdout).toBe(0);

    for (const { spec } of promotions) {
      const { stages, aliases } = await mlflow.state(spec.model);
      for (const { name, version } of spec.stages ?? [])
        if (version !== undefined) expect(stages[version]).toBe(name);
      for (const { name, version } of spec.aliases ?? []) {
        if (version === undefined) expect(aliases).toHaveProperty(name);
        else expect(aliases[name]).toBe(version);
      }
    }
  });
});
