/** Finds a Python that can run MLflow. */
import { childEnvironment } from './environment.ts';
import { CommandFailed, run } from './child.ts';
import { SetupError } from './setup-error.ts';

const CANDIDATES = [
  'python3',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python3.14',
  'python',
];

/** Prints the path of the interpreter, its version, and whether it can make a virtual environment. */
const DESCRIBE = `
import sys
try:
    import ensurepip, venv
    print(sys.executable, *sys.version_info[:2], "venv", sep="\\n")
except ImportError:
    print(sys.executable, *sys.version_info[:2], "no venv", sep="\\n")
`;

interface Python {
  readonly command: string;
  readonly executable: string;
  readonly version: readonly [major: number, minor: number];
  readonly hasVenv: boolean;
}

/**
 * Resolves with the path of a Python >= 3.10 that has the venv module.
 * @throws SetupError that names what was found and what to install.
 */
export async function findPython(signal: AbortSignal): Promise<string> {
  const found: Python[] = [];
  for (const command of CANDIDATES) {
    const python = await describe(command, signal);
    if (python === undefined) continue;
    if (isUsable(python)) return python.executable;
    found.push(python);
  }
  throw new SetupError(complaint(found));
}

async function describe(command: string, signal: AbortSignal): Promise<Python | undefined> {
  try {
    const output = await run([command, '-c', DESCRIBE], { env: childEnvironment(), signal });
    const [executable = command, major, minor, venv] = output.split('\n');
    return { command, executable, version: [Number(major), Number(minor)], hasVenv: venv === 'venv' };
  } catch (error) {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
}

function isUsable(python: Python): boolean {
  return isNewEnough(python) && python.hasVenv;
}

function isNewEnough({ version: [major, minor] }: Python): boolean {
  return major === 3 && minor >= 10;
}

function complaint(found: readonly Python[]): string {
  const withoutVenv = found.find(isNewEnough);
  if (withoutVenv !== undefined) {
    const { command, version } = withoutVenv;
    return `${command} is Python ${version.join('.')}, but its venv module is missing. Install it (Debian, Ubuntu: apt install python${version.join('.')}-venv) and start again.`;
  }
  const seen = found.map(({ command, version }) => `${command} is ${version.join('.')}`).join(', ');
  return `MLflow needs Python 3.10 or newer; ${seen === '' ? 'no Python was found' : seen}. Install one so that python3 runs it, and start again.`;
}
