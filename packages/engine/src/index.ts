export { CHECKS, INVALID_REASONS, PHASES } from './run/api.ts';
export { LIMITS } from './model/model.ts';
export { dbtModelSql, findDbtModel, readManifest, selectDbtModels } from './model/dbt-manifest.ts';
export type { DbtColumn, DbtManifest, DbtModel } from './model/dbt-manifest.ts';
export { DEFAULT_GUARDS } from './plan/guards.ts';
export type { Pace, Paces } from './delivery/pace.ts';
export { SYNC_EVENTS, SYNC_STATES, nextState } from './run/sync-state.ts';
export type { EndState, SyncEvent } from './run/sync-state.ts';
export type { ResetOptions } from './run/controls.ts';
export { SYNC_MODES, SYNC_MODE_FIELD, modeOperations } from './plan/sync-mode.ts';
export type { SyncMode } from './plan/sync-mode.ts';
export type {
  CallOptions,
  CheckName,
  CheckResult,
  Clock,
  Column,
  DeliverySample,
  Fix,
  GrantAdvice,
  GuardFinding,
  Guards,
  InvalidReason,
  InvalidRows,
  Limits,
  MappingConfig,
  MappingName,
  MappingStatus,
  ModelColumns,
  ModelConfig,
  OutcomeCounts,
  Pause,
  Phase,
  PlanCounts,
  PlanEntry,
  PlannedChange,
  PlanOptions,
  PlanPage,
  PlanSummary,
  Preview,
  RecordRead,
  Progress,
  ReadRecordOptions,
  ReasonSummary,
  Replay,
  Requirement,
  ServiceAccountKey,
  SourceConfig,
  SyncKind,
  SyncOptions,
  SyncReport,
  SyncState,
  Warning,
} from './run/api.ts';
export {
  applyPlan,
  cancelSync,
  describeModel,
  discardPlan,
  listPlans,
  mappingStatus,
  pauseMapping,
  planChanges,
  planMapping,
  previewModel,
  readPlan,
  readRecord,
  resetMapping,
  resumeMapping,
  retryRejected,
  syncMapping,
  testConnection,
} from './run/engine.ts';
export { adviseGrants } from './run/test-connection/advice.ts';
export { advisePermissions } from './run/engine.ts';
export { EXCESS_KINDS } from './run/permissions/report.ts';
export type {
  Excess,
  ExcessKind,
  ModelReads,
  Need,
  PermissionReport,
  SetUpScript,
  Way,
} from './run/permissions/report.ts';
