import { describe, expect, it } from 'vitest';
import { GitExitError } from '../../../src/adapters/git/door.ts';
import { cacheFailure, explain, UnexplainedError } from '../../../src/adapters/git/failures.ts';
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
    ['fatal: write error: No space left on device', 'CacheUnusable', /--cache-dir is full/],
    [
      "error: cannot update ref 'refs/modelpromotion/tip': couldn't write '/cache/git/x/refs/modelpromotion/tip.lock'",
      'CacheUnusable',
      /--cache-dir is full/,
    ],
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
    ['fatal: write error: No space left on device', 'CacheUnusable', /disk that holds --cache-dir is full/],
    [`${UNABLE}Empty reply from server`, 'Unreachable', /broke off/],
  ])('%s', (stderr, reason, sentence) => {
    expect(explain(said(stderr), CONTEXT)).toMatchObject({
      reason,
      message: expect.stringMatching(sentence),
    });
  });

  it.each([
    [
      'ssh -F /dev/null -o BatchMode=yes: 1: ssh: not found',
      'Unreachable',
      'The program ssh is not installed on this machine.',
    ],
    ['No user exists for uid 65532', 'Unreachable', /user id 65532.*\/etc\/passwd/],
    [
      `@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
The fingerprint for the ED25519 key sent by the remote host is
SHA256:PRmgVPQjamPTEQ973XJMzQSObMKZj0I4hVXQ07iOCk4.
Host key for git.example.com has changed and you have requested strict checking.
Host key verification failed.`,
      'Unreachable',
      /shows another key \(SHA256:PRmgVPQjamPTEQ973XJMzQSObMKZj0I4hVXQ07iOCk4\) than known_hosts has/,
    ],
    [
      'No ED25519 host key is known for git.example.com and you have requested strict checking.\nHost key verification failed.',
      'Unreachable',
      /known_hosts has no line for git\.example\.com.*ssh-keyscan git\.example\.com prints/,
    ],
    [
      'Load key "/cache/ssh/call-x/identity": error in libcrypto\ngit@git.example.com: Permission denied (publickey).',
      'AccessDenied',
      /cannot use the key identity \(error in libcrypto\)/,
    ],
    [
      'git@git.example.com: Permission denied (publickey).',
      'AccessDenied',
      /did not accept the key identity/,
    ],
    [
      'Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures',
      'AccessDenied',
      /did not accept the key identity/,
    ],
    [
      'Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-dss',
      'Unreachable',
      /no safe algorithm in common \(no matching host key type found/,
    ],
    ['ERROR: Repository not found.', 'Unreachable', /There is no repository at ssh:/],
    [
      "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.",
      'Unreachable',
      /There is no repository at ssh:/,
    ],
    [
      'ERROR: The key you are authenticating with has been marked as read only.',
      'AccessDenied',
      /refuses: The key you are authenticating with has been marked as read only\.$/,
    ],
    [
      'ssh: connect to host git.example.com port 22: Connection refused',
      'Unreachable',
      /not accept connections/,
    ],
    [
      'ssh: connect to host git.example.com port 22: No route to host',
      'Unreachable',
      /not accept connections/,
    ],
    ['ssh: connect to host git.example.com port 22: Connection timed out', 'Unreachable', /too slowly/],
    ['Connection timed out during banner exchange', 'Unreachable', /too slowly/],
    ['Timeout, server git.example.com not responding.', 'Unreachable', /too slowly/],
    [
      'ssh: Could not resolve hostname git.example.com: Name or service not known',
      'Unreachable',
      /name service/,
    ],
    ['kex_exchange_identification: Connection closed by remote host', 'Unreachable', /broke off/],
    ['Connection reset by 192.0.2.1 port 22', 'Unreachable', /broke off/],
    ['something that nobody foresaw', 'Unreachable', 'git failed: something that nobody foresaw'],
  ])('over ssh: %s', (stderr, reason, sentence) => {
    const added =
      'fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n';
    const context = { ...CONTEXT, url: parseGitUrl('ssh://git@git.example.com/m.git') };
    expect(explain(said(`Welcome!\n${stderr}\n${added}`), context)).toMatchObject({
      reason,
      message: typeof sentence === 'string' ? sentence : expect.stringMatching(sentence),
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

describe('a failure of our own disk', () => {
  it.each([
    ['ENOSPC', /--cache-dir is full/],
    ['EDQUOT', /--cache-dir is full/],
    ['EACCES', /cannot be used \(EACCES\).*right to write/],
    ['EROFS', /cannot be used \(EROFS\)/],
  ])('%s says what to do', (code, words) => {
    const failure = cacheFailure(Object.assign(new Error('mkdir'), { code, syscall: 'mkdir' }));
    expect(failure).toMatchObject({ reason: 'CacheUnusable', message: expect.stringMatching(words) });
  });

  it('is nothing that is not one', () => {
    expect(cacheFailure(new Error('odd'))).toBeUndefined();
  });
});
