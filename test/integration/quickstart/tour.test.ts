import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { STEPS } from '../../../src/cli/quickstart/steps.ts';
import { quickstart, type QuickstartOptions } from '../../../src/cli/quickstart/tour.ts';
import { temporaryFolder } from '../../support/git-repo.ts';

/** What a tour printed and its exit code, and what is still running afterwards that names its folder. */
async function take(dir: string, options: Partial<QuickstartOptions> = {}) {
  const out = new PassThrough();
  const printed = text(out);
  const exitCode = await quickstart({ dir, out, signal: new AbortController().signal, ...options });
  out.end();
  return { exitCode, printed: await printed, running: await processesNaming(dir) };
}

async function processesNaming(dir: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'args=']);
  return stdout.split('\n').filter((line) => line.includes(dir));
}

describe('the quickstart', () => {
  it('walks every step on real servers and leaves nothing running', async () => {
    await using folder = await temporaryFolder();
    const { exitCode, printed, running } = await take(folder.path);

    expect(printed).toContain(`All ${STEPS.length} steps came true`);
    expect(printed).toContain('customer-churn-canary.yaml:10:16: spec.aliases[0].version');
    expect(printed).not.toContain('\u001b');
    expect({ exitCode, running }).toEqual({ exitCode: 0, running: [] });
  });

  it('says which port is in use', async () => {
    await using folder = await temporaryFolder();
    const server = createServer().listen(0, '127.0.0.1');
    await vi.waitFor(() => expect(server.listening).toBe(true));
    const { port } = server.address() as AddressInfo;

    const { exitCode, printed } = await take(folder.path, { ports: { mlflow: port } });
    server.close();

    expect(printed).toContain(`MLflow cannot listen on port ${port}: it is in use.`);
    expect(exitCode).toBe(1);
  });

  it('stops on the way when it is told to, and leaves nothing running', async () => {
    await using folder = await temporaryFolder();
    const stopping = new AbortController();
    const taken = take(folder.path, { signal: stopping.signal });
    await vi.waitFor(async () => expect(await processesNaming(folder.path)).not.toEqual([]), 10_000);
    stopping.abort();

    const { exitCode, printed, running } = await taken;
    expect(printed).toContain('Stopped. Nothing is left running.');
    expect({ exitCode, running }).toEqual({ exitCode: 130, running: [] });
  });

  it('does not share its folder with another one', async () => {
    await using folder = await temporaryFolder();
    const stopping = new AbortController();
    const first = take(folder.path, { signal: stopping.signal });
    await vi.waitFor(async () => expect(await processesNaming(folder.path)).not.toEqual([]), 10_000);

    const second = await take(folder.path);
    stopping.abort();
    await first;

    expect(second.printed).toContain(`Another quickstart is running in ${folder.path}.`);
    expect(second.exitCode).toBe(1);
  });
});
