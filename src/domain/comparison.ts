/** Versions of one model side by side: what each says, where they differ, and which value is the better one. */
import type { Chosen } from './chosen.ts';
import { directionOf, type Goal } from './direction.ts';
import type { Evidence, EvidenceOf, SignatureOf } from './evidence.ts';
import type { Fact, Model } from './observed.ts';
import { aliasesOf, byText } from './query.ts';

export interface Comparison {
  readonly model: string;
  readonly versions: readonly Chosen[];
  readonly rows: readonly Row[];
  /** By number: why nothing is known of the runs of these versions. */
  readonly unread: ReadonlyMap<string, Extract<Fact<never>, { kind: 'unknown' }>>;
}

export const SECTIONS = ['version', 'lineage', 'metrics', 'params', 'tags', 'signature'] as const;
export type Section = (typeof SECTIONS)[number];

export interface Row {
  readonly section: Section;
  readonly name: string;
  /** One for each version, in their order. */
  readonly cells: readonly Cell[];
  readonly differs: boolean;
  /** Of a metric, as far as it is known. */
  readonly goal: Goal | undefined;
}

export type Cell =
  | { readonly kind: 'none' }
  /** It could not be read. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'time'; readonly milliseconds: number }
  | { readonly kind: 'number'; readonly number: number; readonly better: boolean };

/** What was read of the versions beside the registry. */
export interface Known {
  readonly evidence: EvidenceOf;
  /** From the files of the models; what a run tells of it when absent. */
  readonly signatures?: SignatureOf;
}

export function compareVersions(
  model: Model,
  versions: readonly Chosen[],
  { evidence, signatures = new Map() }: Known,
  goals: ReadonlyMap<string, Goal>,
): Comparison {
  const facts = versions.map(({ version }) => evidence.get(version) ?? NOT_READ);
  const told = versions.map(({ version }, index): Fact<string> => {
    return signatures.get(version) ?? signatureOf(facts[index] ?? NOT_READ);
  });
  const rows = [
    ...versionRows(model, versions),
    ...lineageRows(versions, facts),
    ...metricRows(facts, goals),
    ...namedRows('params', facts, ({ params }) => params),
    ...tagRows(versions),
    ...signatureRows(told),
  ];
  const unread = versions.flatMap(({ version }, index) => {
    const fact = [facts[index], told[index]].find((one) => one?.kind === 'unknown');
    return fact?.kind === 'unknown' ? [[version.version, fact] as const] : [];
  });
  return { model: model.name, versions, rows, unread: new Map(unread) };
}

const NOT_READ: Fact<never> = { kind: 'unknown', reason: 'RegistryUnavailable', message: 'it was not read' };
const NONE: Cell = { kind: 'none' };
const UNKNOWN: Cell = { kind: 'unknown' };

function versionRows(model: Model, versions: readonly Chosen[]): Row[] {
  const row = (name: string, cellOf: (chosen: Chosen) => Cell): Row =>
    plainRow('version', name, versions.map(cellOf));
  return [
    row('stage', ({ version }) => textCell(version.stage)),
    row('aliases', ({ version }) => textCell(aliasesOf(model, version).join(', '))),
    row('status', ({ version }) => textCell(version.status)),
    row('created', ({ version }) => ({ kind: 'time', milliseconds: version.creationTimestamp })),
    row('description', ({ version }) => textCell(version.description)),
  ];
}

function lineageRows(versions: readonly Chosen[], facts: readonly Fact<Evidence>[]): Row[] {
  const row = (name: string, textOf: (evidence: Evidence) => string | undefined): Row =>
    plainRow(
      'lineage',
      name,
      facts.map((fact) => cellOf(fact, textOf)),
    );
  return [
    plainRow(
      'lineage',
      'source',
      versions.map(({ version }) => textCell(version.source)),
    ),
    plainRow(
      'lineage',
      'run',
      versions.map(({ version }) => textCell(version.runId)),
    ),
    row('experiment', ({ experiment }) => experiment),
    row('logged model', ({ loggedModel }) => loggedModel),
    row('git commit', ({ commit }) => commit),
    row('datasets', ({ datasets }) => datasets.map(describeDataset).sort(byText).join(', ')),
  ];
}

function describeDataset({ name, digest, context }: Evidence['datasets'][number]): string {
  return `${name}@${digest}${context === undefined ? '' : ` (${context})`}`;
}

function metricRows(facts: readonly Fact<Evidence>[], goals: ReadonlyMap<string, Goal>): Row[] {
  const names = namesOf(facts, ({ metrics, doubtful }) => [...metrics.keys(), ...doubtful]);
  return names.map((name): Row => {
    const goal = directionOf(name, goals);
    const values = facts.map((fact) => (fact.kind === 'known' ? fact.value.metrics.get(name) : undefined));
    const best = goal === undefined ? undefined : bestOf(values, goal);
    const cells = facts.map((fact, index): Cell => {
      if (fact.kind === 'unknown') return UNKNOWN;
      const value = values[index];
      if (value !== undefined) return { kind: 'number', number: value, better: value === best };
      return fact.kind === 'known' && fact.value.doubtful.has(name) ? UNKNOWN : NONE;
    });
    return { ...plainRow('metrics', name, cells), goal };
  });
}

/** Undefined unless one value is better than another: there is nothing to say where all are equal, or one is alone. */
function bestOf(values: readonly (number | undefined)[], goal: Goal): number | undefined {
  const told = values.filter((value) => value !== undefined && !Number.isNaN(value)) as number[];
  const [low, high] = [Math.min(...told), Math.max(...told)];
  if (told.length < 2 || low === high) return undefined;
  return goal === 'min' ? low : high;
}

function namedRows(
  section: Section,
  facts: readonly Fact<Evidence>[],
  valuesOf: (evidence: Evidence) => ReadonlyMap<string, string>,
): Row[] {
  return namesOf(facts, (evidence) => [...valuesOf(evidence).keys()]).map((name) =>
    plainRow(
      section,
      name,
      facts.map((fact) => cellOf(fact, (evidence) => valuesOf(evidence).get(name))),
    ),
  );
}

function tagRows(versions: readonly Chosen[]): Row[] {
  const names = new Set(versions.flatMap(({ version }) => [...version.tags.keys()]));
  return [...names].sort(byText).map((name) =>
    plainRow(
      'tags',
      name,
      versions.map(({ version }) => {
        const value = version.tags.get(name);
        return value === undefined ? NONE : { kind: 'text', text: value };
      }),
    ),
  );
}

/** What goes into a model and what comes out. */
function signatureRows(facts: readonly Fact<string>[]): Row[] {
  const parts = ['inputs', 'outputs', 'params'] as const;
  const rows = parts.map((part) =>
    plainRow(
      'signature',
      part,
      facts.map((fact) => cellOf(fact, (signature) => partOf(signature, part))),
    ),
  );
  return rows.filter(({ cells }) => cells.some(({ kind }) => kind === 'text'));
}

function signatureOf(fact: Fact<Evidence>): Fact<string> {
  if (fact.kind !== 'known') return fact;
  const { signature } = fact.value;
  return signature === undefined ? { kind: 'absent' } : { kind: 'known', value: signature };
}

/** Each part is a JSON text within the JSON. */
function partOf(signature: string, part: string): string | undefined {
  const value = (parse(signature) as Readonly<Record<string, unknown>> | null | undefined)?.[part];
  if (typeof value !== 'string') return value == null ? undefined : JSON.stringify(value);
  const fields = parse(value);
  return Array.isArray(fields) ? fields.map(describeField).join(', ') : value;
}

function describeField(field: unknown): string {
  const { name, type, ...rest } = (field ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof type !== 'string') return JSON.stringify(field);
  const shape = type === 'tensor' ? ` ${JSON.stringify(rest['tensor-spec'] ?? {})}` : '';
  const optional = rest['required'] === false ? ' (optional)' : '';
  return `${typeof name === 'string' ? `${name}: ` : ''}${type}${shape}${optional}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function namesOf(
  facts: readonly Fact<Evidence>[],
  keysOf: (evidence: Evidence) => readonly string[],
): string[] {
  const names = new Set(facts.flatMap((fact) => (fact.kind === 'known' ? keysOf(fact.value) : [])));
  return [...names].sort(byText);
}

function cellOf<T>(fact: Fact<T>, textOf: (value: T) => string | undefined): Cell {
  if (fact.kind === 'unknown') return UNKNOWN;
  return fact.kind === 'absent' ? NONE : textCell(textOf(fact.value));
}

function textCell(text: string | undefined): Cell {
  return text === undefined || text === '' ? NONE : { kind: 'text', text };
}

function plainRow(section: Section, name: string, cells: readonly Cell[]): Row {
  return { section, name, cells, differs: differ(cells), goal: undefined };
}

/** What could not be read is not known to differ. */
function differ(cells: readonly Cell[]): boolean {
  return new Set(cells.filter(({ kind }) => kind !== 'unknown').map(valueOf)).size > 1;
}

function valueOf(cell: Cell): string | number | undefined {
  switch (cell.kind) {
    case 'none':
    case 'unknown':
      return undefined;
    case 'text':
      return cell.text;
    case 'time':
      return cell.milliseconds;
    case 'number':
      return cell.number;
    default:
      return cell satisfies never;
  }
}
