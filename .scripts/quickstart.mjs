/**
 * `npm run quickstart`: installs what package-lock.json says, builds, and hands over to `modelpromotion quickstart`,
 * or with `kubernetes` to the tour of the operator.
 * Plain JavaScript for Node >= 20, since it runs before anything is installed; the rest runs on the Node of
 * node_modules.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE = `${ROOT}node_modules/.bin/node`;
const OLDEST_NODE = 20;
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i;

/** Signals that end us; each is passed on to what is running. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Why we end early, in words for people; no stack trace is shown. */
class Ending extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

async function main() {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new Ending(
      `This needs Node ${OLDEST_NODE} or newer; ${process.execPath} is ${process.versions.node}.`,
    );
  }
  if (!isInstalled()) await install();
  await build();
  return handOver(process.argv.slice(2));
}

/** Compares what npm says it installed with what it should have; packages for other platforms may be missing. */
function isInstalled() {
  const { '': _root, ...wanted } = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  const isThere = ([path, { version, optional }]) =>
    found[path]?.version === version || (optional && found[path] === undefined);
  return existsSync(NODE) && Object.entries(wanted).every(isThere);
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(ROOT + lockFile, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

async function install() {
  say('Installing packages with npm ci (once, about 20 seconds)');
  const stillBusy = setInterval(() => say('  npm is still downloading'), 15_000);
  const { code, output } = await npm('ci', '--fetch-retries=1').finally(() => clearInterval(stillBusy));
  if (code === 0) return;
  const advice = NO_NETWORK.test(output)
    ? 'The npm registry cannot be reached. Check the network, or the proxy and registry that npm is set to.'
    : 'npm ci failed.';
  throw new Ending(`${advice} Its last words:\n${tail(output)}`);
}

async function build() {
  say('Building modelpromotion');
  const { code, output } = await npm('run', '--silent', 'build');
  if (code !== 0) throw new Ending(`The build failed:\n${tail(output)}`);
}

/** Runs npm in a process group of its own, quietly, and resolves with its exit code and all it printed. */
function npm(...args) {
  const [program, before] = process.env.npm_execpath
    ? [process.execPath, [process.env.npm_execpath]]
    : ['npm', []];
  const child = spawn(program, [...before, ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const kill = () => process.kill(-child.pid, 'SIGKILL');
  return untilItEnds(child, kill).then(({ code, signal }) => {
    if (signal === undefined) return { code, output };
    throw new Ending(
      '\nStopped. Nothing is left running; the next start goes on from here.',
      exitCodeOf(signal),
    );
  });
}

/** The tour has the terminal to itself. There, Ctrl-C reaches it without us. */
function handOver([kind, ...args]) {
  const tour =
    kind === 'kubernetes'
      ? [`${ROOT}test/tour/kubernetes.ts`, ...args]
      : [`${ROOT}dist/main.js`, 'quickstart', ...(kind === undefined ? [] : [kind, ...args])];
  const child = spawn(NODE, ['--enable-source-maps', ...tour], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const pass = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  return untilItEnds(child, pass).then(({ code }) => code);
}

/** Resolves when the child has ended, with its exit code and the signal that we got meanwhile and gave to `pass`. */
function untilItEnds(child, pass) {
  let received;
  const onSignal = (signal) => {
    received = signal;
    pass(signal);
  };
  for (const signal of ENDING) process.on(signal, onSignal);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      for (const signal of ENDING) process.off(signal, onSignal);
      resolve({ code: code ?? exitCodeOf(killedBy), signal: received });
    });
  });
}

/** As shells have it. */
function exitCodeOf(signal) {
  return 128 + (constants.signals[signal] ?? 0);
}

/** The last lines, without those of a stack trace. */
function tail(text) {
  const lines = text.trimEnd().split('\n');
  return lines
    .filter((line) => !/^(npm error)?\s+at /.test(line))
    .slice(-10)
    .map((line) => `  ${line}`)
    .join('\n');
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Ending)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
