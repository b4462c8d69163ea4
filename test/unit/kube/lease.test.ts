/** Who may take a lease when: told by our own clock alone. */
import { describe, expect, it } from 'vitest';
import { leaseTimes, nextStep, type Lease } from '../../../src/adapters/kube/lease.ts';

const NOW = 1_000_000;
const held = (holderIdentity: string, leaseDurationSeconds = 35): Lease => ({
  metadata: { resourceVersion: '1' },
  spec: { holderIdentity, leaseDurationSeconds, renewTime: '1999-01-01T00:00:00.000000Z' },
});

describe('A lease', () => {
  it.each([
    ['that is not there is made', undefined, 0, 'create'],
    ['of ours is renewed, however old', held('me'), 10 ** 9, 'renew'],
    ['that was given back is taken at once', held(''), 0, 'take'],
    ['of another one that just changed is left', held('other'), 0, 'wait'],
    ['of another one is left until its time is over, whatever clock wrote it', held('other'), 34_999, 'wait'],
    ['of another one that was not seen to change for its time is taken', held('other'), 35_000, 'take'],
    ['that names nobody and no time is taken', { metadata: { resourceVersion: '1' } }, 0, 'take'],
  ] as const)('%s', (_what, lease, age, step) => {
    expect(nextStep({ lease, changedAt: NOW - age }, 'me', NOW)).toBe(step);
  });

  it.each([3_000, 35_000, 60_000])(
    'of %d ms leaves a write time to end before anybody else may take over',
    (duration) => {
      const { renewDeadline, retry, margin } = leaseTimes(duration);
      expect(renewDeadline).toBeLessThan(duration);
      // The fence is open between two renewals, and shut well before the lease is over.
      expect(renewDeadline - margin).toBeGreaterThan(2 * retry);
      expect([renewDeadline, retry, margin].every(Number.isInteger)).toBe(true);
    },
  );
});
