/** What is done about our webhook, and what is said when a server will not have it. */
import { describe, expect, it } from 'vitest';
import type { MlflowClient } from '../../../src/adapters/mlflow/client.ts';
import { classify } from '../../../src/adapters/mlflow/errors.ts';
import { planWebhook, webhookName } from '../../../src/adapters/mlflow/webhook-plan.ts';
import { WebhookKeeper, type WebhookEvent } from '../../../src/adapters/mlflow/webhook.ts';

const wanted = { url: 'https://hooks.example.com/hooks/mlflow', secret: '0123456789abcdef' };
const found = (webhook_id: string, last_updated_timestamp = 1) => ({
  webhook_id,
  name: 'ours',
  last_updated_timestamp,
});
const written = { id: 'a', updated: 1, secret: wanted.secret };

describe('the plan for our webhook', () => {
  it.each<[string, Parameters<typeof planWebhook>, string[]]>([
    ['none is there', [[], wanted, undefined], ['Create']],
    ['somebody deleted it', [[], wanted, written], ['Create']],
    ['it is as we wrote it', [[found('a')], wanted, written], []],
    ['it is there when we start: nobody can see its secret', [[found('a')], wanted, undefined], ['Update a']],
    ['somebody changed it', [[found('a', 2)], wanted, written], ['Update a']],
    [
      'its secret is another now',
      [[found('a')], { ...wanted, secret: 'x'.repeat(16) }, written],
      ['Update a'],
    ],
    ['there are two', [[found('b'), found('a')], wanted, written], ['Delete b']],
    [
      'there are two when we start: the older stays',
      [[found('b'), found('a')], wanted, undefined],
      ['Update a', 'Delete b'],
    ],
    ['ours was made anew by somebody', [[found('b')], wanted, written], ['Update b']],
    ['it is wanted no more', [[found('b'), found('a')], undefined, written], ['Delete b', 'Delete a']],
    ['none is wanted and none is there', [[], undefined, undefined], []],
  ])('when %s', (_, args, steps) => {
    expect(
      planWebhook(...args).map((step) => ('id' in step ? `${step.kind} ${step.id}` : step.kind)),
    ).toEqual(steps);
  });
});

describe('the name of our webhook', () => {
  it('tells installation and registry', () => {
    expect(webhookName('default', 'ml/mlflow')).toMatch(/^modelpromotion\.default\.ml\.mlflow-[0-9a-f]{8}$/);
  });

  it('is one that MLflow takes, and no other registry has it', () => {
    const pairs: [string, string][] = [
      ['default', 'ml/mlflow'],
      ['default.ml', 'x/mlflow'],
      ['default', 'ml.x/mlflow'],
      ['a/b c ü', 'ml/mlflow'],
      ['x'.repeat(200), 'ml/mlflow'],
      ['x'.repeat(201), 'ml/mlflow'],
    ];
    const names = pairs.map(([installation, registry]) => webhookName(installation, registry));
    expect(new Set(names).size).toBe(pairs.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9._-]{0,60}[a-z0-9]$/);
  });
});

describe('a registry that asks for no webhook', () => {
  it('is asked once for one that is left over, and whatever it answers is not told', async () => {
    const events: WebhookEvent[] = [];
    let calls = 0;
    const webhooks = () => {
      calls += 1;
      return Promise.reject(classify({ status: 403, contentType: 'text/html', body: 'Permission denied' }));
    };
    const keeper = new WebhookKeeper({ webhooks } as unknown as MlflowClient, {
      name: 'ours',
      description: '',
      declared: undefined,
      pace: 0,
      told: (event) => events.push(event),
    });
    for (let look = 0; look < 3; look += 1) {
      keeper.keep(new AbortController().signal);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect([calls, keeper.state, events]).toEqual([1, undefined, []]);
  });
});

/** What the keeper says when the list of webhooks is answered like this. */
async function said(status: number, contentType: string, body: string): Promise<WebhookEvent[]> {
  const events: WebhookEvent[] = [];
  const refusing = { webhooks: () => Promise.reject(classify({ status, contentType, body })) };
  const keeper = new WebhookKeeper(refusing as unknown as MlflowClient, {
    name: 'ours',
    description: '',
    declared: { url: wanted.url, secret: () => Promise.resolve(wanted.secret) },
    pace: 0,
    told: (event) => events.push(event),
  });
  for (let look = 0; look < 3; look += 1) {
    keeper.keep(new AbortController().signal);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(keeper.state).toMatchObject({ kind: 'refused' });
  return events;
}

describe('a server that will not have our webhook', () => {
  it.each<[string, number, string, string, string]>([
    ['an account without rights', 403, 'text/html', 'Permission denied', 'only its administrators'],
    ['an MLflow before 3.3', 404, 'text/html', '<title>404 Not Found</title>', 'they came with MLflow 3.3'],
    ['the file store', 500, 'text/html', '<title>500 Internal Server Error</title>', 'no database behind it'],
    [
      'an address that it does not take',
      400,
      'application/json',
      '{"error_code":"INVALID_PARAMETER_VALUE","message":"Invalid webhook URL scheme: \'http\'."}',
      "Invalid webhook URL scheme: 'http'; which addresses it takes",
    ],
    [
      'a webhook that somebody deletes meanwhile',
      404,
      'application/json',
      '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Webhook with ID x not found."}',
      'Webhook with ID x not found.',
    ],
  ])('because of %s is told of once', async (_, status, contentType, body, words) => {
    expect(await said(status, contentType, body)).toEqual([
      { kind: 'failed', detail: expect.stringContaining(words) as string },
    ]);
  });
});
