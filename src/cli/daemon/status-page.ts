/** What `GET /status` answers: the source, the registries, and every promotion with its status. */
import { timestamp } from '../../api/timestamp.ts';
import type { RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import type { Engine } from '../../reconcile/engine.ts';
import type { Controller } from './controller.ts';
import type { Hints } from './hints.ts';
import { registryDocument } from './registry-status.ts';

export type StatusPage = ReturnType<typeof statusPage>;

export interface Shown {
  readonly installation: string;
  /** Of the source. */
  readonly description: string;
  readonly engine: Engine;
  readonly directory: RegistryDirectory;
  readonly controller: Controller;
  readonly hints: Hints;
}

export function statusPage(
  { installation, description, engine, directory, controller, hints }: Shown,
  now: number,
) {
  const { catalog } = engine;
  const { lastRead, failure } = controller.source;
  const lastHint = hints.lastOfSource;
  return {
    installation,
    source: {
      description,
      ...(catalog.revision === undefined ? {} : { revision: catalog.revision }),
      ...(lastRead === undefined ? {} : { lastRead: timestamp(lastRead) }),
      ...(lastHint === undefined ? {} : { lastHint: timestamp(lastHint) }),
      ...(catalog.held === undefined ? {} : { held: catalog.held }),
      ...(failure === undefined ? {} : { failure }),
      ignored: catalog.ignored,
      problems: catalog.problems,
    },
    ...statusBranchOf(controller),
    registries: directory.list().map((listed) =>
      registryDocument(
        listed,
        {
          promotions: engine.keysOf(listed.address).length,
          lastHint: hints.lastOf(listed.key),
        },
        now,
      ),
    ),
    promotions: engine.keys().flatMap((key) => engine.document(key) ?? []),
  };
}

/** What is wrong with the status branch, in reading before all else or in writing. */
function statusBranchOf({ memoryFailure, unwritten }: Controller): {
  statusBranch?: { failure?: Controller['memoryFailure']; unwritten?: string };
} {
  if (memoryFailure !== undefined) return { statusBranch: { failure: memoryFailure } };
  return unwritten === undefined ? {} : { statusBranch: { unwritten } };
}
