/** What is exported: manifests for programs, and what they declare for people. */
import { clip } from '../../api/quote.ts';
import { toYaml } from '../../api/yaml.ts';
import { describeTarget } from '../../domain/desired.ts';
import type { Exported } from '../../domain/export.ts';
import type { Format } from './plan.ts';
import { markdownTable, table } from './table.ts';

/** Of a remark, or of a name. */
export const LONGEST = 400;

export function renderExport(documents: readonly Exported[], format: Format): string {
  switch (format) {
    case 'yaml':
      return documents.map(manifestText).join('---\n');
    case 'json': {
      const items = documents.map(({ manifest }) => manifest);
      return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
    }
    case 'table':
      return table(['PROMOTION', 'MODEL', 'TARGETS'], documents.map(rowOf));
    case 'markdown':
      return markdownTable(['Promotion', 'Model', 'Targets'], documents.map(rowOf));
    default:
      return format satisfies never;
  }
}

/** A manifest below what a reader of it should know. */
export function manifestText({ manifest, remarks }: Exported): string {
  return `${remarks.map((remark) => `# ${clip(remark, LONGEST)}\n`).join('')}${toYaml(manifest)}`;
}

function rowOf({ manifest: { metadata, spec } }: Exported): string[] {
  const { stages = [], aliases = [] } = spec;
  const targets = [
    ...stages.map(({ name, version }) => `${describeTarget(`stage/${name}`)}=${version}`),
    ...aliases.map(({ name, version }) => `${describeTarget(`alias/${name}`)}=${version}`),
  ];
  return [`${metadata.namespace}/${metadata.name}`, clip(spec.model, LONGEST), targets.join(', ')];
}
