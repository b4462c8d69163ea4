/** `modelpromotion suspend` and `resume`: whether anything is done for a promotion at all. */
import type { Environment, OptionName } from '../config.ts';
import { openOutput } from './assembly.ts';
import type { Declared, Proposal } from './edit/home.ts';
import { makeChange, openHome } from './edit/open.ts';
import { EDIT_OPTIONS, type EditConfig } from './edit/options.ts';
import { suspendWording } from './edit/wording.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { renderEdit, type EditOutcome } from './render/edit.ts';
import { print, tell } from './terminal.ts';

export const SUSPEND_OPTIONS = EDIT_OPTIONS satisfies readonly OptionName[];

export async function setSuspend(
  name: string,
  suspend: boolean,
  config: EditConfig,
  { env, signal }: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<ExitCode> {
  const output = openOutput(config);
  await using home = await openHome(config, env, output, signal);
  const declared = await home.find(name, signal);
  const { key, object, warnings } = declared;
  const report = (outcome: EditOutcome): void =>
    print(output.scrubber.clean(renderEdit(declared, outcome, config.output)));
  if (object.spec.suspend === suspend) {
    const message = `${key} is ${suspend ? 'suspended' : 'not suspended'} already.`;
    report({ changed: false, changes: [], message });
    return EXIT.done;
  }
  const propose = (now: Declared): Proposal => ({
    edits: [{ path: ['spec', 'suspend'], value: suspend }],
    wording: suspendWording(now.key, suspend, config.reason),
  });
  const proposal = propose(declared);
  const changes = await home.preview(declared, proposal, signal);
  if (config.output === 'table') for (const line of changes) print(line);
  for (const warning of warnings) tell(`Warning: ${warning}.`);
  const { message, next } = await makeChange(home, { declared, proposal }, propose, signal);
  report({ changed: true, changes, message });
  tell(next);
  if (suspend) tell('From its next look on nothing is done for it, repairs included, until it is resumed.');
  return EXIT.done;
}
