/** Whatever strangers put into headers and bodies: nothing throws, and nothing holds. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as claims from '../../../src/runtime/hooks/claim.ts';

const { claimOf, ...every } = claims;

const NAMES = [
  'x-hub-signature-256', 'x-hub-signature', 'x-gitea-signature', 'x-forgejo-signature', 'x-gitlab-token',
  'webhook-id', 'webhook-timestamp', 'webhook-signature',
  'x-mlflow-delivery-id', 'x-mlflow-timestamp', 'x-mlflow-signature',
]; // prettier-ignore

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.stringMatching(/^(sha256=|sha1=)?[0-9a-fA-F]{60,66}$/),
  fc.stringMatching(/^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)?$/),
  fc.stringMatching(/^[0-9]{1,14}$/),
  fc.base64String({ maxLength: 60 }),
);
const headers = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: NAMES.length });
const secrets = ['0123456789abcdef0123456789abcdef', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_'];

describe('a stranger', () => {
  it('claims what he likes, and is never believed', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 200 }), (sent, bytes) => {
        const body = Buffer.from(bytes);
        for (const scheme of Object.values(every)) {
          const claim = claimOf(sent, [scheme]);
          if (claim === undefined) continue;
          expect(secrets.filter((secret) => claim.holds(secret, body))).toEqual([]);
          expect(claim.delivery(body).length).toBeLessThan(300);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
