/** A promotion in bad weather: what is declared, what landed in the registry and how often, and whether the status lied. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy, Landed } from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, type Daemon } from '../../support/program.ts';
import { promotion } from '../e2e/installation.ts';

export type Server = ReturnType<typeof rest>;

export const on = rest;
export const mlflow = rest(sharedMlflow());

/** Every kind of change that we make: stage with archive, tag, description, alias. */
const spec = (model: string) => ({
  model,
  stages: [{ name: 'Production', version: '2', tags: { ticket: 'T-2' }, description: 'Chosen' }],
  aliases: [{ name: 'champion', version: '2' }],
});

/** What the registry holds then. */
const DECLARED = {
  stages: { 1: 'Archived', 2: 'Production' },
  aliases: { champion: '2' },
  ticket: 'T-2',
  description: 'Chosen',
};

/** The changes that lead there, each of which is made once. */
export const CHANGES = ['alias champion 2', 'describe 2', 'stage 2 Production', 'tag 2 ticket'];

export interface Story {
  /** namespace/name of the promotion. */
  readonly key: string;
  readonly model: string;
  /** What to declare. */
  readonly spec: ReturnType<typeof spec>;
  /** The same as files to commit. */
  readonly files: Readonly<Record<string, string>>;
}

/** A model whose version 1 is in use, and a promotion that asks for version 2. */
export async function begin(prefix: string, more: object = {}, server: Server = mlflow): Promise<Story> {
  const model = uniqueModel(prefix);
  await server.seed(model, 2);
  await server.transition(model, '1', 'Production');
  await server.setAlias(model, 'champion', '1');
  const declared = { ...spec(model), ...more };
  const files = { [`${model}.yaml`]: promotion(model, declared) };
  return { key: `default/${model}`, model, spec: declared, files };
}

async function held(model: string, server: Server): Promise<unknown> {
  const { stages, aliases } = await server.state(model);
  const { description, tags = [] } = await server.version(model, '2');
  return { stages, aliases, ticket: tags.find(({ key }) => key === 'ticket')?.value, description };
}

/** What of the declaration the registry does not hold; undefined when it holds all of it. */
export async function missing(model: string, server: Server = mlflow): Promise<unknown> {
  const now = await held(model, server);
  return JSON.stringify(now) === JSON.stringify(DECLARED) ? undefined : now;
}

/** The changes of a model that the server carried out, in alphabetical order; our own marks are not among them. */
export function changesOf({ landed }: Pick<FaultProxy, 'landed'>, model: string): string[] {
  return writesOf(landed, model)
    .filter((write) => !write.includes('modelpromotion.dev/'))
    .toSorted();
}

/** The marks that the server wrote. */
export function marksOf({ landed }: Pick<FaultProxy, 'landed'>, model: string): string[] {
  return writesOf(landed, model)
    .filter((write) => write.includes('modelpromotion.dev/'))
    .toSorted();
}

function writesOf(landed: readonly Landed[], model: string): string[] {
  return landed.flatMap(({ path, body }) => {
    const { name, version = '', stage, alias, key } = JSON.parse(body) as Record<string, string>;
    if (name !== model) return [];
    if (path.endsWith('/transition-stage')) return [`stage ${version} ${stage}`];
    if (path.endsWith('/alias')) return [`alias ${alias} ${version}`];
    if (path.endsWith('/set-tag')) return [`tag ${version} ${key}`.replace('  ', ' ')];
    return [`${path.endsWith('/update') ? 'describe' : path} ${version}`];
  });
}

/** The targets that our provenance mark on version 2 names. */
export async function provenance(model: string): Promise<string[]> {
  const mark = (await mlflow.versionTags(model, '2'))['modelpromotion.dev/applied'] ?? '{"targets":[]}';
  return (JSON.parse(mark) as { targets: string[] }).targets;
}

/** Runs the work, and tells each time that the status called a promotion ready while the registry was not as declared. */
export async function liesDuring(
  daemon: Pick<Daemon, 'status'>,
  stories: readonly Story[],
  work: () => Promise<unknown>,
  server: Server = mlflow,
): Promise<unknown[]> {
  const lies: unknown[] = [];
  const believed = new Set<Story>();
  const done = new AbortController();
  const look = async () => {
    const { promotions } = await daemon.status();
    for (const story of stories) {
      const shown = promotions.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === story.key);
      if (believed.has(story) || conditionOf(shown, 'Ready')?.status !== 'True') continue;
      const lie = await missing(story.model, server);
      if (lie === undefined) believed.add(story);
      else lies.push(lie);
    }
  };
  const watching = (async () => {
    for (; !done.signal.aborted; await sleep(100)) await look();
  })();
  try {
    await work();
  } finally {
    done.abort();
    await watching;
  }
  return lies;
}
