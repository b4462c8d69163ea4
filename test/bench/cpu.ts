/** CPU that servers took, from Linux's own books: unlike time, it is the same on a busy machine. */
import { readdir, readFile } from 'node:fs/promises';
import type { MlflowProcess } from '../support/mlflow-server.ts';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Seconds, those of ended children included. */
  readonly cpu: number;
  readonly command: string;
}

/** Of the clock that `/proc` counts in; the same on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of all processes of MLflow and its database; NaN where there is no `/proc`. */
export async function serverCpu({ url, database }: MlflowProcess): Promise<number> {
  const ports = [url, database].flatMap((address) => /:(\d+)(?:\/|$)/.exec(address)?.[1] ?? []);
  const all = await processes().catch(() => undefined);
  if (all === undefined) return Number.NaN;
  const roots = all.filter(({ command }) => ports.some((port) => command.split('\0').includes(port)));
  const groups = new Set(roots.map(({ group }) => group));
  const pids = new Set(roots.map(({ pid }) => pid));
  // A process of PostgreSQL leaves the group of its parent.
  const ours = all.filter(({ group, parent }) => groups.has(group) || pids.has(parent));
  return ours.reduce((sum, { cpu }) => sum + cpu, 0);
}

async function processes(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => read(pid).catch(() => undefined)));
  return found.filter((one) => one !== undefined);
}

/** @throws when the process has ended meanwhile */
async function read(pid: string): Promise<Process> {
  const [stat, command] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/cmdline`, 'utf8'),
  ]);
  // The name of the program stands in brackets, and may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0, group = 0] = fields;
  const ticks = fields.slice(11, 15).reduce((sum, count) => sum + count, 0);
  return { pid: Number(pid), parent, group, cpu: ticks / TICKS, command };
}
