// The five entry points of the engine.
import { AppError } from '@sluice/core';
import type {
  CallOptions,
  CheckResult,
  MappingConfig,
  MappingStatus,
  ModelConfig,
  PlanOptions,
  PlanSummary,
  Preview,
  SourceConfig,
  SyncOptions,
  SyncReport,
} from './api.ts';

function notYet(what: string): never {
  throw new AppError(`${what} is not available in this build`, {
    code: 'NOT_AVAILABLE',
    kind: 'unavailable',
    origin: 'platform',
  });
}

/** Probes the source check by check. Never throws for the source's sake: failures are results. */
export async function testConnection(_source: SourceConfig, _options: CallOptions = {}): Promise<CheckResult[]> {
  return notYet('testConnection');
}

/** The columns and the first 10 rows of a model. */
export async function previewModel(
  _source: SourceConfig,
  _model: ModelConfig,
  _options: CallOptions = {},
): Promise<Preview> {
  return notYet('previewModel');
}

/** What a sync would send now. Sends nothing; leaves no lease and no change of state. */
export async function planMapping(
  _source: SourceConfig,
  _mapping: MappingConfig,
  _options: PlanOptions,
): Promise<PlanSummary> {
  return notYet('planMapping');
}

/**
 * Runs one sync, or goes on with one that was interrupted. Failures of a started sync are
 * the report's `state: failed` with `error`; throws an AppError when no sync could start
 * (configuration, another run holds the lease, access to the state).
 */
export async function syncMapping(
  _source: SourceConfig,
  _mapping: MappingConfig,
  _options: SyncOptions,
): Promise<SyncReport> {
  return notYet('syncMapping');
}

/** What the warehouse's state says about a mapping. */
export async function mappingStatus(
  _source: SourceConfig,
  _mapping: MappingConfig,
  _options: CallOptions = {},
): Promise<MappingStatus> {
  return notYet('mappingStatus');
}
