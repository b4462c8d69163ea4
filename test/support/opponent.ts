/** An automation that wants something else: a process of its own that undoes what others do. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

const SCRIPT = `
const [url, name] = process.argv.slice(1);
const api = url + '/api/2.0/mlflow/model-versions/';
for (;;) {
  const { model_version: version } = await (await fetch(api + 'get?version=1&name=' + name)).json();
  if (version.current_stage !== 'Production') {
    const body = { name, version: '1', stage: 'Production', archive_existing_versions: true };
    const headers = { 'content-type': 'application/json' };
    await fetch(api + 'transition-stage', { method: 'POST', headers, body: JSON.stringify(body) });
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}`;

/** Puts version 1 of a model back into Production whenever it is not there, until it is disposed of. */
export function startOpponent(registry: string, model: string): AsyncDisposable {
  const argv = ['--input-type=module', '--eval', SCRIPT, registry, model];
  const opponent = spawn(NODE, argv, { stdio: 'inherit' });
  return {
    async [Symbol.asyncDispose]() {
      if (opponent.exitCode !== null || opponent.signalCode !== null) return;
      opponent.kill('SIGKILL');
      await once(opponent, 'close');
    },
  };
}
