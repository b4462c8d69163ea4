import { describe, expect, it } from 'vitest';
import { GitExitError } from '../../../src/adapters/git/door.ts';
import { explain, UnexplainedError } from '../../../src/adapters/git/failures.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';

const CONTEXT = {
  url: parseGitUrl('https://git.example.com/m.git'),
  branch: 'main',
  authenticated: true,
  deadlineMs: 60_000,
};

function said(stderr: string): GitExitError {
  return new GitExitError({ exitCode: 128, stderr });
}

const UNABLE = "fatal: unable to access 'https://git.example.com/m.git/': ";

describe('what git says, for people', () => {
  it.each([
    [
      "fatal: could not read Username for 'https://git.example.com': terminal prompts disabled",
      'AccessDenied',
      /did not accept the credential/,
    ],
    ["fatal: Authentication failed for 'https://git.example.com/m.git/'", 'AccessDenied', /did not accept/],
    [`${UNABLE}The requested URL returned error: 403`, 'AccessDenied', /lacks the right/],
    [`${UNABLE}The requested URL returned error: 301`, 'Redirected', /redirect \(301\)/],
    [
      "fatal: repository 'https://git.example.com/m.git/' not found",
      'Unreachable',
      /no repository at https:\/\/git/,
    ],
    ["fatal: couldn't find remote ref refs/heads/main", 'BranchNotFound', /has no branch main/],
    [`${UNABLE}Could not resolve host: git.example.com`, 'Unreachable', /unknown to the name service/],
    [
      `${UNABLE}Failed to connect to git.example.com port 443 after 0 ms: Couldn't connect to server`,
      'Unreachable',
      /does not accept connections/,
    ],
    [
      `${UNABLE}server certificate verification failed. CAfile: none CRLfile: none`,
      'Unreachable',
      /not trusted.*ca\.crt/,
    ],
    [`${UNABLE}SSL certificate problem: self-signed certificate`, 'Unreachable', /not trusted/],
    [
      `${UNABLE}SSL: no alternative certificate subject name matches target host name`,
      'Unreachable',
      /another host/,
    ],
    [
      `${UNABLE}gnutls_handshake() failed: An unexpected TLS packet was received.`,
      'Unreachable',
      /does not speak TLS/,
    ],
    [`${UNABLE}The requested URL returned error: 503`, 'Unreachable', /error 503/],
    [
      `${UNABLE}Operation too slow. Less than 1000 bytes/sec transferred the last 30 seconds`,
      'Unreachable',
      /too slowly/,
    ],
    [`${UNABLE}Empty reply from server`, 'Unreachable', /broke off/],
  ])('%s', (stderr, reason, sentence) => {
    expect(explain(said(stderr), CONTEXT)).toMatchObject({
      reason,
      message: expect.stringMatching(sentence),
    });
  });

  it('asks for a credential where none was given', () => {
    const error = said("fatal: could not read Username for 'https://git.example.com'");
    expect(explain(error, { ...CONTEXT, authenticated: false }).message).toMatch(
      /none is configured.*--git-secret/,
    );
  });

  it('names the target of a redirect where it is known', () => {
    const redirectTarget = 'https://new.example.com/m.git';
    const error = said(`${UNABLE}The requested URL returned error: 302`);
    expect(explain(error, { ...CONTEXT, redirectTarget }).message).toContain(`to ${redirectTarget}.`);
  });

  it('names the deadline', () => {
    const error = new GitExitError({ exitCode: null, stderr: '', stopped: 'deadline' });
    expect(explain(error, CONTEXT).message).toBe('git.example.com did not answer within 60 s.');
  });

  it('repeats the last words of what nobody foresaw, without what a terminal would obey', () => {
    const error = explain(said('remote: hello\nfatal: \u001b[31mmystery\n'), CONTEXT);
    expect(error).toBeInstanceOf(UnexplainedError);
    expect(error.message).toBe('git failed: fatal:  [31mmystery');
  });
});
