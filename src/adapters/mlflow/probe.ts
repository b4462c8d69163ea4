/** What a server is and can do, found out by asking it: features are detected, never assumed. */
import { RegistryError } from './errors.ts';
import type { MlflowClient } from './client.ts';
import type { Connections } from './transport.ts';

export interface Capabilities {
  readonly version: string;
  readonly workspaces: boolean;
  /** Whether searches accept `name IN (...)`; since MLflow 3.12 or so. */
  readonly inOperator: boolean;
}

/** @throws RegistryError that says what the server is not, or what it refuses. */
export async function probe(
  client: MlflowClient,
  workspace: string | undefined,
  signal: AbortSignal,
): Promise<Capabilities> {
  const version = await client.version(signal);
  if (isOlder(version, [2, 3])) {
    throw new RegistryError('permanent', `MLflow ${version} has no aliases; 2.3 or later is needed`);
  }
  const workspaces = await workspacesEnabled(client, signal);
  if (workspace !== undefined && !workspaces) {
    throw new RegistryError(
      'permanent',
      `the server has no workspaces, and workspace ${workspace} is declared; remove it, or start MLflow with --enable-workspaces`,
    );
  }
  return { version, workspaces, inOperator: await acceptsIn(client, signal) };
}

async function workspacesEnabled(client: MlflowClient, signal: AbortSignal): Promise<boolean> {
  try {
    return (await client.serverInfo(signal)).workspaces;
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return false;
    throw error;
  }
}

async function acceptsIn(client: MlflowClient, signal: AbortSignal): Promise<boolean> {
  try {
    await client.models({ filter: "name IN ('modelpromotion-probe')", bulk: false }, signal).next();
    return true;
  } catch (error) {
    if (error instanceof RegistryError && error.status === 400) return false;
    throw error;
  }
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ours = 0, theirs = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return ours < major || (ours === major && theirs < minor);
}

const SAMPLES = 8;
/** Linux delays acknowledgements by 40 ms; less than half of that is noise. */
const STEP = 20;

/**
 * Whether calls are better sent on new connections: uvicorn with several workers answers every call on a kept
 * connection 40 ms late (Kludex/uvicorn#3149), while over TLS a handshake may cost more than that.
 */
export async function measureConnections(
  call: () => Promise<unknown>,
  use: (policy: Connections) => Promise<void>,
): Promise<Connections> {
  await use('kept');
  const kept = await timesOf(call);
  await use('fresh');
  const choice = chooseConnections(kept, await timesOf(call));
  await use(choice);
  return choice;
}

/**
 * From the milliseconds that calls took each way. A client that has several connections meets the delay on about
 * every second call only, so of kept ones the upper quartile counts. New ones lead to all workers of a server, each
 * slow at its first call, while what a connection costs is the same each time: of those it is the lower quartile.
 */
export function chooseConnections(kept: readonly number[], fresh: readonly number[]): Connections {
  return quantile(kept, 0.75) > quantile(fresh, 0.25) + STEP ? 'fresh' : 'kept';
}

/** The milliseconds that calls take after a first one. */
async function timesOf(call: () => Promise<unknown>): Promise<number[]> {
  await call();
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
  }
  return times;
}

function quantile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;
}
