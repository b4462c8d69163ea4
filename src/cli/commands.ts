/** Every command, once: name, help, arguments, options and an example. The parser, `--help`, completion and docs read this. */
import type { Defaults, OptionName } from '../config.ts';
import { ADOPT_OPTIONS } from './adopt.ts';
import { APPLY_OPTIONS } from './apply.ts';
import { COPY_OPTIONS } from './copy.ts';
import { COMPARE_OPTIONS } from './compare.ts';
import { DIFF_OPTIONS } from './diff.ts';
import { EXPORT_OPTIONS } from './export.ts';
import { HISTORY_OPTIONS } from './history.ts';
import { PLAN_OPTIONS } from './plan.ts';
import { RECONCILE_OPTIONS } from './reconcile.ts';
import { ROLLBACK_OPTIONS } from './rollback.ts';
import { RUN_OPTIONS } from './run.ts';
import { SEARCH_OPTIONS } from './search.ts';
import { STATUS_OPTIONS } from './status.ts';
import { SUSPEND_OPTIONS } from './suspend.ts';
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
  readonly defaults?: Defaults;
  readonly examples: readonly string[];
  readonly notes?: string;
}

const NAME = { syntax: '<promotion>', help: 'NAME or NAMESPACE/NAME' } as const;
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
  export: {
    help: 'print the registry as it is, as manifests that plan to nothing',
    argument: {
      syntax: '[patterns...]',
      help: 'names of models, in which * stands for any characters; all when none is given',
    },
    options: EXPORT_OPTIONS,
    defaults: { output: 'yaml' },
    examples: [
      'modelpromotion export --registry-uri http://127.0.0.1:5000 --output-dir manifests/',
      "modelpromotion export 'churn-*' --namespace ml > churn.yaml",
      'modelpromotion export -o table',
    ],
    notes:
      'A model with a version in Production or Staging, or with an alias, becomes one manifest, printed as YAML where no other format is asked for. What no manifest may say is left out, told, and gives exit code 3; a pattern that no model matches gives 1, a file in the way 2.',
  },
  adopt: {
    help: 'take models that are as declared already under control, with tags of ours and no other write',
    argument: PATHS,
    options: ADOPT_OPTIONS,
    examples: [
      'modelpromotion adopt manifests/ --registry-uri http://127.0.0.1:5000',
      'modelpromotion adopt manifests/ --yes -o json',
    ],
    notes:
      'Sets the tags that apply would have left, so that whatever changes from then on is drift. A promotion that is not as declared is refused, with what differs, and gives exit code 3; nothing is written for it.',
  },
  status: {
    help: 'show what a controller says of its promotions',
    argument: { syntax: '[promotions...]', help: 'NAME or NAMESPACE/NAME; all when none is given' },
    options: STATUS_OPTIONS,
    examples: [
      'modelpromotion status',
      'modelpromotion status ml/churn -o yaml',
      'modelpromotion status --git-url https://git.example.com/ml/models.git',
      'kubectl modelpromotion status --all-namespaces',
    ],
  },
  history: {
    help: 'show what changed the targets of a model, newest first',
    argument: { syntax: '<name>', help: 'a model, or a promotion as NAME or NAMESPACE/NAME' },
    options: HISTORY_OPTIONS,
    examples: [
      'modelpromotion history customer_churn --registry-uri http://127.0.0.1:5000',
      'modelpromotion history ml/churn --git-url https://git.example.com/ml/models.git -o json',
      'modelpromotion history ml/churn --context production',
    ],
    notes:
      'Statuses remember the last 10 changes of a promotion, from a controller (--server), the status branch (--git-url) or a cluster (--kubeconfig, --context). The registry remembers on each version who put it somewhere last; anybody who may write tags may have written that.',
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
  rollback: {
    help: 'go back: declare the version before, where the promotion is declared',
    argument: NAME,
    options: ROLLBACK_OPTIONS,
    examples: [
      'modelpromotion rollback ml/churn --git-url https://git.example.com/ml/models.git --reason "wrong scores since Monday"',
      'modelpromotion rollback ml/churn --to 3 --git-url https://git.example.com/ml/models.git --branch back-to-3',
      'modelpromotion rollback churn --path manifests/ --to 3 --target alias/champion --yes',
      'kubectl modelpromotion rollback churn --namespace ml',
    ],
    notes:
      'Targets that the last change moved together go back together. Over git the edit is a commit that is pushed and never forced; in a folder the file is edited; in a cluster the object is patched. It says what it will undo and asks first.',
  },
  suspend: {
    help: 'do nothing more for a promotion, repairs included',
    argument: NAME,
    options: SUSPEND_OPTIONS,
    examples: [
      'modelpromotion suspend ml/churn --git-url https://git.example.com/ml/models.git --reason "incident 42"',
      'kubectl modelpromotion suspend churn --namespace ml',
    ],
  },
  resume: {
    help: 'take a suspended promotion up again',
    argument: NAME,
    options: SUSPEND_OPTIONS,
    examples: [
      'modelpromotion resume ml/churn --git-url https://git.example.com/ml/models.git',
      'kubectl modelpromotion resume churn --namespace ml',
    ],
  },
  reconcile: {
    help: 'have a promotion looked at now',
    argument: NAME,
    options: RECONCILE_OPTIONS,
    examples: [
      'kubectl modelpromotion reconcile churn --namespace ml --timeout 1m',
      'modelpromotion reconcile ml/churn --server http://127.0.0.1:8080 --hook-secret hooks --secrets-dir secrets/',
    ],
    notes:
      'In a cluster it sets an annotation and waits until the operator has looked. Elsewhere it sends a signed hint to the controller, and leaves the manifests alone.',
  },
  diff: {
    help: 'show what two revisions of manifests, or two registries, say differently',
    argument: {
      syntax: '[paths...]',
      help: 'two of manifests, each a path, or REV: or REV:PATH of the git repository here; none for two registries',
    },
    options: DIFF_OPTIONS,
    examples: [
      'modelpromotion diff HEAD~1:manifests manifests/',
      'modelpromotion diff main: HEAD: -o markdown',
      'modelpromotion diff --registry-uri http://127.0.0.1:5000 --to-registry-uri https://mlflow.example.com --exit-code',
    ],
    notes:
      'PATH counts from the root of the repository. Each registry numbers its own versions: two are the same when one is a copy of the other (see copy), or when both were made from one source by one run.',
  },
  copy: {
    help: 'make a version of one registry a version of another, once',
    argument: {
      syntax: '<version>',
      help: 'MODEL/3, MODEL@champion, MODEL/Production, or MODEL for the newest that is ready',
    },
    options: COPY_OPTIONS,
    examples: [
      'modelpromotion copy churn/3 --registry-uri http://127.0.0.1:5000 --to-registry-uri https://mlflow.example.com --secrets-dir secrets --to-registry-secret prod',
      'modelpromotion copy churn@champion --registry-uri http://127.0.0.1:5000 --to-registry-uri https://mlflow.example.com --to-model prod.churn',
    ],
    notes:
      'Artifacts stay where they are, so they must be where both servers reach them, such as s3://; what is not is refused, with exit code 3. Tags say where the copy comes from, and that it is there already. No stage and no alias is set: that is for a promotion.',
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
