/** `modelpromotion suspend` and `resume`: whether anything is done for a promotion at all. */
import type { Environment, OptionName } from '../config.ts';
import { openOutput } from './assembly.ts';
import type { Declared, Proposal } from './edit/home.ts';
import { makeChange, openHome } from './edit/open.ts';
import { EDIT_OPTIONS, type EditConfig } from './edit/options.ts';
import { suspendWording } from './edit/wording.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { print, tell } from './terminal.ts';

export const SUSPEND_OPTIONS = EDIT_OPTIONS satisfies readonly OptionName[];

export async function setSuspend(
  name: string,
  suspend: boolean,
  config: EditConfig,
  { env, signal }: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<ExitCode> {
  await using home = await openHome(config, env, openOutput(config), signal);
  const declared = await home.find(name, signal);
  const { key, object, warnings } = declared;
  if (object.spec.suspend === suspend) {
    print(`${key} is ${suspend ? 'suspended' : 'not suspended'} already.`);
    return EXIT.done;
  }
  const propose = (now: Declared): Proposal => ({
    edits: [{ path: ['spec', 'suspend'], value: suspend }],
    wording: suspendWording(now.key, suspend, config.reason),
  });
  const proposal = propose(declared);
  for (const line of await home.preview(declared, proposal, signal)) print(line);
  for (const warning of warnings) tell(`Warning: ${warning}.`);
  print(await makeChange(home, { declared, proposal }, propose, signal));
  tell(
    suspend
      ? `Nothing is done for ${key} from its next look on, repairs included, until \`modelpromotion resume ${key}\`.`
      : home.afterwards(key),
  );
  return EXIT.done;
}
