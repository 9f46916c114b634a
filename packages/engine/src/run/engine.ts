// The six entry points of the engine.
import type {
  CallOptions,
  CheckResult,
  MappingConfig,
  MappingName,
  MappingStatus,
  ModelConfig,
  PlanOptions,
  PlanSummary,
  Preview,
  SourceConfig,
  SyncOptions,
  SyncReport,
} from './api.ts';
import { advise } from './permissions/permissions.ts';
import type { PermissionReport } from './permissions/report.ts';
import { previewPlan } from './plan-preview.ts';
import { preview } from './preview.ts';
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

/** The columns and the first 10 rows of a model. */
export function previewModel(source: SourceConfig, model: ModelConfig, options: CallOptions = {}): Promise<Preview> {
  return preview(source, model, options);
}

/** What a sync would send now. Sends nothing; leaves no lease and no change of state. */
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
