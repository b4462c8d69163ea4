/** What a server answers to a plain request, asked after git failed: git hides a redirect's target and takes a web page for an empty repository. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, get as getHttp } from 'node:http';
import { Agent as HttpsAgent, get as getHttps } from 'node:https';
import type { GitUrl } from './url.ts';

export interface ProbeAnswer {
  /** Where a redirect points, as the address of a repository; its query is dropped, since it may hold a secret. */
  readonly redirectTarget: string | undefined;
  /** A web page, such as a login form or a proxy's notice, where git expects its own format. */
  readonly isWebPage: boolean;
}

const ADVERTISEMENT = '/info/refs';
const PATIENCE_MS = 5_000;

export interface ProbeOptions {
  readonly service: 'git-upload-pack' | 'git-receive-pack';
  readonly caFile: string | undefined;
  /** `http_proxy` and its sisters. */
  readonly proxyEnvironment: Readonly<Record<string, string>> | undefined;
}

/** Sends one request without credentials and reads the head of the answer. Undefined when none came. */
export async function probe(
  url: GitUrl,
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<ProbeAnswer | undefined> {
  if (url.protocol !== 'http' && url.protocol !== 'https') return undefined;
  const address = new URL(`${url.href.replace(/\/+$/, '')}${ADVERTISEMENT}?service=${options.service}`);
  try {
    return await headOfAnswer(address, options, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function headOfAnswer(address: URL, options: ProbeOptions, signal: AbortSignal): Promise<ProbeAnswer> {
  const { caFile, proxyEnvironment: proxyEnv = {} } = options;
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  const isHttps = address.protocol === 'https:';
  const agent = isHttps
    ? new HttpsAgent({ proxyEnv, ...(ca !== undefined && { ca }) })
    : new HttpAgent({ proxyEnv });
  const request = (isHttps ? getHttps : getHttp)(address, { agent, signal }, (response) => {
    const { location, 'content-type': contentType } = response.headers;
    resolve({
      redirectTarget: location === undefined ? undefined : repositoryAt(location, address),
      isWebPage: response.statusCode === 200 && /^text\/html\b/i.test(contentType ?? ''),
    });
    response.destroy();
  });
  request.once('error', reject);
  return promise;
}

function repositoryAt(location: string, base: URL): string | undefined {
  const target = URL.parse(location, base.href);
  if (target === null) return undefined;
  const path = target.pathname.endsWith(ADVERTISEMENT)
    ? target.pathname.slice(0, -ADVERTISEMENT.length)
    : target.pathname;
  return `${target.protocol}//${target.host}${path}`;
}
