/** Every command, once: name, help, arguments, options and an example. The parser, `--help`, completion and docs read this. */
import type { OptionName } from '../config.ts';
import { APPLY_OPTIONS } from './apply.ts';
import { COMPARE_OPTIONS } from './compare.ts';
import { PLAN_OPTIONS } from './plan.ts';
import { RUN_OPTIONS } from './run.ts';
import { SEARCH_OPTIONS } from './search.ts';
import { STATUS_OPTIONS } from './status.ts';
import { VALIDATE_OPTIONS } from './validate.ts';
import { WAIT_OPTIONS } from './wait.ts';

interface Argument {
  readonly syntax: string;
  readonly help: string;
}

export interface CommandSpec {
  readonly help: string;
  readonly argument?: Argument;
  /** What may follow it. */
  readonly more?: Argument;
  readonly options: readonly OptionName[];
  readonly examples: readonly string[];
  readonly notes?: string;
}

const PATHS = { syntax: '<paths...>', help: 'files and folders of manifests; - is standard input' } as const;

export const COMMANDS = {
  run: {
    help: 'run the controller: keep registries as the manifests declare',
    options: RUN_OPTIONS,
    examples: [
      'modelpromotion run --source git --git-url https://git.example.com/ml/models.git --registry-uri http://127.0.0.1:5000',
      'modelpromotion run --source folder --path manifests/ --registry-uri http://127.0.0.1:5000',
      'modelpromotion run --source kubernetes --kubeconfig ~/.kube/config',
    ],
    notes:
      'Stops on SIGTERM or Ctrl-C, after what it has begun. Credentials: --secrets-dir, or MLFLOW_TRACKING_* for --registry-uri.',
  },
  validate: {
    help: 'check manifests; no registry is asked',
    argument: PATHS,
    options: VALIDATE_OPTIONS,
    examples: ['modelpromotion validate manifests/', 'cat promotion.yaml | modelpromotion validate -'],
  },
  plan: {
    help: 'show what apply would change, from what, and what is only drift',
    argument: PATHS,
    options: PLAN_OPTIONS,
    examples: [
      'modelpromotion plan manifests/ --registry-uri http://127.0.0.1:5000',
      'modelpromotion plan manifests/ --exit-code -o markdown > plan.md',
    ],
  },
  apply: {
    help: 'show the plan, ask, and carry it out',
    argument: PATHS,
    options: APPLY_OPTIONS,
    notes: 'The result tells what was done and what is open, also when it was stopped in between.',
    examples: [
      'modelpromotion apply manifests/ --registry-uri http://127.0.0.1:5000',
      'modelpromotion apply manifests/ --yes -o json',
    ],
  },
  status: {
    help: 'show what a controller says of its promotions',
    argument: { syntax: '[promotions...]', help: 'NAME or NAMESPACE/NAME; all when none is given' },
    options: STATUS_OPTIONS,
    examples: [
      'modelpromotion status',
      'modelpromotion status ml/churn -o yaml',
      'modelpromotion status --git-url https://git.example.com/ml/models.git',
    ],
  },
  wait: {
    help: 'wait until promotions are ready; fails at once when one is stalled',
    argument: { syntax: '[promotions...]', help: 'NAME or NAMESPACE/NAME; all when none is given' },
    options: WAIT_OPTIONS,
    examples: [
      'modelpromotion wait ml/churn --timeout 2m',
      'git push && modelpromotion wait --revision $(git rev-parse HEAD)',
    ],
    notes:
      'Mistakes in the source are told as well. Where no promotion is named they end it with exit code 2, for what cannot be read may be what was pushed.',
  },
  search: {
    help: 'find versions: by name, stage, alias, tag, metric and age',
    argument: {
      syntax: '[patterns...]',
      help: 'names of models, in which * stands for any characters; all when none is given',
    },
    options: SEARCH_OPTIONS,
    examples: [
      "modelpromotion search 'churn-*' --stage Production",
      "modelpromotion search --metric 'accuracy>=0.9' --metric 'loss<0.2' --newer-than 30d",
      'modelpromotion search --unmanaged --alias champion -o json',
    ],
    notes:
      'All filters hold together. A metric is looked up only for versions that the other filters leave; where it cannot be read the version is left out, and that is said.',
  },
  compare: {
    help: 'show versions of a model side by side',
    argument: { syntax: '<model>', help: 'the name of a model' },
    more: {
      syntax: '[versions...]',
      help: 'numbers, stages or @aliases; one is compared with the incumbent; without any the newest READY version is',
    },
    options: COMPARE_OPTIONS,
    examples: [
      'modelpromotion compare churn',
      'modelpromotion compare churn 3 @challenger --differences --goal churn_cost=min --signature',
      'modelpromotion compare churn Production 7 -o markdown',
    ],
    notes:
      'The incumbent is in Production, else it is the champion. The better value of a metric is marked where --goal or its name (loss, rmse, accuracy, …) tells which that is.',
  },
  quickstart: {
    help: 'start a real MLflow, a git repository and the controller, and walk the tour',
    options: [],
    examples: ['modelpromotion quickstart'],
    notes:
      'Needs Python 3.10 or later and git. Everything it installs is under .cache/ of the current folder.',
  },
  version: { help: 'print the version', options: [], examples: ['modelpromotion version'] },
  completion: {
    help: 'print a completion script',
    argument: { syntax: '<shell>', help: 'bash, zsh or fish' },
    options: [],
    examples: ['source <(modelpromotion completion bash)', 'modelpromotion completion fish | source'],
  },
} as const satisfies Record<string, CommandSpec>;

export type CommandName = keyof typeof COMMANDS;
