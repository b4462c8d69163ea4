/** Everything that is fuzzed. */
import type { Fuzz } from '../fuzz.ts';
import { documents } from './documents.ts';
import { edits } from './edits.ts';
import { engine } from './engine.ts';
import { folders } from './folders.ts';
import { git } from './git.ts';
import { options } from './options.ts';
import { registry } from './registry.ts';
import { statuses } from './statuses.ts';

export const everything: readonly Fuzz[] = [
  ...documents,
  ...edits,
  ...statuses,
  ...engine,
  ...registry,
  ...options,
  ...git,
  ...folders,
];
