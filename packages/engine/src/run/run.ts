// What the phases of one run share.
import type { ValidModel } from '../model/model.ts';
import type { PlanFigures } from '../plan/summary.ts';
import type { ReportBuilder } from '../report/report.ts';
import type { Clock, MappingConfig, SyncOptions } from './api.ts';
import type { Lease } from './checkpoint.ts';
import type { Context } from './context.ts';

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
  /** Names a place between two durable steps to whoever watches. */
  readonly step: (name: string) => Promise<void>;
};

/** What `checkpoints_<m>.progress` holds while a sync is under way, as JSON. */
export type StoredProgress = {
  readonly figures: PlanFigures;
  /** ISO time at which the plan was made. */
  readonly plannedAt: string;
  readonly fingerprint: string | null;
  /** The account may not let the plan's tables expire: their rows are removed when they are of no more use. */
  readonly lasting?: true;
};
