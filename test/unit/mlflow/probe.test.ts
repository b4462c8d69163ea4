import { describe, expect, it } from 'vitest';
import { chooseConnections, measureConnections } from '../../../src/adapters/mlflow/probe.ts';

describe('connections', () => {
  // Milliseconds of GET /health on MLflow 3.17.2.
  it.each<[string, readonly number[], readonly number[], 'kept' | 'fresh']>([
    ['one worker', [1.2, 0.9, 1.1, 1.0, 1.3], [2.1, 1.9, 2.4, 2.0, 2.2], 'kept'],
    ['four workers', [44.1, 43.8, 44.0, 44.2, 43.9], [2.2, 2.0, 2.5, 2.1, 2.3], 'fresh'],
    [
      'four workers and a stray quick answer',
      [44.1, 3.8, 44.0, 44.2, 4.0],
      [2.2, 2.0, 2.5, 2.1, 2.3],
      'fresh',
    ],
    ['four workers behind a costly handshake', [44, 44, 44, 44, 44], [61, 58, 60, 63, 59], 'kept'],
    ['one worker that is busy', [12, 300, 9, 11, 10], [11, 12, 14, 13, 250], 'kept'],
    ['no samples', [], [], 'kept'],
  ])('to a server with %s are measured', (_what, kept, fresh, choice) => {
    expect(chooseConnections(kept, fresh)).toBe(choice);
  });

  it('are measured both ways, each after a first call, and end as they were chosen', async () => {
    const log: string[] = [];
    const call = () => Promise.resolve(log.push('call'));
    const use = (policy: string) => Promise.resolve(void log.push(policy));
    expect(await measureConnections(call, use)).toBe('kept');
    const calls = Array.from({ length: 6 }, () => 'call');
    expect(log).toEqual(['kept', ...calls, 'fresh', ...calls, 'kept']);
  });
});
