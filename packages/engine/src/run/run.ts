// What the phases of one run share.
import { randomBytes } from 'node:crypto';
import type { ValidModel } from '../model/model.ts';
import type { PlanFigures } from '../plan/summary.ts';
import type { ReportBuilder } from '../report/report.ts';
import type { Clock, MappingConfig, Pause, SyncOptions } from './api.ts';
import type { CommitMethod } from './commit-method.ts';
import type { Context } from './context.ts';
import type { Lease } from './lease.ts';

export type Run = {
  readonly context: Context;
  readonly mapping: MappingConfig;
  readonly options: SyncOptions;
  readonly clock: Clock;
  readonly report: ReportBuilder;
  readonly model: ValidModel;
  readonly version: string;
  readonly lease: Lease;
  readonly syncId: string;
  /** Aborts when the caller, or somebody on another machine, cancels the sync. */
  readonly cancel: AbortSignal;
  /** Names a place between two durable steps to whoever watches. */
  readonly step: (name: string) => Promise<void>;
  /** The pause, by now over, that the destination's trouble had caused. */
  readonly respite: Pause | undefined;
  /** ISO time of the plan that was committed last. */
  readonly lastCommit: string | undefined;
};

/** What `checkpoints_<m>.progress` and `plans_<m>.progress` hold of a frozen plan, as JSON. */
export type StoredProgress = {
  readonly figures: PlanFigures;
  /** ISO time at which the plan was made. */
  readonly plannedAt: string;
  readonly fingerprint: string | null;
  /** The account may not let the plan's tables expire: their rows are removed when they are of no more use. */
  readonly lasting?: true;
  /** Text for `checkpoints_<m>.watermark` once every change of the plan has been dealt with. */
  readonly watermark?: string;
  readonly kind?: 'apply' | 'replay';
  /** How the state takes in what was delivered; decided before the commit starts, so that every run of it does the same. */
  readonly commit?: CommitMethod;
  readonly bytesEstimated?: number;
};

/** Names a sync and its tables: `20260131120000_a1b2c3`, in the order of time. */
export function newSyncId(clock: Clock): string {
  const time = new Date(clock.now()).toISOString().replace(/\D/g, '').slice(0, 14);
  return `${time}_${randomBytes(3).toString('hex')}`;
}

/** An id that somebody typed cannot be part of a table's name unless it looks like this. */
export function isSyncId(text: string): boolean {
  return /^\d{14}_[0-9a-f]{6}$/.test(text);
}
