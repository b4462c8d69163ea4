/** Loaded before the program (`node --import`): it then leaves no marks, so that only its writes are measured. */
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../../dist/adapters/mlflow/registry.js', import.meta.url));
const { MlflowRegistry } = (await import(built)) as typeof import('../../src/adapters/mlflow/registry.ts');
MlflowRegistry.prototype.mark = () => Promise.resolve();
