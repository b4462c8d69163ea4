/** The signatures of every sender, with the vectors that they publish or that were recorded from them. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  claimOf,
  forgejoSignature,
  giteaSignature,
  gitlabToken,
  hubSignature,
  hubSignature256,
  mlflowSignature,
  standardWebhooks,
  type Headers,
  type Scheme,
} from '../../../src/runtime/hooks/claim.ts';

const SECRET = 'a secret for these tests';
const BODY = '{"ref":"refs/heads/main"}';

const hex = (body = BODY, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex');
const base64 = (text: string, key: string | Buffer = SECRET) =>
  createHmac('sha256', key).update(text).digest('base64');

/** Undefined when the headers claim nothing. */
function holds(scheme: Scheme, headers: Headers, body = BODY, secret = SECRET): boolean | undefined {
  return scheme(headers)?.holds(secret, Buffer.from(body));
}

describe('vectors', () => {
  it("GitHub's documented example holds", () => {
    const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    const headers = { 'x-hub-signature-256': signature };
    const secret = "It's a Secret to Everybody";
    expect(holds(hubSignature256, headers, 'Hello, World!', secret)).toBe(true);
    expect(holds(hubSignature256, headers, 'Hello, World', secret)).toBe(false);
    expect(holds(hubSignature256, headers, 'Hello, World!', `${secret} `)).toBe(false);
  });

  it("the example of Standard Webhooks' own libraries holds", () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(holds(standardWebhooks, headers, '{"test": 2432232314}', secret)).toBe(true);
    expect(holds(standardWebhooks, headers, '{"test": 2432232315}', secret)).toBe(false);
    expect(holds(standardWebhooks, headers, '{"test": 2432232314}', secret.slice(0, -1))).toBe(false);
    expect(standardWebhooks(headers)?.timestamp).toBe(1_614_265_330);
  });

  it.each([
    {
      id: 'd0fb8f2e-f7e6-48a5-9cad-e88c840cfffd',
      timestamp: '1795401057',
      signature: 'v1,kTRy3g40Li1fvCpMvJLgnkVoADro0qHHyFOXvF5RRww=',
      body: '{"entity": "model_version", "action": "created", "timestamp": "2026-11-23T02:30:57.706294+00:00", "data": {"name": "example_model", "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678", "tags": {"example_key": "example_value"}, "description": "An example model version"}}',
    },
    {
      id: 'b0049436-8ad6-46af-bdce-0156a007d19f',
      timestamp: '1795401059',
      signature: 'v1,pqiUE7p8yCC3jkpn53WFTwNL+xSiGVNBe1Zy0FPvE6I=',
      body: '{"entity": "model_version_alias", "action": "created", "timestamp": "2026-11-23T02:30:59.265981+00:00", "data": {"name": "w1", "alias": "champ", "version": "1"}}',
    },
    {
      id: '17ab1f7e-79c3-4b5f-82e0-a6cad4a07efe',
      timestamp: '1795401059',
      signature: 'v1,mMdsHkcQkyJzpcA6HE2/j1mQnUtFDZcXmXb3eJVGwLE=',
      body: '{"entity": "model_version_tag", "action": "deleted", "timestamp": "2026-11-23T02:30:59.589950+00:00", "data": {"name": "w1", "version": "1", "key": "k"}}',
    },
  ])("MLflow's recorded delivery $id holds", ({ id, timestamp, signature, body }) => {
    const headers = {
      'x-mlflow-delivery-id': id,
      'x-mlflow-timestamp': timestamp,
      'x-mlflow-signature': signature,
    };
    expect(holds(mlflowSignature, headers, body, 's3cr3t')).toBe(true);
    expect(holds(mlflowSignature, headers, `${body} `, 's3cr3t')).toBe(false);
    expect(holds(mlflowSignature, headers, body, 's3cr3u')).toBe(false);
    expect(holds(mlflowSignature, { ...headers, 'x-mlflow-timestamp': '1795401060' }, body, 's3cr3t')).toBe(
      false,
    );
    expect(mlflowSignature(headers)?.delivery(Buffer.from(body))).toContain(id);
  });
});

describe('a plain HMAC of the body', () => {
  it.each<[string, Scheme, string, string]>([
    ['GitHub', hubSignature256, 'x-hub-signature-256', 'sha256='],
    ['Bitbucket', hubSignature, 'x-hub-signature', 'sha256='],
    ['Gitea', giteaSignature, 'x-gitea-signature', ''],
    ['Forgejo', forgejoSignature, 'x-forgejo-signature', ''],
  ])('as %s sends it holds for its body and secret alone', (_, scheme, header, prefix) => {
    const signed = (value: string): Headers => ({ [header]: `${prefix}${value}` });
    expect(holds(scheme, signed(hex()))).toBe(true);
    expect(holds(scheme, signed(hex().toUpperCase()))).toBe(true);
    expect(holds(scheme, signed(hex()), `${BODY}\n`)).toBe(false);
    expect(holds(scheme, signed(hex()), BODY, `${SECRET}2`)).toBe(false);
    expect(holds(scheme, signed('0'.repeat(64)))).toBe(false);
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['a prefix alone', 'sha256='],
    ['SHA-1', `sha1=${'0'.repeat(40)}`],
    ['a digest without its prefix', hex()],
    ['a short digest', `sha256=${hex().slice(2)}`],
    ['a long digest', `sha256=${hex()}00`],
    ['no hex', `sha256=${'g'.repeat(64)}`],
    ['a header sent twice', `sha256=${hex()}, sha256=${hex()}`],
  ])('is not claimed by %s', (_, value) => {
    expect(hubSignature256({ 'x-hub-signature-256': value })).toBeUndefined();
    expect(hubSignature({ 'x-hub-signature': value })).toBeUndefined();
  });
});

describe("GitLab's token", () => {
  it('is the secret, whole', () => {
    expect(holds(gitlabToken, { 'x-gitlab-token': SECRET })).toBe(true);
    for (const wrong of [SECRET.slice(1), `${SECRET} `, SECRET.toUpperCase(), 'x'])
      expect(holds(gitlabToken, { 'x-gitlab-token': wrong })).toBe(false);
    expect(gitlabToken({ 'x-gitlab-token': '' })).toBeUndefined();
  });
});

describe('a signature over id, timestamp and body', () => {
  const [id, timestamp] = ['msg_1', '1795401057'];
  const signed = (signature: string, more: Headers = {}): Headers => ({
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signature,
    ...more,
  });
  const good = `v1,${base64(`${id}.${timestamp}.${BODY}`)}`;

  it('holds with a secret taken as it stands, and with one in base64', () => {
    const key = Buffer.alloc(24, 7);
    const coded = `v1,${base64(`${id}.${timestamp}.${BODY}`, key)}`;
    expect(holds(standardWebhooks, signed(good))).toBe(true);
    expect(holds(standardWebhooks, signed(coded), BODY, `whsec_${key.toString('base64')}`)).toBe(true);
  });

  it('is one of several while the sender changes its secret', () => {
    const others = [`v1,${base64('other')}`, 'v1a,AAAA', 'v2,x', 'v1,', ''];
    expect(holds(standardWebhooks, signed([...others, good].join(' ')))).toBe(true);
    expect(holds(standardWebhooks, signed(others.join(' ')))).toBe(false);
  });

  it.each([
    ['another id', signed(good, { 'webhook-id': 'msg_2' })],
    ['another timestamp', signed(good, { 'webhook-timestamp': '1795401058' })],
    ['another signature', signed(`v1,${base64('x')}`)],
  ])('does not hold with %s', (_, headers) => {
    expect(holds(standardWebhooks, headers)).toBe(false);
  });

  it.each([
    ['no id', signed(good, { 'webhook-id': undefined })],
    ['an empty id', signed(good, { 'webhook-id': '' })],
    ['an id with a dot, which could end elsewhere', signed(good, { 'webhook-id': 'msg.1' })],
    ['an id with a space', signed(good, { 'webhook-id': 'msg 1' })],
    ['an endless id', signed(good, { 'webhook-id': 'm'.repeat(257) })],
    ['no timestamp', signed(good, { 'webhook-timestamp': undefined })],
    ['a timestamp that is none', signed(good, { 'webhook-timestamp': '1e9' })],
    ['a negative timestamp', signed(good, { 'webhook-timestamp': '-1' })],
    ['no signature', signed('')],
    ['a signature of another version', signed('v1a,AAAA')],
    ['a signature of another length', signed('v1,AAAA')],
  ])('is not claimed with %s', (_, headers) => {
    expect(standardWebhooks(headers)).toBeUndefined();
  });

  it.each(['whsec_', 'whsec_!!!!!!!!!!!!!!!!', 'whsec_AAAA'])(
    'never holds with %s, whose key anybody could guess',
    (secret) => {
      for (const key of ['', Buffer.from(secret.slice(6), 'base64')]) {
        const forged = `v1,${base64(`${id}.${timestamp}.${BODY}`, key)}`;
        expect(holds(standardWebhooks, signed(forged), BODY, secret)).toBe(false);
      }
    },
  );
});

describe('the delivery that a claim names', () => {
  const plain: Headers = { 'x-hub-signature-256': `sha256=${hex()}` };
  const deliveryOf = (headers: Headers, body = BODY) =>
    claimOf(headers, [hubSignature256, giteaSignature, gitlabToken])?.delivery(Buffer.from(body));

  it('is its body where nothing else is signed, however it is sent again', () => {
    const first = deliveryOf(plain);
    expect(first).toBeDefined();
    expect(deliveryOf({ 'x-hub-signature-256': `sha256=${hex().toUpperCase()}` })).toBe(first);
    expect(deliveryOf({ ...plain, 'x-github-delivery': 'another' })).toBe(first);
    expect(deliveryOf({ 'x-gitea-signature': hex() })).toBe(first);
    expect(deliveryOf({ 'x-gitlab-token': SECRET })).toBe(first);
    expect(deliveryOf(plain, `${BODY} `)).not.toBe(first);
  });
});

describe('the scheme of a request', () => {
  it('is the first that it makes use of, and no other is tried after that', () => {
    const headers = { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}`, 'x-gitlab-token': SECRET };
    const claim = claimOf(headers, [hubSignature256, gitlabToken]);
    expect(claim?.holds(SECRET, Buffer.from(BODY))).toBe(false);
  });

  it('is none where nothing is known', () => {
    expect(claimOf({ authorization: 'Basic x' }, [hubSignature256, gitlabToken])).toBeUndefined();
  });
});
