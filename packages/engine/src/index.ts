export { CHECKS, PHASES } from './run/api.ts';
export type {
  CallOptions,
  CheckName,
  CheckResult,
  Clock,
  Column,
  Fix,
  GrantAdvice,
  GuardFinding,
  Guards,
  InvalidReason,
  InvalidRows,
  MappingConfig,
  MappingName,
  MappingStatus,
  ModelConfig,
  OutcomeCounts,
  Phase,
  PlanCounts,
  PlannedChange,
  PlanOptions,
  PlanSummary,
  Preview,
  Progress,
  ReasonSummary,
  Requirement,
  ServiceAccountKey,
  SourceConfig,
  SyncOptions,
  SyncReport,
  SyncState,
  Warning,
} from './run/api.ts';
export { mappingStatus, planMapping, previewModel, syncMapping, testConnection } from './run/engine.ts';
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
