/** What is remembered of promotions: the statuses of ours, and where to read those of others. */
import type { ModelPromotionStatus } from '../api/generated/types.ts';
import type { TargetId } from '../domain/desired.ts';
import { canonicalJson } from '../domain/digest.ts';
import type { TargetRecord } from '../domain/record.ts';
import { inherit } from '../domain/status.ts';
import type { Share } from './share.ts';

export class Statuses {
  readonly #share: Pick<Share, 'statusOf'>;
  readonly #statuses = new Map<string, ModelPromotionStatus>();
  /** Those from before a restart, or of another process, so that the last move may be missing in them. */
  readonly #uncertain = new Set<string>();
  /** Records of targets that were taken over from another promotion, until the first look at them. */
  readonly #inherited = new Map<string, Map<TargetId, TargetRecord>>();
  /** Keys of those that are declared and not ours. */
  #foreign = new Set<string>();

  constructor(share: Pick<Share, 'statusOf'>) {
    this.#share = share;
  }

  /** Takes back what was remembered before a restart. */
  restore(key: string, status: ModelPromotionStatus): void {
    this.#statuses.set(key, status);
    this.#uncertain.add(key);
  }

  /** What was written of ours; undefined for those of others. */
  written(key: string): ModelPromotionStatus | undefined {
    return this.#statuses.get(key);
  }

  /** What is known before a pass, of ours or another's: the status, with what was taken over since. */
  known(key: string): ModelPromotionStatus | undefined {
    if (this.#foreign.has(key)) return this.#share.statusOf(key);
    const status = this.#statuses.get(key);
    const inherited = this.#inherited.get(key);
    return inherited === undefined ? status : inherit(status, inherited);
  }

  /** False when it says the same as before: then the old one stays, for others may hold that very object. */
  write(key: string, status: ModelPromotionStatus): boolean {
    const before = this.#statuses.get(key);
    if (before !== undefined && canonicalJson(before) === canonicalJson(status)) return false;
    this.#statuses.set(key, status);
    return true;
  }

  inherit(key: string, target: TargetId, record: TargetRecord): void {
    if (this.#foreign.has(key)) return;
    const inherited = this.#inherited.get(key) ?? new Map<TargetId, TargetRecord>();
    this.#inherited.set(key, inherited.set(target, record));
  }

  /** What was taken over is in the status now. */
  settleInherited(key: string): void {
    this.#inherited.delete(key);
  }

  isUncertain(key: string): boolean {
    return this.#uncertain.has(key);
  }

  settle(key: string): void {
    this.#uncertain.delete(key);
  }

  isForeign(key: string): boolean {
    return this.#foreign.has(key);
  }

  /** What a promotion was is no matter of what is declared in its name from now on. */
  forget(key: string): void {
    this.#statuses.delete(key);
    this.#inherited.delete(key);
    this.#foreign.delete(key);
  }

  /** Says whose is whose from now on. Returns what became ours: it goes on from where its former process left it. */
  divide(foreign: Set<string>): string[] {
    const arrived = [...this.#foreign].filter((key) => !foreign.has(key));
    this.#foreign = foreign;
    for (const key of foreign) {
      this.#statuses.delete(key);
      this.#inherited.delete(key);
      this.#uncertain.delete(key);
    }
    for (const key of arrived) {
      const status = this.#share.statusOf(key);
      if (status !== undefined) this.restore(key, status);
    }
    return arrived;
  }
}
