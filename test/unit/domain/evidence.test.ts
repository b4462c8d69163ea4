import { describe, expect, it } from 'vitest';
import { loggedModelOf, settleMetrics, type Measurement } from '../../../src/domain/evidence.ts';

function measured(value: number, rest: Partial<Measurement> = {}): Measurement {
  return { key: 'loss', value, timestamp: 10, step: 1, run: 'r1', ...rest };
}

function settled(ofRun: Measurement[], ofModel: Measurement[], witness?: Measurement): unknown {
  const { metrics, doubtful } = settleMetrics(ofRun, ofModel, () => witness);
  return { ...Object.fromEntries(metrics), ...(doubtful.size > 0 && { doubtful: [...doubtful] }) };
}

describe('the value of a metric', () => {
  it.each<[string, Measurement[], Measurement[], Measurement | undefined, object]>([
    ['is what the run holds', [measured(0.3)], [], undefined, { loss: 0.3 }],
    ['stays NaN', [measured(Number.NaN)], [], undefined, { loss: Number.NaN }],
    ['may be 0 in a run, which tells NaN apart', [measured(0)], [], undefined, { loss: 0 }],
    ['is what was logged for the model itself', [measured(0.3)], [measured(0.2)], undefined, { loss: 0.2 }],
    [
      'is the last that was logged for the model',
      [],
      [measured(3, { timestamp: 30 }), measured(2, { timestamp: 20, step: 9 })],
      undefined,
      { loss: 3 },
    ],
    [
      'is that of the higher step, at one time',
      [],
      [measured(3, { step: 3 }), measured(2, { step: 2 })],
      undefined,
      { loss: 3 },
    ],
    ['is 0 of a model when its run says so', [], [measured(0)], measured(0), { loss: 0 }],
    ['is NaN when its run says so', [], [measured(0)], measured(Number.NaN), { loss: Number.NaN }],
    ['cannot be told of a 0 whose run was not read', [], [measured(0)], undefined, { doubtful: ['loss'] }],
    [
      'cannot be told of a 0 whose run went on since',
      [measured(0.3)],
      [measured(0)],
      measured(0.3, { timestamp: 11 }),
      { doubtful: ['loss'] },
    ],
    [
      'may be an earlier 0, which a later value has replaced',
      [],
      [measured(0), measured(0.1, { timestamp: 11 })],
      undefined,
      { loss: 0.1 },
    ],
  ])('%s', (_, ofRun, ofModel, witness, expected) => {
    expect(settled(ofRun, ofModel, witness)).toEqual(expected);
  });
});

it.each([
  ['models:/m-0123456789abcdef', 'm-0123456789abcdef'],
  ['models:/m-0123456789abcdef/', 'm-0123456789abcdef'],
  ['models:/churn/3', ''],
  ['runs:/abc/model', ''],
  ['s3://models:/m-1', ''],
  ["models:/m-1' OR '", ''],
])('the source %s names the logged model %j', (source, id) => {
  expect(loggedModelOf({ source })).toBe(id);
});
