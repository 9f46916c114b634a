// JOBS, JOBS_BY_PROJECT and JOBS_BY_USER. Source: the pages of these views in BigQuery's documentation.
// Columns about slots, the BI engine, stages and reservations are NULL or empty: there are none here.
import type { Job } from '../../catalog/jobs.ts';
import {
  columnsOf,
  MAX_ROWS,
  structOf,
  type Cell,
  type Column,
  type SystemView,
  type ViewScope,
} from './system-view.ts';

type Body = Readonly<Record<string, unknown>>;

const TABLE = structOf('project_id STRING, dataset_id STRING, table_id STRING');
const LABEL = structOf('key STRING, value STRING');

const COLUMNS: readonly Column[] = [
  ...columnsOf('cache_hit BOOL, creation_time TIMESTAMP'),
  { name: 'destination_table', type: TABLE },
  {
    name: 'dml_statistics',
    type: structOf('inserted_row_count INT64, deleted_row_count INT64, updated_row_count INT64'),
  },
  ...columnsOf('end_time TIMESTAMP'),
  { name: 'error_result', type: structOf('reason STRING, location STRING, debug_info STRING, message STRING') },
  ...columnsOf('job_id STRING, job_type STRING'),
  { name: 'labels', type: { kind: 'ARRAY', element: LABEL } },
  ...columnsOf('parent_job_id STRING, priority STRING, project_id STRING, project_number INT64, query STRING'),
  { name: 'referenced_tables', type: { kind: 'ARRAY', element: TABLE } },
  ...columnsOf(`reservation_id STRING, start_time TIMESTAMP, state STRING, statement_type STRING,
    total_bytes_billed INT64, total_bytes_processed INT64, total_modified_partitions INT64, total_slot_ms INT64,
    transaction_id STRING, user_email STRING, transferred_bytes INT64`),
];

function jobRows(scope: ViewScope, owner: string | undefined): Cell[][] {
  const { services, projectId, location } = scope;
  const number = services.identity.projects.find(projectId)?.projectNumber ?? null;
  return services.jobs
    .list(projectId, {
      owner,
      states: undefined,
      minCreatedMs: 0,
      maxCreatedMs: Number.MAX_SAFE_INTEGER,
      offset: 0,
      limit: MAX_ROWS + 1,
    })
    .filter((job) => job.location === location)
    .map((job) => jobRow(job, number));
}

function jobRow(job: Job, projectNumber: string | null): Cell[] {
  const { configuration, outcome } = job;
  const query = (configuration['query'] ?? {}) as Body;
  const statistics: Body = outcome?.statistics ?? {};
  const own = (statistics['query'] ?? {}) as Body;
  const dml = own['dmlStats'] as Body | undefined;
  const error = outcome?.errorResult;
  const labels = Object.entries((configuration['labels'] ?? {}) as Readonly<Record<string, string>>);
  const referenced = (own['referencedTables'] ?? []) as readonly TableJson[];
  return [
    typeof own['cacheHit'] === 'boolean' ? own['cacheHit'] : null,
    job.createdMs,
    outcome?.destination === undefined ? null : tableCell(outcome.destination),
    dml === undefined
      ? null
      : [text(dml['insertedRowCount']), text(dml['deletedRowCount']), text(dml['updatedRowCount'])],
    job.endedMs ?? null,
    error === undefined ? null : [error.reason, error.location ?? null, null, error.message],
    job.jobId,
    text(configuration['jobType']),
    labels,
    job.parentJobId ?? null,
    text(query['priority']) ?? (configuration['jobType'] === 'QUERY' ? 'INTERACTIVE' : null),
    job.projectId,
    projectNumber,
    text(query['query']),
    referenced.map(tableCell),
    null,
    job.startedMs ?? null,
    job.state,
    text(own['statementType']),
    text(own['totalBytesBilled']),
    text(own['totalBytesProcessed'] ?? statistics['totalBytesProcessed']),
    null,
    null,
    null,
    job.owner,
    null,
  ];
}

type TableJson = { readonly projectId: string; readonly datasetId: string; readonly tableId: string };

function tableCell({ projectId, datasetId, tableId }: TableJson): Cell[] {
  return [projectId, datasetId, tableId];
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

export const JOBS: SystemView = {
  columns: COLUMNS,
  qualifiers: ['region'],
  projectPermission: 'bigquery.jobs.listAll',
  rows: (scope) => jobRows(scope, undefined),
};

export const JOBS_BY_USER: SystemView = {
  columns: COLUMNS,
  qualifiers: ['region'],
  projectPermission: 'bigquery.jobs.list',
  rows: (scope) => jobRows(scope, scope.principal.email),
};
