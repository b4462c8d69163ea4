/**
 * Stories told in files. A story is a folder with a registry to begin with and steps; a step may hold a commit
 * (`manifests/`) and a change made in MLflow by hand (`by-hand.yaml`), and holds what comes of it (`expected.*`):
 * the plan, what the registry holds after it, the statuses and the events. A step comes an hour after the last, and
 * happens once, unless its `pace.yaml` says otherwise. `UPDATE_GOLDEN=1` writes what is expected anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { combine, parseFile } from '../../src/api/documents.ts';
import { parseDuration } from '../../src/api/duration.ts';
import type { Listing } from '../../src/api/listing.ts';
import { readTree } from '../../src/api/tree.ts';
import { parseYaml, toYaml } from '../../src/api/yaml.ts';
import type { Planned } from '../../src/cli/oneshot.ts';
import { renderPlan } from '../../src/cli/render/plan.ts';
import { reportPlan } from '../../src/cli/report.ts';
import type { Model } from '../../src/domain/observed.ts';
import { Engine } from '../../src/reconcile/engine.ts';
import { planLive } from '../../src/reconcile/pass.ts';
import { aModel, NOW, type ModelSpec } from '../support/builders.ts';
import { MemoryRegistry, only } from '../support/memory-registry.ts';

const live = new AbortController().signal;
const nothing: Listing = { revision: '', promotions: [], registries: [], problems: [], ignored: 0 };

const stories = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) =>
  entry.isDirectory(),
);

beforeAll(() => {
  vi.stubEnv('NO_COLOR', '1');
  vi.stubEnv('FORCE_COLOR', undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
});

describe.each(stories.map(({ name }) => name))('the story "%s"', (name) => {
  const folder = join(import.meta.dirname, name);
  const story = new Story(join(folder, 'registry.yaml'));
  const steps = readdirSync(folder).filter((entry) => /^\d/.test(entry));

  it.each(steps.toSorted())('%s', async (step) => {
    const outputs = await story.tell(join(folder, step));
    for (const [file, text] of Object.entries(outputs)) {
      const path = join(folder, step, `expected.${file}`);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
      expect(text, path).toBe(readFileSync(path, 'utf8'));
    }
    expect(story.registry.wasted).toEqual([]);
  });
});

class Story {
  readonly registry: MemoryRegistry;
  readonly #engine: Engine;
  #listing = nothing;
  #step = 0;
  #now = NOW;
  #events: string[] = [];

  constructor(seed: string) {
    this.registry = new MemoryRegistry(aModel(read(seed) as ModelSpec));
    const note = (level: string) => (fields: object, message: string) => {
      this.#events.push(eventLine(level, fields, message));
    };
    this.#engine = new Engine({
      installation: 'main',
      allowEmpty: false,
      uidOf: (key) => `uid-of-${key}`,
      registries: only(this.registry),
      observer: {
        info: note('info'),
        warn: note('warn'),
        event: ({ key }, { type, reason, message }) =>
          note(type === 'Warning' ? 'warn' : 'info')({ promotion: key, reason, detail: message }, 'event'),
        reconciled: () => undefined,
        applied: () => undefined,
      },
      wake: () => undefined,
      onStatus: () => undefined,
      fence: () => true,
      now: () => this.#now,
      sleep: () => Promise.resolve(),
    });
  }

  /** One step: what the folder says happens, and everything that comes of it. */
  async tell(folder: string): Promise<Record<string, string>> {
    this.#step += 1;
    this.#events = [];
    const { after, times } = paceOf(folder);
    const keys = await this.#take(join(folder, 'manifests'));
    let plan = '';
    for (let time = 0; time < times; time += 1) {
      this.#now += after;
      const change = join(folder, 'by-hand.yaml');
      if (existsSync(change)) this.registry.change(changed(this.registry.get(), read(change) as ModelSpec));
      plan = await this.#plan();
      for (const key of keys) await this.#handle(key);
    }
    const events = this.#events.map((line) => `${line}\n`).join('');
    return {
      'plan.txt': plan,
      'registry.txt': registryText(this.registry.get()),
      'status.yaml': this.#statuses(),
      'events.txt': events,
    };
  }

  async #handle(key: string): Promise<void> {
    for (let next = await this.#engine.handle(key, live); next.kind === 'Now';) {
      next = await this.#engine.handle(key, live);
    }
  }

  /** Takes a commit in, if there is one. Returns the keys to look at. */
  async #take(folder: string): Promise<string[]> {
    if (!existsSync(folder)) return this.#engine.keys();
    const files = readdirSync(folder).toSorted();
    const parsed = files.map((file) => parseFile(file, readFileSync(join(folder, file))));
    this.#listing = { ...combine(parsed, `main@sha1:${this.#step}`), author: 'Ada Lovelace' };
    return this.#engine.accept(this.#listing);
  }

  async #plan(): Promise<string> {
    const promotions: Planned[] = [];
    for (const entry of this.#engine.catalog.entries.values()) {
      if (entry.problems.length > 0) continue;
      const start = this.#engine.inputFor(entry.promotion);
      promotions.push(
        start.kind === 'finding'
          ? { entry, kind: 'obstructed', finding: start.finding }
          : { entry, kind: 'planned', input: start.input, pass: await planLive(start.input, this.#now, live) },
      );
    }
    return renderPlan(reportPlan({ listing: this.#listing, promotions }), 'table');
  }

  #statuses(): string {
    return this.#engine
      .keys()
      .map((key) => `# ${key}\n${toYaml(this.#engine.document(key)?.status ?? null)}`)
      .join('---\n');
  }
}

function read(path: string): unknown {
  const [document] = parseYaml(readFileSync(path, 'utf8')).documents;
  if (!document?.root || document.mistake) throw new Error(`${basename(path)} cannot be read`);
  return readTree(document.root).value;
}

function paceOf(folder: string): { after: number; times: number } {
  const path = join(folder, 'pace.yaml');
  const { after = '1h', times = 1 } = (existsSync(path) ? read(path) : {}) as { after?: string; times?: number };
  return { after: parseDuration(after), times };
}

/** Versions and aliases that the change names become as it says; an alias set to "" is removed. */
function changed(model: Model, change: ModelSpec): Model {
  const versions = new Map(model.versions);
  for (const [number, spec] of Object.entries(change.versions ?? {})) {
    const [fresh] = aModel({ versions: { [number]: spec } }).versions.values();
    const before = versions.get(number);
    if (fresh) versions.set(number, typeof spec === 'string' && before ? { ...before, stage: spec } : fresh);
  }
  const aliases = [...model.aliases, ...Object.entries(change.aliases ?? {})];
  return {
    ...model,
    versions,
    aliases: new Map([...new Map(aliases)].filter(([, version]) => version !== '')),
  };
}

/** A line a version: its stage, its aliases, its own tags and its description. */
function registryText({ versions, aliases }: Model): string {
  return [...versions.values()]
    .map(({ version, stage, description, tags }) => {
      const names = [...aliases].filter(([, to]) => to === version).map(([alias]) => `@${alias}`);
      const own = [...tags].filter(([key]) => !key.startsWith('modelpromotion.dev/'));
      const words = [
        ...names,
        ...own.map(([key, value]) => `${key}=${value}`),
        description && `"${description}"`,
      ];
      return `${[`version ${version}`, stage.padEnd(10), ...words]
        .filter((word) => word !== '')
        .join('  ')
        .trimEnd()}\n`;
    })
    .join('');
}

function eventLine(level: string, fields: object, message: string): string {
  const { promotion = '', reason, detail } = fields as Record<string, string | undefined>;
  if (message === 'event') return `${level} ${promotion} ${reason ?? ''}: ${detail ?? ''}`;
  return `${level} ${[promotion, message].filter((word) => word !== '').join(' ')}: ${JSON.stringify(fields)}`;
}
