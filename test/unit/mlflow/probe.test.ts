import { describe, expect, it } from 'vitest';
import { chooseConnections, measureConnections } from '../../../src/adapters/mlflow/probe.ts';

describe('connections', () => {
  // Milliseconds of GET /health on MLflow 3.17.2, one call after the other.
  const FOUR_FRESH = [3.7, 3.0, 2.9, 3.2, 2.7, 3.2, 3.5, 2.4];
  it.each<[string, readonly number[], readonly number[], 'kept' | 'fresh']>([
    [
      'one worker',
      [2.3, 4.9, 1.3, 1.2, 1.3, 1.2, 1.2, 1.6],
      [1.9, 1.7, 1.7, 5.0, 1.9, 2.0, 2.0, 2.2],
      'kept',
    ],
    [
      'one worker that is busy',
      [6.5, 7.8, 6.0, 3.2, 3.0, 8.2, 2.2, 3.1],
      [4.3, 8.5, 3.2, 4.2, 6.7, 14.3, 2.9, 2.3],
      'kept',
    ],
    [
      'one worker that stalls once',
      [1.2, 300, 0.9, 1.1, 1.0, 1.2, 1.4, 1.1],
      [1.1, 1.2, 1.4, 1.3, 250, 1.2, 1.1, 1.3],
      'kept',
    ],
    [
      'four workers',
      [44.9, 44.1, 43.9, 44.0, 44.2, 47.9, 44.2, 51.6],
      [2.7, 2.3, 4.2, 4.4, 2.6, 2.3, 3.0, 3.0],
      'fresh',
    ],
    [
      'four workers over several connections',
      [1.8, 43.3, 2.1, 45.9, 2.6, 45.4, 2.8, 45.2],
      FOUR_FRESH,
      'fresh',
    ],
    [
      'four workers that are quick at first',
      [1.8, 2.2, 2.1, 45.9, 2.6, 45.4, 2.8, 45.2],
      FOUR_FRESH,
      'fresh',
    ],
    [
      'four workers that were just started',
      [1.9, 2.4, 44.8, 2.0, 45.2, 2.2, 45.1, 44.9],
      [61.2, 2.9, 48.3, 2.7, 90.4, 3.1, 2.8, 3.0],
      'fresh',
    ],
    ['four workers behind a costly handshake', Array(8).fill(44), Array(8).fill(60), 'kept'],
    ['no samples', [], [], 'kept'],
  ])('to a server with %s are measured', (_what, kept, fresh, choice) => {
    expect(chooseConnections(kept, fresh)).toBe(choice);
  });

  it('are measured both ways, each after a first call, and end as they were chosen', async () => {
    const log: string[] = [];
    const call = () => Promise.resolve(log.push('call'));
    const use = (policy: string) => Promise.resolve(void log.push(policy));
    expect(await measureConnections(call, use)).toBe('kept');
    const calls = Array.from({ length: 9 }, () => 'call');
    expect(log).toEqual(['kept', ...calls, 'fresh', ...calls, 'kept']);
  });
});
