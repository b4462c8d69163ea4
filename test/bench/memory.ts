/** Memory of a process, from Linux's own books. */
import { readFile } from 'node:fs/promises';

/** MiB resident, at most since it began. */
export async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}
