/** The hands of the tour: each action shows the command that a user would type, and does it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProduct } from './controller.ts';
import { QUICKSTART_FILES } from './install.ts';
import type { Playground } from './playground.ts';
import type { RegisteredVersion } from './registry.ts';
import type { Screen } from './screen.ts';
import { AUTHOR } from './repository.ts';
import { MODEL } from './subject.ts';
import { StepFailed } from './step-failed.ts';
import { metricsTable, versionsTable } from './versions-table.ts';

export class Guide {
  readonly #playground: Playground;
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  /** The registry as it was shown last. */
  #shown: readonly RegisteredVersion[] = [];

  constructor(playground: Playground, screen: Screen, signal: AbortSignal) {
    this.#playground = playground;
    this.#screen = screen;
    this.#signal = signal;
  }

  /** Shows what training gave: every version with its metrics. */
  async introduce(): Promise<void> {
    const { registry } = this.#playground;
    const versions = await registry.versions(MODEL);
    const runs = await Promise.all(versions.map(({ runId }) => registry.run(runId)));
    this.#screen.blank();
    this.#screen.table(metricsTable(versions, runs));
    this.#shown = versions;
  }

  /** Shows the registry, and what is different from the last time. */
  show(versions: readonly RegisteredVersion[], when: string): void {
    this.#screen.blank();
    this.#screen.aside(`MLflow says${when}:`);
    this.#screen.table(versionsTable(this.#shown, versions));
    this.#shown = versions;
  }

  /** Puts a file of examples/quickstart/ into the repository. */
  async addFile(file: string, change: (text: string) => string = (text) => text): Promise<void> {
    await this.writeFile(file, change(await readFile(join(QUICKSTART_FILES, file), 'utf8')));
  }

  async writeFile(file: string, text: string): Promise<void> {
    await this.#playground.clone.write(file, text);
    this.#screen.command(`cat ${file}`);
    this.#screen.output(text);
  }

  /** Replaces texts of a file, wherever they stand in it. */
  async edit(file: string, changes: Readonly<Record<string, string>>): Promise<void> {
    const { clone } = this.#playground;
    let text = await clone.read(file);
    for (const [from, to] of Object.entries(changes)) {
      if (!text.includes(from)) throw new Error(`${file} does not contain ${JSON.stringify(from)}`);
      text = text.replaceAll(from, to);
    }
    await clone.write(file, text);
    this.#screen.command(`git diff ${file}`);
    this.#screen.diff(await this.#changes(file));
  }

  async push(message: string): Promise<void> {
    const { clone } = this.#playground;
    this.#screen.command(`git add --all && git commit --message '${message}' && git push`);
    await clone.git('add', '--all');
    await clone.git('commit', '--quiet', '--message', message);
    await clone.git('push', '--quiet');
  }

  /** Runs a command of the product in the clone. @throws StepFailed when it ends in another way than expected. */
  async product(args: readonly string[], { exitCode }: { readonly exitCode: number }): Promise<void> {
    const { clone, mlflow } = this.#playground;
    const ran = await runProduct(args, {
      cwd: clone.directory,
      registryUri: mlflow.url,
      signal: this.#signal,
    });
    this.#screen.command(`modelpromotion ${args.map(asTyped).join(' ')}`);
    this.#screen.output(ran.output);
    if (ran.exitCode === exitCode) return;
    throw new StepFailed({ expected: `exit code ${exitCode}`, seen: `exit code ${ran.exitCode}` });
  }

  /** Waits until the controller says so. @throws StepFailed */
  untilReady(): Promise<void> {
    return this.product(['wait', '--server', this.#playground.controller.url], { exitCode: 0 });
  }

  /** Goes back by a commit of the product's own. @throws StepFailed */
  async rollback(promotion: string, reason: string): Promise<void> {
    const { clone, gitUrl, cache } = this.#playground;
    const author = `${AUTHOR.name} <${AUTHOR.email}>`;
    const where = ['--git-url', gitUrl, '--cache-dir', cache];
    const said = ['--reason', reason, '--author', author, '--yes'];
    await this.product(['rollback', promotion, ...where, ...said], { exitCode: 0 });
    await clone.git('pull', '--quiet', '--rebase');
    this.#screen.diff(await this.#changes('HEAD~1', 'HEAD'));
  }

  /** The id of a run that was shown by its name. */
  run(name: string): Promise<string> {
    return this.#playground.registry.findRun(name);
  }

  /** Moves a version as the page of MLflow does, the others in the stage to Archived. */
  async transitionByHand(version: string, stage: string): Promise<void> {
    const { mlflow, registry } = this.#playground;
    const body = JSON.stringify({ name: MODEL, version, stage, archive_existing_versions: true });
    this.#screen.command(
      `curl --json '${body}' \\\n${mlflow.url}/api/2.0/mlflow/model-versions/transition-stage`,
    );
    await registry.transition(MODEL, version, stage);
    this.show(await registry.versions(MODEL), '');
  }

  /** Shows what the controller could not read. @throws StepFailed unless it counts as many problems in each file. */
  async showProblems(expected: Readonly<Record<string, number>>): Promise<void> {
    const { controller } = this.#playground;
    this.#screen.command(`curl --silent ${controller.url}/status | jq .source.problems`);
    const problems = await controller.problems(this.#signal);
    for (const { file, line, column, path, message } of problems) {
      this.#screen.output(`${file}:${line}:${column}: ${path}: ${message}`);
    }
    const seen = Object.entries(Object.groupBy(problems, ({ file }) => file));
    const counts = Object.fromEntries(seen.map(([file, found = []]) => [file, found.length]));
    if (JSON.stringify(counts) === JSON.stringify(expected)) return;
    throw new StepFailed({
      expected: `problems ${JSON.stringify(expected)}`,
      seen: JSON.stringify(problems),
    });
  }

  /** The changed lines alone. */
  async #changes(...what: readonly string[]): Promise<string> {
    const diff = await this.#playground.clone.git('diff', '--unified=0', ...what);
    const lines = diff.split('\n').filter((line) => /^[-+](?![-+]{2} )/.test(line));
    return lines.join('\n');
  }
}

function asTyped(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument}'`;
}
