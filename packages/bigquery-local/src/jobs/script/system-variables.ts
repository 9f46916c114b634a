// The `@@` variables: what each holds for a statement, and which of them SET may change.
// Source: "System variables" of the GoogleSQL reference for BigQuery.
import { BigQueryError } from '../../bigquery-error.ts';
import type { TypedValue, Value } from '../../googlesql/types.ts';
import type { PrepareRequest } from '../query-job.ts';
import type { DatasetRef } from '../table-lookup.ts';

/** What is known to a statement of no script. */
export function systemVariablesOf(request: PrepareRequest): ReadonlyMap<string, TypedValue> {
  return systemVariables({
    projectId: request.projectId,
    defaultDataset: request.configuration.defaultDataset,
    location: request.location,
  });
}

export type SystemState = {
  readonly projectId: string;
  readonly defaultDataset: DatasetRef | undefined;
  readonly location: string | undefined;
  readonly sessionId?: string | undefined;
  readonly queryLabel?: string | undefined;
  readonly lastJobId?: string | undefined;
  /** Of the last DML statement. */
  readonly rowCount?: bigint | undefined;
  readonly currentJobId?: string | undefined;
  readonly script?:
    | {
        readonly jobId: string;
        readonly createdMs: number;
        readonly childJobs: number;
        readonly bytesProcessed: bigint;
        readonly bytesBilled: bigint;
      }
    | undefined;
};

/** By path in lower case. Those of no script are NULL. */
export function systemVariables(state: SystemState): Map<string, TypedValue> {
  const { script } = state;
  const string = (value: string | undefined): TypedValue => ({ type: { kind: 'STRING' }, value: value ?? null });
  const int64 = (value: bigint | undefined): TypedValue => ({ type: { kind: 'INT64' }, value: value ?? null });
  const created: Value = script === undefined ? null : BigInt(script.createdMs) * 1000n;
  return new Map<string, TypedValue>([
    ['current_job_id', string(state.currentJobId)],
    ['dataset_id', string(state.defaultDataset?.datasetId)],
    ['dataset_project_id', string(state.defaultDataset?.projectId ?? state.projectId)],
    ['last_job_id', string(state.lastJobId)],
    ['location', string(state.location)],
    ['project_id', string(state.projectId)],
    ['query_label', string(state.queryLabel)],
    ['row_count', int64(state.rowCount)],
    ['script.bytes_billed', int64(script?.bytesBilled)],
    ['script.bytes_processed', int64(script?.bytesProcessed)],
    ['script.creation_time', { type: { kind: 'TIMESTAMP' }, value: created }],
    ['script.job_id', string(script?.jobId)],
    ['script.num_child_jobs', int64(script === undefined ? undefined : BigInt(script.childJobs))],
    // Nothing here is measured in slots.
    ['script.slot_ms', int64(script === undefined ? undefined : 0n)],
    ['session_id', string(state.sessionId)],
    ['time_zone', string('UTC')],
  ]);
}

/** What SET changes. Throws for a variable that is read-only or unknown, and for a value that it cannot have. */
export type Setting =
  | { readonly kind: 'dataset_id' | 'dataset_project_id' | 'query_label'; readonly value: string | undefined }
  | { readonly kind: 'nothing' };

export function settingOf(path: readonly string[], value: TypedValue): Setting {
  const name = path.join('.').toLowerCase();
  const invalid = (message: string): BigQueryError => new BigQueryError('invalidQuery', message, { location: 'query' });
  if (!['dataset_id', 'dataset_project_id', 'query_label', 'time_zone', 'location', 'reservation'].includes(name))
    throw invalid(
      systemVariables({ projectId: '', defaultDataset: undefined, location: undefined }).has(name) ||
        name.startsWith('error.')
        ? `Cannot assign value to read-only system variable @@${name}`
        : `Unrecognized name: @@${name}`,
    );
  if (value.type.kind !== 'STRING') throw invalid(`Cannot coerce expression to type STRING: @@${name} is a STRING`);
  const text = typeof value.value === 'string' ? value.value : undefined;
  switch (name) {
    case 'dataset_id':
    case 'dataset_project_id':
    case 'query_label':
      return { kind: name, value: text };
    case 'time_zone':
      if (/^(UTC|Etc\/UTC|Z|\+00:00)$/i.test(text ?? '')) return { kind: 'nothing' };
      throw invalid(`SET @@time_zone to ${text ?? 'NULL'} is not supported by the local BigQuery: it is UTC`);
    default:
      throw invalid(`SET @@${name} is not supported by the local BigQuery`);
  }
}
