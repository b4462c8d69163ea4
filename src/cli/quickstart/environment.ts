/** The environment of what the quickstart starts: the caller's, without what would lead a tool elsewhere. */
import { environment } from '../../config.ts';

/** Settings of a Python, MLflow or git that has nothing to do with ours. */
const FOREIGN = /^(PYTHON|VIRTUAL_ENV|MLFLOW_|MODELPROMOTION_|GIT_|DATABRICKS_)/;

const OURS = {
  DO_NOT_TRACK: 'true',
  MLFLOW_DISABLE_TELEMETRY: 'true',
  GIT_PYTHON_REFRESH: 'quiet',
  PYTHONUNBUFFERED: '1',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  PIP_NO_INPUT: '1',
  NO_PROXY: '127.0.0.1,localhost',
  no_proxy: '127.0.0.1,localhost',
};

/** Proxy and package index settings stay, since an install may need them; loopback is reached without a proxy. */
export function childEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited = Object.entries(environment()).flatMap(([name, value]) =>
    value === undefined || FOREIGN.test(name) ? [] : [[name, value] as const],
  );
  return { ...Object.fromEntries(inherited), ...OURS, ...more };
}
