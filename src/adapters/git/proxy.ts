/** The forward proxy that our own environment names. git and curl take it from theirs, which is otherwise empty. */
import { SourceError } from '../../reconcile/ports.ts';

export interface Proxy {
  /** For git processes that speak http or https; curl applies the exceptions itself. */
  readonly environment: Readonly<Record<string, string>>;
  /** Host and port of each proxy, as curl names them in its errors. */
  readonly hosts: readonly string[];
  readonly passwords: readonly string[];
}

const NAMES = ['http_proxy', 'https_proxy', 'no_proxy'] as const;
const SCHEMES = ['http:', 'https:', 'socks4:', 'socks4a:', 'socks5:', 'socks5h:'];

/**
 * HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals or not, where the latter win as everywhere.
 * @throws SourceError (Refused) that names the variable and does not show its value.
 */
export function proxyFrom(env: Readonly<Record<string, string | undefined>>): Proxy {
  const given = NAMES.flatMap((name) => {
    const variable = (env[name] ?? '') === '' ? name.toUpperCase() : name;
    const value = env[variable] ?? '';
    return value === '' ? [] : [{ name, variable, value }];
  });
  const proxies = given.filter(({ name }) => name !== 'no_proxy').map(addressOf);
  return {
    environment: Object.fromEntries(given.map(({ name, value }) => [name, value])),
    hosts: proxies.map(({ hostname, port }) => `${hostname} port ${port === '' ? '1080' : port}`),
    passwords: proxies.flatMap(({ password }) => (password === '' ? [] : passwordForms(password))),
  };
}

function addressOf({ variable, value }: { variable: string; value: string }): URL {
  const address = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (address === null || address.hostname === '' || !SCHEMES.includes(address.protocol)) {
    throw refused(variable, 'it is not the address of a proxy; write http://host:port');
  }
  if (address.username !== '' && address.password === '') {
    throw refused(variable, 'it has a user name and no password; write http://user:password@host:port');
  }
  return address;
}

function refused(variable: string, mistake: string): SourceError {
  return new SourceError('Refused', `${variable} is not accepted: ${mistake}.`);
}

/** As it is written in the address, and as it is meant. */
function passwordForms(password: string): string[] {
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
