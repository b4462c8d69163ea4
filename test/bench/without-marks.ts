/** Loaded before the program (`node --import`): it then leaves no marks, so that only its writes are measured. */
import { fileURLToPath } from 'node:url';
import type * as Adapter from '../../src/adapters/mlflow/registry.ts';

const built = fileURLToPath(new URL('../../dist/adapters/mlflow/registry.js', import.meta.url));
const { MlflowRegistry } = (await import(built)) as typeof Adapter;
MlflowRegistry.prototype.mark = () => Promise.resolve();
