/** `npm run quickstart:kubernetes`, without a terminal: every step is shown, and comes true. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { STEPS } from '../../tour/steps.ts';

const ROOT = join(import.meta.dirname, '../../..');

it('The tour of the operator shows every step and ends with 0', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['test/tour/kubernetes.ts'], { cwd: ROOT });
  for (const [index, { title }] of STEPS.entries()) expect(stdout).toContain(`${index + 1}  ${title}`);
  expect(stdout).toMatch(/All 5 steps came true/);
  expect(stdout).toContain('Invalid value: one version cannot hold two stages');
});
