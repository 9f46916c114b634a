// The entry points of the engine.
import type {
  CallOptions,
  CheckResult,
  MappingConfig,
  MappingName,
  MappingStatus,
  ModelConfig,
  PlanEntry,
  PlanOptions,
  PlanPage,
  PlannedChange,
  PlanSummary,
  ModelColumns,
  Preview,
  ReadRecordOptions,
  RecordRead,
  SourceConfig,
  SyncOptions,
  SyncReport,
} from './api.ts';
import { cancel, pause, reset, resume, retryQuarantined } from './controls.ts';
import type { ResetOptions } from './controls.ts';
import { advise } from './permissions/permissions.ts';
import type { PermissionReport } from './permissions/report.ts';
import { previewPlan } from './plan-preview.ts';
import { describe, preview } from './preview.ts';
import { readOneRecord } from './read-record.ts';
import {
  discardPlan as discard,
  listPlans as list,
  planChanges as changesOf,
  readPlan as readPage,
} from './saved-plans.ts';
import { status } from './status.ts';
import { runSync } from './sync.ts';
import { checkConnection } from './test-connection/test-connection.ts';

/** Probes the source check by check. Failures are results; throws only when it is aborted. */
export function testConnection(source: SourceConfig, options: CallOptions = {}): Promise<CheckResult[]> {
  return checkConnection(source, options);
}

/**
 * What the source needs in BigQuery for these models, what the account lacks of it and holds
 * beyond it, and the set-ups that give exactly that. Throws when the key gives no token.
 */
export function advisePermissions(
  source: SourceConfig,
  models: readonly ModelConfig[],
  options: CallOptions = {},
): Promise<PermissionReport> {
  return advise(source, models, options);
}

/** The columns of a model, by a dry run. */
export function describeModel(
  source: SourceConfig,
  model: ModelConfig,
  options: CallOptions = {},
): Promise<ModelColumns> {
  return describe(source, model, options);
}

/** The columns and the first 10 rows of a model; answered from BigQuery's cache where it can be. */
export function previewModel(source: SourceConfig, model: ModelConfig, options: CallOptions = {}): Promise<Preview> {
  return preview(source, model, options);
}

/** One record of a model, as an added change; leaves nothing behind. */
export function readRecord(
  source: SourceConfig,
  model: ModelConfig,
  options: ReadRecordOptions = {},
): Promise<RecordRead> {
  return readOneRecord(source, model, options);
}

/**
 * What a sync would send now. Sends nothing; leaves no lease and no change of state. With
 * `save` the plan's table is frozen and `planId` names it.
 */
export function planMapping(source: SourceConfig, mapping: MappingConfig, options: PlanOptions): Promise<PlanSummary> {
  return previewPlan(source, mapping, options);
}

/**
 * Runs one sync, or goes on with one that was interrupted. Failures of a started sync are
 * the report's `state: failed` with `error`; throws an AppError when no sync could start
 * (configuration, another run holds the lease, access to the state).
 */
export function syncMapping(source: SourceConfig, mapping: MappingConfig, options: SyncOptions): Promise<SyncReport> {
  return runSync(source, mapping, options);
}

/** What the warehouse's state says about a mapping. */
export function mappingStatus(
  source: SourceConfig,
  mapping: MappingName,
  options: CallOptions = {},
): Promise<MappingStatus> {
  return status(source, mapping, options);
}

// ---------------------------------------------------------------- plans as values

/** The plans that wait, newest first: saved ones, and the one that a guard stopped. */
export function listPlans(
  source: SourceConfig,
  mapping: MappingConfig,
  options: CallOptions = {},
): Promise<PlanEntry[]> {
  return list(source, mapping, options);
}

/**
 * One page of a plan's changes: at most `pageSize` (default 100, at most 10,000), fewer when
 * rows that were set aside lie between them. Throws `PLAN_UNKNOWN`, `PAGE_TOKEN_INVALID`.
 */
export function readPlan(
  source: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: CallOptions & { readonly pageToken?: string; readonly pageSize?: number } = {},
): Promise<PlanPage> {
  return readPage(source, mapping, planId, options);
}

/** All changes of a plan, one by one, in bounded memory. */
export function planChanges(
  source: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: CallOptions = {},
): AsyncGenerator<PlannedChange> {
  return changesOf(source, mapping, planId, options);
}

/**
 * Delivers a saved plan: that very table, whatever the source holds now. Throws `PLAN_MOVED`
 * with figures when its records were sent since, `PLAN_STALE` when the mapping has changed.
 */
export function applyPlan(
  source: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: SyncOptions,
): Promise<SyncReport> {
  return runSync(source, mapping, { ...options, apply: planId });
}

/** Forgets a saved plan, or the one that a guard stopped. */
export function discardPlan(
  source: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: CallOptions = {},
): Promise<void> {
  return discard(source, mapping, planId, options);
}

// ---------------------------------------------------------------- between and during syncs

/**
 * Forgets what was sent; the next sync sends every record as added. `confirm` must be the
 * mapping's name. Returns how many records the state held.
 */
export function resetMapping(
  source: SourceConfig,
  mapping: MappingName,
  options: ResetOptions,
): Promise<{ readonly records: number }> {
  return reset(source, mapping, options);
}

/** Lets quarantined records take part in the next sync again. Returns how many. */
export function retryRejected(
  source: SourceConfig,
  mapping: MappingName,
  options: CallOptions & { readonly recordIds?: readonly string[] } = {},
): Promise<{ readonly records: number }> {
  return retryQuarantined(source, mapping, options);
}

/** Skips all syncs of the mapping, on whatever machine, until it is resumed. */
export function pauseMapping(
  source: SourceConfig,
  mapping: MappingName,
  options: CallOptions & { readonly by: string; readonly reason?: string },
): Promise<void> {
  return pause(source, mapping, options);
}

/** False when the mapping was not paused. */
export function resumeMapping(source: SourceConfig, mapping: MappingName, options: CallOptions = {}): Promise<boolean> {
  return resume(source, mapping, options);
}

/** Asks the running sync, on whatever machine, to stop. Its id, or undefined when none is running. */
export function cancelSync(
  source: SourceConfig,
  mapping: MappingName,
  options: CallOptions = {},
): Promise<string | undefined> {
  return cancel(source, mapping, options);
}
