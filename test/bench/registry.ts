/**
 * Fills a registry through the server's database, which takes a second where calls would take an hour. Models are
 * called `bench-100001`, `bench-100002`, …; the odd ones have five versions, the even ones six, each with a tag.
 * Version 3 of each is in Production and is `champion`; every second model has a `challenger` too. If wanted, each
 * version has a run with three metrics, five params and two tags; the accuracy of one in ten is at least 0.9.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import type { MlflowProcess } from '../support/mlflow-server.ts';

const FIRST = 100_000;
/** Nothing was updated lately, so that a look for changes finds nothing; and what is filled anew is the same again. */
const SINCE = Date.UTC(2026, 0, 1);

function modelName(index: number): string {
  return `bench-${FIRST + index}`;
}

/** Names of models 1 to `count`. */
export function modelNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => modelName(index + 1));
}

/** Empties the registry and fills it anew. */
export async function fillRegistry(
  server: MlflowProcess,
  models: number,
  { runs = false } = {},
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'modelpromotion-bench-sql-'));
  const file = join(dir, 'fill.sql');
  await writeFile(file, statements(models, runs).join(';\n'));
  try {
    await run([server.python, '-c', EXECUTE, server.database, file], {
      env: childEnvironment(server.env),
      signal: AbortSignal.timeout(120_000),
    });
  } finally {
    await rm(dir, { recursive: true });
  }
}

const EXECUTE = `
import sys
from sqlalchemy import create_engine, text
with create_engine(sys.argv[1]).begin() as connection:
    for statement in open(sys.argv[2]).read().split(";\\n"):
        connection.execute(text(statement))
    # A registry that grew over years has statistics; PostgreSQL plans some searches in minutes without.
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))
`;

function statements(models: number, runs: boolean): string[] {
  const name = `'bench-' || (${FIRST} + i)`;
  const time = `${SINCE} + i * 1000`;
  const numbers = (values: string, count: number): string =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}), ` +
    `v(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM v WHERE k < 6) ${values}`;
  const fill = (table: string, columns: string, select: string): string =>
    `INSERT INTO ${table} (${columns}) ${numbers(select, models)}`;
  const insert = (table: string, columns: string, select: string): string =>
    fill(table, `${columns}, workspace`, select);
  const run = `'bench-' || (${FIRST} + i) || '-' || k`;
  const versions = 'FROM n CROSS JOIN v WHERE k < 6 OR i % 2 = 0';
  return [
    ...['model_version_tags', 'registered_model_tags', 'registered_model_aliases', 'model_versions'].map(
      (table) => `DELETE FROM ${table}`,
    ),
    'DELETE FROM registered_models',
    insert(
      'registered_models',
      'name, creation_time, last_updated_time, description',
      `SELECT ${name}, ${time}, ${time}, 'A model of the benchmark', 'default' FROM n`,
    ),
    insert(
      'model_versions',
      'name, version, creation_time, last_updated_time, current_stage, source, status, description, run_id',
      `SELECT ${name}, k, ${time}, ${time}, CASE WHEN k = 3 THEN 'Production' ELSE 'None' END, ` +
        `'s3://models/' || (${FIRST} + i) || '/' || k, 'READY', 'Trained for the benchmark', ${runs ? run : "''"}, 'default' ${versions}`,
    ),
    insert(
      'model_version_tags',
      'name, version, key, value',
      `SELECT ${name}, k, 'git-commit', '5f54c21', 'default' ${versions}`,
    ),
    insert(
      'registered_model_aliases',
      'name, alias, version',
      `SELECT ${name}, 'champion', 3, 'default' FROM n`,
    ),
    insert(
      'registered_model_aliases',
      'name, alias, version',
      `SELECT ${name}, 'challenger', 5, 'default' FROM n WHERE i % 2 = 0`,
    ),
    ...(runs ? runStatements(fill, { run, time, versions }) : []),
  ];
}

function runStatements(
  fill: (table: string, columns: string, select: string) => string,
  { run, time, versions }: Readonly<Record<'run' | 'time' | 'versions', string>>,
): string[] {
  const metric = (key: string, value: string): string =>
    fill(
      'latest_metrics',
      'run_uuid, key, value, timestamp, step, is_nan',
      `SELECT ${run}, '${key}', ${value}, ${time}, 0, FALSE ${versions}`,
    );
  const pair = (table: string, key: string, value: string): string =>
    fill(table, 'run_uuid, key, value', `SELECT ${run}, '${key}', ${value} ${versions}`);
  const share = '((i * 37 + k * 11) % 100) / 100.0';
  return [
    ...['latest_metrics', 'params', 'tags', 'runs'].map((table) => `DELETE FROM ${table}`),
    fill(
      'runs',
      'run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id',
      `SELECT ${run}, 'a run', 'bench', 'FINISHED', ${time}, ${time}, 'active', 's3://runs', 0 ${versions}`,
    ),
    metric('accuracy', share),
    metric('loss', `1 - ${share}`),
    metric('f1_score', share),
    ...['depth', 'trees', 'seed', 'rate', 'features'].map((key) => pair('params', key, "'7'")),
    pair('tags', 'mlflow.runName', "'a run'"),
    pair('tags', 'mlflow.source.git.commit', "'5f54c2135f54c2135f54c2135f54c2135f54c213'"),
  ];
}
