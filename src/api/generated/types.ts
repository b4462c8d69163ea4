// Generated from crds/ by `npm run generate`. Do not edit.

/** Standard object metadata. */
export interface ObjectMeta {
  /** Name of the object, unique in its namespace. */
  readonly name: string;
  /** Namespace of the object. */
  readonly namespace: string;
  /** Labels, as on any Kubernetes object. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations, as on any Kubernetes object. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Set by the API server, or derived from where the manifest is kept. */
  readonly uid?: string;
  /** Counts changes of the spec. */
  readonly generation?: number;
  /** When the API server made the object, in UTC to the second. Of two claims the older comes first. */
  readonly creationTimestamp?: string;
}

/** The ModelRegistry that holds the model. It cannot be changed. */
export interface RegistryRef {
  /** Name of the ModelRegistry. */
  readonly name: string;
  /** Namespace of the ModelRegistry, where it is another one. That registry's `access` must allow it. */
  readonly namespace?: string;
}

/** The stage, in MLflow's own spelling. */
export type Stage = 'Staging' | 'Production';

/** The READY version with the highest number. */
export interface LatestRule {
  /** Only versions that pass, in MLflow's own grammar: conditions on name, run_id, source_path, version_number and tags.NAME, joined by AND. */
  readonly filter?: string;
}

/** The READY version whose run has the best value of a metric. Of equal ones the newer. A version without a value is not considered. */
export interface BestRule {
  /** Name of the metric. The last value that was logged counts. */
  readonly metric: string;
  /** Which value is better. */
  readonly goal: 'maximize' | 'minimize';
  /** Versions below it are not considered. */
  readonly min?: number;
  /** Versions above it are not considered. */
  readonly max?: number;
  /** Only versions that pass, in MLflow's own grammar: conditions on name, run_id, source_path, version_number and tags.NAME, joined by AND. */
  readonly filter?: string;
  /** By how much a version has to be better than the one that holds the target to take its place. */
  readonly minImprovement: number;
  /** By how much a version has to be better beyond chance. All logged values of the metric are then taken for repeated measurements, such as one a fold, and the difference of their means counts, less the margin of 95 % for all candidates together. Who has fewer than two values, or one that is not finite, takes nobody's place; the next best is tried then. */
  readonly minEffect?: number;
  /** How long the version that was put there stays at least, as a Go duration. */
  readonly holdFor?: string;
}

/** A rule that selects the version. Give exactly one selector. */
export interface VersionFrom {
  /** The version that holds this stage of the same model; if several do, the one that this promotion declares, or else the highest number. */
  readonly stage?: Stage;
  /** An alias of this model: letters, digits, "_" and "-". */
  readonly alias?: string;
  /** The version that was registered from this run; if there are several, the newest. */
  readonly runId?: string;
  /** The version that was registered from this source, `runs:/<run id>/<path>` or `models:/<model id>`, however MLflow's clients have written it down. Where there is none, it is registered. */
  readonly source?: string;
  /** The READY version with the highest number. */
  readonly latest?: LatestRule;
  /** The READY version whose run has the best value of a metric. Of equal ones the newer. A version without a value is not considered. */
  readonly best?: BestRule;
}

/** A version that holds the target for a while, whatever `versionFrom` would select. */
export interface Pin {
  /** The version to put there, as a string (quoted in YAML). Give either `version` or `versionFrom`. */
  readonly version: string;
  /** Why, for whoever looks at it later. */
  readonly reason: string;
  /** When the rule selects again, such as `2026-12-31T00:00:00Z`. */
  readonly until: string;
}

export interface StageTarget {
  /** The stage, in MLflow's own spelling. */
  readonly name: Stage;
  /** The version to put there, as a string (quoted in YAML). Give either `version` or `versionFrom`. */
  readonly version?: string;
  /** A rule that selects the version. Give exactly one selector. */
  readonly versionFrom?: VersionFrom;
  /** A version that holds the target for a while, whatever `versionFrom` would select. */
  readonly pin?: Pin;
  /** Move every other version in this stage to Archived, in the same call that promotes. */
  readonly archiveExisting: boolean;
  /** Description to keep on the version that holds the stage. */
  readonly description?: string;
  /** Tags to keep on the version that holds the stage. Other tags are left alone. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface AliasTarget {
  /** An alias of this model: letters, digits, "_" and "-". */
  readonly name: string;
  /** The version to put there, as a string (quoted in YAML). Give either `version` or `versionFrom`. */
  readonly version?: string;
  /** A rule that selects the version. Give exactly one selector. */
  readonly versionFrom?: VersionFrom;
  /** A version that holds the target for a while, whatever `versionFrom` would select. */
  readonly pin?: Pin;
}

/** What a version gets that this promotion registers from a source. */
export interface Registration {
  /** Description of the version. */
  readonly description?: string;
  /** Tags that it gets. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Makes the registered model where there is none. A model that somebody deleted is not made again. */
  readonly createModel?: {
    /** Description of the registered model. */
    readonly description?: string;
    /** Tags that it gets. */
    readonly tags?: Readonly<Record<string, string>>;
  };
}

/** What to do when somebody changes by hand what this promotion had put there. Revert puts it back; Report only says so. */
export type DriftPolicy = 'Revert' | 'Report';

/** What happens in the registry when this promotion is removed. Orphan leaves it as it is; Release removes our aliases and archives what we promoted. */
export type DeletionPolicy = 'Orphan' | 'Release';

/** What the registry should hold for this model. Only what is declared here is ever touched. */
export interface ModelPromotionSpec {
  /** The ModelRegistry that holds the model. It cannot be changed. */
  readonly registryRef: RegistryRef;
  /** Name of the registered model, exactly as MLflow shows it. It cannot be changed. */
  readonly model: string;
  /** The stages to fill, each at most once. */
  readonly stages: readonly StageTarget[];
  /** The aliases to set, each at most once. */
  readonly aliases: readonly AliasTarget[];
  /** What a version gets that this promotion registers from a source. */
  readonly register?: Registration;
  /** What to do when somebody changes by hand what this promotion had put there. Revert puts it back; Report only says so. */
  readonly drift: DriftPolicy;
  /** What happens in the registry when this promotion is removed. Orphan leaves it as it is; Release removes our aliases and archives what we promoted. */
  readonly deletionPolicy: DeletionPolicy;
  /** How often to look again when nothing wakes us, as a Go duration (`30s`, `5m`, `1h30m`). */
  readonly interval: string;
  /** Leave the registry alone until this is false again. */
  readonly suspend: boolean;
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

/** Short strings for the printer columns. */
export interface StatusSummary {
  readonly stages?: string;
  readonly aliases?: string;
  readonly ready?: string;
  readonly reason?: string;
  readonly lastChange?: string;
}

/** UpToDate, Pending, Drifted, Blocked or Waiting. */
export type TargetState = 'UpToDate' | 'Pending' | 'Drifted' | 'Blocked' | 'Waiting';

/** Our record of what we last put there or saw in place as declared. A difference from it is drift; anything else is a promotion. */
export interface AppliedRecord {
  readonly version: string;
  /** Applied by us, or found in place. */
  readonly how: 'Applied' | 'Found';
  /** Milliseconds since the epoch, as MLflow gives it. */
  readonly creationTimestamp?: number;
  readonly source?: string;
  readonly runId?: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface TargetStatus {
  /** stage/NAME or alias/NAME. */
  readonly target: string;
  /** The candidate version; absent while there is none. */
  readonly desired?: string;
  /** The version that holds the target now; absent when none does. */
  readonly current?: string;
  /** The version that held it before our last change. */
  readonly previous?: string;
  /** When our record of the current version began. */
  readonly since?: string;
  /** pinned, stage/NAME, alias/NAME, or the rule that selects. */
  readonly candidateFrom?: string;
  /** What a rule had to choose from, the best first, and why. */
  readonly evidence?: readonly string[];
  /** UpToDate, Pending, Drifted, Blocked or Waiting. */
  readonly state?: TargetState;
  readonly reason?: string;
  readonly message?: string;
  /** Our record of what we last put there or saw in place as declared. A difference from it is drift; anything else is a promotion. */
  readonly applied?: AppliedRecord;
  /** What was put back because somebody else had changed it, and how often in a row. From the fifth time on it rests. */
  readonly repairs?: readonly {
    /** holder, description or tag KEY. */
    readonly what: string;
    /** Times in a row. */
    readonly count: number;
    readonly last: string;
  }[];
}

/** What is pending, when something is. */
export interface PlanStatus {
  readonly digest?: string;
  readonly actions?: readonly string[];
}

export type ChangeCause = 'Promotion' | 'Drift' | 'Release';

export interface HistoryEntry {
  readonly target: string;
  readonly from?: string;
  readonly to: string;
  readonly cause?: ChangeCause;
  readonly revision?: string;
  readonly digest?: string;
  readonly time: string;
  readonly by?: string;
}

/** What the controller found and did. Written by the controller only. */
export interface ModelPromotionStatus {
  /** The generation of the spec that this status speaks of; -1 until a controller has seen the promotion. */
  readonly observedGeneration?: number;
  /** Ready always; Reconciling or Stalled only while true; Drifted while the registry differs and is only reported. */
  readonly conditions?: readonly Condition[];
  /** Short strings for the printer columns. */
  readonly summary?: StatusSummary;
  /** One entry a target, in the order of the spec. */
  readonly targets?: readonly TargetStatus[];
  /** What is pending, when something is. */
  readonly plan?: PlanStatus;
  /** The last 10 changes, newest first. */
  readonly history?: readonly HistoryEntry[];
  readonly lastAttemptedRevision?: string;
  /** The revision that last changed this promotion's document. */
  readonly lastAppliedRevision?: string;
  /** The digest of the last plan that was applied. */
  readonly lastAppliedDigest?: string;
  /** The token of the last look that was asked for with the annotation `modelpromotion.dev/reconcileAt` or Flux's `reconcile.fluxcd.io/requestedAt`; of both, with a space between, when both are there. */
  readonly lastHandledReconcileAt?: string;
}

/** Declares which versions of one registered model hold which stages and aliases. */
export interface ModelPromotion {
  readonly apiVersion: 'modelpromotion.dev/v1alpha1';
  readonly kind: 'ModelPromotion';
  readonly metadata: ObjectMeta;
  readonly spec: ModelPromotionSpec;
  readonly status?: ModelPromotionStatus;
}

/** A Secret of the same namespace, with the key `token` or the keys `username` and `password` for credentials, `ca.crt` for trust. Outside Kubernetes a folder of --secrets-dir, whose key `origins` lists where it may be used. */
export interface SecretRef {
  readonly name: string;
}

export interface RegistryLimits {
  /** Requests in flight at once, beside one bulk read. */
  readonly concurrency: number;
  /** Time for one request, as a Go duration. Bulk reads have a deadline of their own. */
  readonly requestTimeout: string;
}

export interface AccessRule {
  /** Namespaces that carry all of these labels. */
  readonly namespaces: {
    readonly matchLabels: Readonly<Record<string, string>>;
  };
  /** Model names they may manage; `*` stands for any characters. Absent, every model. */
  readonly models?: readonly string[];
  /** Whether they may register versions from sources, and make these models. Any run that the credential of this registry can read can then be a version of theirs, and its metrics be seen. */
  readonly register?: boolean;
}

export interface ModelRegistrySpec {
  /** Address of the MLflow server, with its static prefix if it has one. No user name, password, query or fragment. */
  readonly uri: string;
  /** MLflow workspace, on servers that have workspaces enabled. */
  readonly workspace?: string;
  /** Credentials. None when absent. */
  readonly auth?: {
    /** A Secret of the same namespace, with the key `token` or the keys `username` and `password` for credentials, `ca.crt` for trust. Outside Kubernetes a folder of --secrets-dir, whose key `origins` lists where it may be used. */
    readonly secretRef: SecretRef;
  };
  /** Trust for https. The system's authorities when absent. */
  readonly tls?: {
    /** A Secret of the same namespace, with the key `token` or the keys `username` and `password` for credentials, `ca.crt` for trust. Outside Kubernetes a folder of --secrets-dir, whose key `origins` lists where it may be used. */
    readonly caSecretRef: SecretRef;
  };
  /** A webhook in MLflow that the controller makes and keeps, so that MLflow tells of changes as they happen. None when absent; one of ours is then removed. */
  readonly webhook?: {
    /** Where MLflow reaches the controller's /hooks/mlflow. No user name, password, query or fragment. MLflow wants https and a public address unless it is told otherwise. */
    readonly url: string;
    /** A Secret of the same namespace whose key `token` signs what MLflow sends, one secret a line; MLflow gets the first, all are accepted. Outside Kubernetes a folder of --secrets-dir, whose key `origins` lists the origins of both the registry and the url. */
    readonly secretRef: {
      readonly name: string;
    };
  };
  /** How often the registry is looked at, as a Go duration; at least 1s. */
  readonly sweepInterval: string;
  readonly limits: RegistryLimits;
  /** Who else may refer to this registry. Promotions of its own namespace always may, for every model. */
  readonly access: readonly AccessRule[];
}

export type RegistryFeature = 'Stages' | 'Aliases' | 'Workspaces';

export interface RegistryCounts {
  readonly models?: number;
  readonly versions?: number;
  readonly promotions?: number;
}

/** The last look at the registry. */
export interface SweepStatus {
  readonly time?: string;
  readonly duration?: string;
  readonly requests?: number;
  readonly kind?: 'Full' | 'Changes';
  readonly lastFull?: string;
}

export interface ModelRegistryStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly serverVersion?: string;
  /** What the server was found to support. */
  readonly supports?: readonly RegistryFeature[];
  readonly counts?: RegistryCounts;
  /** The last look at the registry. */
  readonly lastSweep?: SweepStatus;
  /** When a signed hint last asked for a look at this registry. */
  readonly lastHint?: string;
}

/** An MLflow Model Registry, how to reach it and who may refer to it. */
export interface ModelRegistry {
  readonly apiVersion: 'modelpromotion.dev/v1alpha1';
  readonly kind: 'ModelRegistry';
  readonly metadata: ObjectMeta;
  readonly spec: ModelRegistrySpec;
  readonly status?: ModelRegistryStatus;
}
