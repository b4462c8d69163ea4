/**
 * A model as one text. What is known of a whole registry is looked at one model at a time, and as objects and maps it
 * would take three times the memory, which the garbage collector would walk through again and again.
 */
import type { Model, Version } from '../../domain/observed.ts';

type Entries = [key: string, value: string][];
type PackedVersion = [
  Version['version'],
  Version['creationTimestamp'],
  Version['stage'],
  Version['status'],
  Version['statusMessage'],
  Version['description'],
  Version['source'],
  Version['runId'],
  tags: Entries,
];
type PackedModel = [
  name: string,
  lastUpdatedTimestamp: number,
  tags: Entries,
  aliases: Entries,
  PackedVersion[],
];

/** Two models that are the same are the same text: tags and aliases come from a server in any order. */
export function pack({ name, lastUpdatedTimestamp, tags, aliases, versions }: Model): string {
  const packed: PackedModel = [
    name,
    lastUpdatedTimestamp,
    sorted(tags),
    sorted(aliases),
    [...versions.values()].map(packVersion),
  ];
  return JSON.stringify(packed);
}

export function unpack(text: string): Model {
  const [name, lastUpdatedTimestamp, tags, aliases, versions] = JSON.parse(text) as PackedModel;
  return {
    name,
    lastUpdatedTimestamp,
    tags: new Map(tags),
    aliases: new Map(aliases),
    versions: new Map(versions.map((version) => [version[0], unpackVersion(version)])),
  };
}

function packVersion(version: Version): PackedVersion {
  return [
    version.version,
    version.creationTimestamp,
    version.stage,
    version.status,
    version.statusMessage,
    version.description,
    version.source,
    version.runId,
    sorted(version.tags),
  ];
}

function unpackVersion(packed: PackedVersion): Version {
  const [version, creationTimestamp, stage, status, statusMessage, description, source, runId, tags] = packed;
  return {
    version,
    creationTimestamp,
    stage,
    status,
    statusMessage,
    description,
    source,
    runId,
    tags: new Map(tags),
  };
}

function sorted(entries: ReadonlyMap<string, string>): Entries {
  return [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
