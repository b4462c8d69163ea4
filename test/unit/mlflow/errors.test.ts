import { describe, expect, it } from 'vitest';
import {
  classify,
  classifyFailure,
  parseRetryAfter,
  plainText,
  wordsOf,
  type ErrorClass,
} from '../../../src/adapters/mlflow/errors.ts';

const JSON_TYPE = 'application/json';
const HTML_TYPE = 'text/html; charset=utf-8';

function refusal(status: number, body = '', contentType = HTML_TYPE, retryAfter?: string) {
  return classify({ status, body, contentType, retryAfter, scrub });
}

/** Nothing is secret here but this. */
const SECRET = 'canary-0123456789';

function scrub(text: string): string {
  return text.replaceAll(SECRET, '[secret]');
}

function said(status: number, code: string, message = 'words of the server') {
  const body = JSON.stringify(
    { error_code: code, message, sqlstate: 'KAM00', error_class: 'ANOTHER' },
    null,
    2,
  );
  return refusal(status, body, JSON_TYPE);
}

describe('an answer of MLflow', () => {
  it.each<[number, string, ErrorClass, boolean]>([
    [400, 'INVALID_PARAMETER_VALUE', 'permanent', false],
    [400, 'BAD_REQUEST', 'permanent', false],
    [400, 'RESOURCE_ALREADY_EXISTS', 'permanent', false],
    [401, 'UNAUTHENTICATED', 'unauthorised', false],
    [401, 'CUSTOMER_UNAUTHORIZED', 'unauthorised', false],
    [403, 'PERMISSION_DENIED', 'unauthorised', false],
    [404, 'RESOURCE_DOES_NOT_EXIST', 'permanent', false],
    [404, 'NOT_FOUND', 'permanent', false],
    [404, 'ENDPOINT_NOT_FOUND', 'permanent', false],
    [405, 'BAD_REQUEST', 'permanent', false],
    [408, 'ABORTED', 'transient', true],
    [409, 'RESOURCE_CONFLICT', 'permanent', false],
    [409, 'ALREADY_EXISTS', 'permanent', false],
    [429, 'REQUEST_LIMIT_EXCEEDED', 'throttled', false],
    [429, 'RESOURCE_EXHAUSTED', 'throttled', false],
    [500, 'INTERNAL_ERROR', 'transient', true],
    [500, 'INVALID_STATE', 'transient', true],
    [500, 'FEATURE_DISABLED', 'permanent', false],
    [501, 'NOT_IMPLEMENTED', 'permanent', false],
    [503, 'TEMPORARILY_UNAVAILABLE', 'transient', true],
    [504, 'DEADLINE_EXCEEDED', 'transient', true],
  ])('of %i %s is %s', (status, code, errorClass, ambiguous) => {
    expect(said(status, code)).toMatchObject({ errorClass, ambiguous, status, code });
  });

  it('is shown in its own words, but for credentials', () => {
    expect(said(400, 'INVALID_PARAMETER_VALUE').message).toBe('words of the server');
    expect(said(403, 'PERMISSION_DENIED').message).toBe(
      'the registry does not permit this (403): words of the server',
    );
    expect(said(401, 'UNAUTHENTICATED').message).toMatch(
      /^the registry does not accept our credentials \(401\); check/,
    );
  });

  it('proves absence only by its error code', () => {
    expect(said(404, 'RESOURCE_DOES_NOT_EXIST').notFound).toBe(true);
    expect(refusal(404, '<h1>Not Found</h1>').notFound).toBe(false);
    expect(said(404, 'ENDPOINT_NOT_FOUND').notFound).toBe(false);
  });

  it('of 500 to an archive flag that can never work is permanent', () => {
    const words =
      "Model version transition cannot archive existing model versions because 'Archived' is not an Active stage. Valid stages are ['Staging', 'Production']";
    expect(said(500, 'INTERNAL_ERROR', words)).toMatchObject({ errorClass: 'permanent', ambiguous: false });
  });

  it.each([
    '(sqlite3.IntegrityError) UNIQUE constraint failed: registered_model_aliases.name',
    '(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint',
  ])('that lost a race of first writers may be tried again: %s', (message) => {
    expect(said(400, 'BAD_REQUEST', message)).toMatchObject({ errorClass: 'transient', ambiguous: false });
  });

  it('without a message is shown by its code, and one that is no text is not believed', () => {
    expect(refusal(400, '{"error_code":"BAD_REQUEST"}', JSON_TYPE).message).toBe('BAD_REQUEST');
    expect(refusal(400, '{"error_code":"BAD_REQUEST","message":{"a":1}}', JSON_TYPE).message).toBe(
      'BAD_REQUEST',
    );
    expect(refusal(400, '{"error_code":7}', JSON_TYPE).code).toBeUndefined();
    expect(refusal(400, 'null', JSON_TYPE).code).toBeUndefined();
  });

  it('is cut, and holds nothing that could disturb a terminal or a log line', () => {
    const { message } = said(400, 'BAD_REQUEST', `\u001b[31mred\r\nnext\u202e ${'x'.repeat(5_000)}`);
    expect(message.slice(0, 16)).toBe(' [31mred next  x');
    expect(message).toHaveLength(301);
  });
});

describe('an answer that is no JSON', () => {
  it.each<[string, number, string, string, ErrorClass, RegExp]>([
    [
      '401 of basic-auth',
      401,
      'You are not authenticated. Please see …',
      HTML_TYPE,
      'unauthorised',
      /check the token/,
    ],
    [
      '403 of basic-auth',
      403,
      'Permission denied',
      HTML_TYPE,
      'unauthorised',
      /not permit this \(403\): HTTP 403 Permission/,
    ],
    [
      "403 of MLflow's Host check",
      403,
      'Invalid Host header - possible DNS rebinding attack detected',
      'text/plain',
      'unauthorised',
      /refuses the host name of its address.*--allowed-hosts/,
    ],
    [
      '404 of another server',
      404,
      '<h1>Not Found</h1>',
      HTML_TYPE,
      'permanent',
      /^this is not an MLflow server.*prefix \(HTTP 404: Not Found\)/,
    ],
    [
      '405',
      405,
      '<title>405</title><h1>Method Not Allowed</h1>',
      HTML_TYPE,
      'permanent',
      /not an MLflow server/,
    ],
    ['301', 301, '', HTML_TYPE, 'permanent', /redirect.*use the address it redirects to/],
    ['307', 307, '', HTML_TYPE, 'permanent', /redirect/],
    ['204', 204, '', '', 'permanent', /not an MLflow server/],
    [
      '502 of a gateway',
      502,
      '<h1>502 Bad Gateway</h1><hr>nginx',
      HTML_TYPE,
      'transient',
      /^HTTP 502 502 Bad Gateway nginx$/,
    ],
    ['503 of a gateway', 503, '', HTML_TYPE, 'transient', /^HTTP 503$/],
    ['504 of a gateway', 504, 'upstream timed out', 'text/plain', 'transient', /upstream timed out/],
    [
      '503 of a server without workspaces',
      503,
      '<p>Workspaces are disabled because the server is running without workspaces support.</p>',
      HTML_TYPE,
      'permanent',
      /without workspaces support/,
    ],
    ['429 of a gateway', 429, 'slow down', 'text/plain', 'throttled', /slow down/],
  ])('such as %3$s %0$s is classified', (_what, status, body, contentType, errorClass, words) => {
    const error = refusal(status, body, contentType);
    expect(error).toMatchObject({ errorClass, status });
    expect(error.message).toMatch(words);
  });
});

describe('a server that echoes a credential', () => {
  /** What is shown ends in the middle of one, wherever that is. */
  const padded = Array.from({ length: 20 }, (_, by) => `${'x'.repeat(295 - by)} ${SECRET}`);
  const deep = `${'<b>'.repeat(1_330)}1234 ${SECRET}`;

  it.each([401, 403, 404, 429, 500, 502, 503])('has it taken out of a %i, in words and in JSON', (status) => {
    for (const words of [`authorization: Bearer ${SECRET}`, ...padded, deep]) {
      const json = JSON.stringify({ error_code: 'INTERNAL_ERROR', message: words });
      for (const body of [words, `<p>${words}</p>`, json, json.replaceAll('canary', String.raw`\u0063anary`)])
        expect(refusal(status, body).message).not.toContain('canary');
    }
  });
});

describe('Retry-After', () => {
  const NOW = Date.parse('2026-11-23T10:00:00Z');

  it.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['0', 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['86400', 300_000],
    ['99999999999999999999', 300_000],
    ['Mon, 23 Nov 2026 10:00:30 GMT', 30_000],
    ['Mon, 23 Nov 2026 09:00:00 GMT', 0],
    ['Tue, 24 Nov 2026 10:00:00 GMT', 300_000],
    ['soon', undefined],
    ['', undefined],
  ])('of %j is %j milliseconds', (value, ms) => {
    expect(parseRetryAfter(value, NOW)).toBe(ms);
  });

  it('goes with 429, 503 and their like, and a 429 without one asks for a second', () => {
    expect(refusal(429, '', HTML_TYPE, '7').retryAfter).toBe(7_000);
    expect(refusal(429).retryAfter).toBe(1_000);
    expect(refusal(503, '', HTML_TYPE, '7').retryAfter).toBe(7_000);
    expect(refusal(503).retryAfter).toBeUndefined();
  });
});

describe('a page as text', () => {
  it.each([
    ['<html><head><title>t</title></head><body><h1>Big</h1>\n<p>small</p></body></html>', 'Big small'],
    ['<style>a { b: c }</style>seen<script>alert("x")</script>', 'seen'],
    ['<<<<', '<<<<'],
    ['', ''],
    ['plain words', 'plain words'],
  ])('of %j is %j', (page, words) => {
    expect(plainText(page)).toBe(words);
  });

  it('of any size is short, and found in no time to speak of', () => {
    for (const body of ['<head>'.repeat(1_000_000), 'x'.repeat(10_000_000)])
      expect(wordsOf({ body, scrub }).length).toBeLessThanOrEqual(301);
  });
});

const URI = 'http://mlflow.test:5000';

describe('an exchange that failed', () => {
  function failed(code: string, message = 'what the library says') {
    return classifyFailure(Object.assign(new Error(message), { code }), URI);
  }

  it.each<[string, string]>([
    ['ECONNREFUSED', 'connection refused; is MLflow running there?'],
    ['ENOTFOUND', 'the host name is unknown'],
    ['EAI_AGAIN', 'the host name cannot be looked up now'],
    ['EHOSTUNREACH', 'the host cannot be reached'],
    ['ENETUNREACH', 'the network cannot be reached'],
    ['UND_ERR_CONNECT_TIMEOUT', 'no connection in time'],
  ])('by %s never reached the server', (code, message) => {
    expect(failed(code)).toMatchObject({
      errorClass: 'transient',
      ambiguous: false,
      message: `${URI}: ${message}`,
    });
  });

  it.each([
    'ECONNRESET',
    'EPIPE',
    'UND_ERR_SOCKET',
    'UND_ERR_BODY_TIMEOUT',
    'UND_ERR_DESTROYED',
    'HPE_INVALID_CONSTANT',
  ])('by %s may have been carried out', (code) => {
    expect(failed(code)).toMatchObject({
      errorClass: 'transient',
      ambiguous: true,
      message: 'http://mlflow.test:5000: no complete answer: what the library says',
    });
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /declare the authority in spec.tls, or MLFLOW_TRACKING_SERVER_CERT_PATH/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /declare the authority/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /declare the authority/],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /declare the authority/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /for another host name/],
    ['CERT_HAS_EXPIRED', /not valid now/],
    ['EPROTO', /does the server speak https/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does the server speak https/],
    ['ERR_OSSL_PEM_NO_START_LINE', /: TLS failed \(ERR_OSSL_PEM_NO_START_LINE\)/],
  ])('by %s waits for a person', (code, words) => {
    const error = failed(code);
    expect(error).toMatchObject({ errorClass: 'permanent', ambiguous: false });
    expect(error.message).toMatch(words);
  });

  it('by an answer that is too large is no passing matter, and may have been carried out', () => {
    expect(failed('UND_ERR_RES_EXCEEDED_MAX_SIZE')).toMatchObject({
      errorClass: 'permanent',
      ambiguous: true,
    });
  });

  it('before it was sent, by what we asked for, was not carried out', () => {
    expect(failed('UND_ERR_INVALID_ARG')).toMatchObject({ errorClass: 'permanent', ambiguous: false });
  });

  it('is explained by the first cause that has a code, also among several addresses that were tried', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    expect(classifyFailure(new TypeError('fetch failed', { cause: refused }), URI).ambiguous).toBe(false);
    expect(classifyFailure(new AggregateError([refused, refused]), URI).ambiguous).toBe(false);
    expect(classifyFailure('no error at all', URI)).toMatchObject({
      message: 'http://mlflow.test:5000: no complete answer: no error at all',
    });
  });
});
