/** The `tokenFile` of a user in a kubeconfig, which the client library knows under a name that nobody writes. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { isFields } from '../../api/fields.ts';

/** The files that are read when this one, or none, is named. */
export function kubeconfigFiles(named: string | undefined, variable: string | undefined): string[] {
  if (named !== undefined) return [named];
  const listed = (variable ?? '').split(delimiter).filter((file) => file !== '');
  return listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
}

/** Relative to its kubeconfig, as kubectl reads it. Files that are not there have none. */
export async function tokenFileOf(user: string, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const found = tokenFileIn(parse(text), user);
    if (found !== undefined) return resolve(dirname(file), found);
  }
  return undefined;
}

function tokenFileIn(config: unknown, name: string): string | undefined {
  const users = isFields(config) && Array.isArray(config['users']) ? config['users'] : [];
  for (const one of users as unknown[]) {
    if (!isFields(one) || one['name'] !== name || !isFields(one['user'])) continue;
    const { tokenFile } = one['user'];
    if (typeof tokenFile === 'string' && tokenFile !== '') return tokenFile;
  }
  return undefined;
}
