/** `modelpromotion export`: the registry as it is, as manifests that plan to nothing. */
import { plural } from '../api/plural.ts';
import { clip } from '../api/quote.ts';
import { limits } from '../api/yaml.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import { matches } from '../domain/patterns.ts';
import { exportRegistry, type Export, type Exported } from '../domain/export.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import { FilesInTheWay, writeFiles } from './files.ts';
import { ONE_REGISTRY_OPTIONS, openOneRegistry } from './one-registry.ts';
import { LONGEST, manifestText, renderExport } from './render/export.ts';
import { print, progress, tell } from './terminal.ts';

export const EXPORT_OPTIONS = [
  'namespace',
  'registry-name',
  'output',
  'output-dir',
  'force',
  ...ONE_REGISTRY_OPTIONS,
] as const satisfies readonly OptionName[];

type ExportConfig = Config<(typeof EXPORT_OPTIONS)[number]>;

/** Of the files in the way that are named. */
const MOST_NAMED = 5;

/** Named `exportModels` because `export` is a word of the language. */
export async function exportModels(
  patterns: readonly string[],
  config: ExportConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (config['output-dir'] !== undefined && config.output !== 'yaml')
    throw new ConfigError(['--output-dir: the files are YAML; leave --output out']);
  await using access = openOneRegistry(config, env, signal);
  const finished = progress('Reading the registry…');
  const models = await access.registry.matching([], signal).finally(finished);
  const { namespace = 'default', installation } = config;
  // Of all models, whatever is asked for: a model has the same name each time.
  const all = exportRegistry(models, { namespace, installation, registry: config['registry-name'] });
  const wanted = only(patterns, all);
  const missed = patterns.filter((pattern) => ![...models.keys()].some((name) => matches(pattern, name)));
  for (const pattern of missed) tell(`no model is called ${JSON.stringify(pattern)}`);
  const code = await hand(wanted.documents, config);
  if (code !== EXIT.done) return code;
  tellLeftOut(wanted);
  return worst([
    ...(missed.length > 0 ? [EXIT.failed] : []),
    ...(wanted.leftOut.length > 0 ? [EXIT.blocked] : []),
  ]);
}

function only(patterns: readonly string[], all: Export): Export {
  if (patterns.length === 0) return all;
  const isWanted = (model: string): boolean => patterns.some((pattern) => matches(pattern, model));
  return {
    documents: all.documents.filter(({ manifest }) => isWanted(manifest.spec.model)),
    bare: all.bare.filter(isWanted),
    leftOut: all.leftOut.filter(({ model }) => isWanted(model)),
    managed: all.managed.filter(isWanted),
  };
}

async function hand(documents: readonly Exported[], config: ExportConfig): Promise<ExitCode> {
  const folder = config['output-dir'];
  if (folder !== undefined) return intoFolder(folder, documents, config.force);
  const stream = renderExport(documents, config.output);
  if (documents.length > 0) print(stream);
  if (config.output === 'table' || config.output === 'markdown') return EXIT.done;
  if (documents.length > limits.documents || Buffer.byteLength(stream) > limits.bytes)
    tell(
      `warning: one file may hold ${limits.documents} documents and 1 MiB, and this is more: use --output-dir`,
    );
  return EXIT.done;
}

async function intoFolder(folder: string, documents: readonly Exported[], force: boolean): Promise<ExitCode> {
  const files = new Map(documents.map((one) => [`${one.manifest.metadata.name}.yaml`, manifestText(one)]));
  try {
    const { written, unchanged } = await writeFiles(folder, files, { force });
    const same = unchanged.length > 0 ? `, ${unchanged.length} said the same already` : '';
    tell(`${plural(written.length, 'file')} written to ${folder}${same}.`);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof FilesInTheWay)) throw error;
    const { paths } = error;
    const named = paths.slice(0, MOST_NAMED).join(', ');
    const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : '';
    tell(`${named}${more} would be overwritten, and nothing was written; --force overwrites`);
    return EXIT.invalid;
  }
}

function tellLeftOut({ documents, bare, leftOut, managed }: Export): void {
  const name = (model: string): string => JSON.stringify(clip(model, LONGEST));
  for (const { manifest, remarks } of documents)
    for (const remark of remarks) tell(`warning: model ${name(manifest.spec.model)}: ${remark}`);
  for (const { model, message } of leftOut)
    tell(`warning: left out of model ${name(model)}: ${clip(message, LONGEST)}`);
  const models = new Set(documents.map(({ manifest }) => manifest.spec.model));
  const notes = [
    `${plural(models.size, 'model')} exported`,
    ...(bare.length > 0
      ? [`${bare.length} left out that have no version in Production or Staging and no alias`]
      : []),
    ...(managed.length > 0
      ? [
          `${managed.length} of them managed by promotions of this installation already, which are not to be declared twice`,
        ]
      : []),
  ];
  tell(`${notes.join(', ')}.`);
}
