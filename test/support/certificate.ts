/** Certificates that vouch for themselves, made with openssl. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** The certificate on disk. */
  readonly certFile: string;
}

/** For one host name or address, in files below `folder`. */
export async function certificate(folder: string, host: string): Promise<Certificate> {
  const [certFile, keyFile] = [join(folder, `${host}.crt`), join(folder, `${host}.key`)];
  const name = `subjectAltName=${/^[\d.]+$/.test(host) ? 'IP' : 'DNS'}:${host}`;
  const subject = ['-subj', `/CN=${host}`, '-addext', name];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const argv = ['req', '-x509', '-days', '2', ...key, '-out', certFile, ...subject];
  await promisify(execFile)('openssl', argv);
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8'), certFile };
}
