/** Which versions of a model a comparison is about. */
import { quote } from '../api/quote.ts';
import { holders, readyVersions, type Model, type Stage, type Version } from './observed.ts';
import { existing } from './select.ts';

export type Role = 'incumbent' | 'candidate';

export interface Chosen {
  readonly version: Version;
  readonly role: Role | undefined;
}

/** A version as people name one. */
export type VersionName =
  | { readonly kind: 'number'; readonly version: string }
  | { readonly kind: 'alias'; readonly alias: string }
  | { readonly kind: 'stage'; readonly stage: Stage };

const STAGES: readonly Stage[] = ['None', 'Staging', 'Production', 'Archived'];

/** Undefined for what names no version. */
export function parseVersionName(text: string): VersionName | undefined {
  const number = /^0*([1-9]\d{0,15})$/.exec(text)?.[1];
  if (number !== undefined) return { kind: 'number', version: number };
  const alias = /^@([\p{L}\p{N}_-]+)$/u.exec(text)?.[1];
  if (alias !== undefined) return { kind: 'alias', alias };
  const stage = STAGES.find((one) => one.toLowerCase() === text.toLowerCase());
  return stage === undefined ? undefined : { kind: 'stage', stage };
}

/**
 * The named versions, one beside the incumbent when one alone is named, and without any the incumbent beside the
 * newest version that is READY. Or, as text, why there are none.
 */
export function chooseVersions(model: Model, names: readonly VersionName[]): readonly Chosen[] | string {
  const named: Version[] = [];
  for (const name of names) {
    const version = find(model, name);
    if (version === undefined) return `${model.name} has no ${describe(name)} (${existing(model)})`;
    if (!named.includes(version)) named.push(version);
  }
  const incumbent = incumbentOf(model);
  const [candidate] = readyVersions(model);
  const versions = named.length > 1 ? named : besideIncumbent(incumbent, named[0] ?? candidate);
  if (names.length === 0 && incumbent === undefined)
    return `no version of ${model.name} is in Production and none is champion: name those to compare (${existing(model)})`;
  return versions.map((version) => ({ version, role: roleOf(version, incumbent, candidate) }));
}

function besideIncumbent(incumbent: Version | undefined, other: Version | undefined): Version[] {
  return [...new Set([incumbent, other])].filter((version) => version !== undefined);
}

function roleOf(version: Version, incumbent?: Version, candidate?: Version): Role | undefined {
  if (version === incumbent) return 'incumbent';
  return version === candidate ? 'candidate' : undefined;
}

function incumbentOf(model: Model): Version | undefined {
  return holders(model, 'Production')[0] ?? find(model, { kind: 'alias', alias: 'champion' });
}

function find(model: Model, name: VersionName): Version | undefined {
  switch (name.kind) {
    case 'number':
      return model.versions.get(name.version);
    case 'alias':
      return model.versions.get(model.aliases.get(name.alias) ?? '');
    case 'stage':
      return holders(model, name.stage)[0];
    default:
      return name satisfies never;
  }
}

function describe(name: VersionName): string {
  switch (name.kind) {
    case 'number':
      return `version ${name.version}`;
    case 'alias':
      return `alias ${quote(name.alias)}`;
    case 'stage':
      return `version in ${name.stage}`;
    default:
      return name satisfies never;
  }
}
