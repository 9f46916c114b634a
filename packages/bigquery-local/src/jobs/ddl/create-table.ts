// CREATE TABLE in all its forms, CREATE SNAPSHOT TABLE, CREATE VIEW and CREATE MATERIALIZED
// VIEW. Rows are made durable under a new physical name first; the metadata row is the commit.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Dataset } from '../../catalog/datasets.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { checkColumnNames, checkTableId } from '../../catalog/table-rules.ts';
import {
  ingestionTimeOf,
  nameOf,
  type NewTable,
  type Table,
  type TableKind,
  type TableProperties,
} from '../../catalog/tables.ts';
import type { Statement, TableRef } from '../../googlesql/statement.ts';
import { identifier } from '../../storage/duckdb.ts';
import { PARTITION_TIME, PhysicalTables } from '../../storage/physical-tables.ts';
import type { Execution } from '../execution.ts';
import type { PreparedQuery } from '../query-job.ts';
import { commitTable, fill } from '../write-table.ts';
import { done, tableOutcome } from './outcome.ts';
import { constraintProperties, expirationOf, partitionProperties, withOptions, wrongKind } from './table-properties.ts';

type CreateTable = Extract<Statement, { readonly kind: 'CREATE_TABLE' | 'CREATE_TABLE_AS_SELECT' }>;
type CreateSnapshot = Extract<Statement, { readonly kind: 'CREATE_SNAPSHOT_TABLE' }>;
type CreateView = Extract<Statement, { readonly kind: 'CREATE_VIEW' | 'CREATE_MATERIALIZED_VIEW' }>;

export type CreateStatement = CreateTable | CreateSnapshot | CreateView;

const KINDS: Readonly<Record<CreateStatement['kind'], TableKind>> = {
  CREATE_TABLE: 'TABLE',
  CREATE_TABLE_AS_SELECT: 'TABLE',
  CREATE_SNAPSHOT_TABLE: 'SNAPSHOT',
  CREATE_VIEW: 'VIEW',
  CREATE_MATERIALIZED_VIEW: 'MATERIALIZED_VIEW',
};

/** The caller holds the lock of the target. */
export async function createTable(
  execution: Execution,
  prepared: PreparedQuery,
  statement: CreateStatement,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { target, mode } = statement;
  checkTableId(target);
  if ('fields' in statement) checkColumnNames(statement.fields);
  const dataset = services.datasets.get(target.projectId, target.datasetId);
  if (dataset === undefined)
    throw new BigQueryError(
      'notFound',
      `Not found: Dataset ${target.projectId}:${target.datasetId} was not found in location ${prepared.location}`,
    );
  const old = services.tables.get(target);
  if (old !== undefined && mode === 'if_not_exists') return done(execution, tableOutcome(statistics, 'SKIP', target));
  if (old !== undefined && mode === 'default')
    throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(target)}`);
  if (old !== undefined && old.kind !== KINDS[statement.kind]) throw wrongKind(target, old.kind);
  const result = tableOutcome(statistics, old === undefined ? 'CREATE' : 'REPLACE', target);
  const table = await newTable(execution, prepared, statement, dataset);
  const { transaction } = execution;
  if (transaction === undefined) await commitTable(services, table, 'replace', () => execution.finish(result));
  else transaction.put(table, () => execution.finish(result));
  return result;
}

async function newTable(
  execution: Execution,
  prepared: PreparedQuery,
  statement: CreateStatement,
  dataset: Dataset,
): Promise<NewTable> {
  const { target, options } = statement;
  const now = execution.services.clock();
  const base = { ref: target, kind: KINDS[statement.kind], expirationMs: expirationOf(options, dataset, now) };
  switch (statement.kind) {
    case 'CREATE_VIEW':
      return {
        ...base,
        properties: withOptions(
          { schema: { fields: statement.fields }, view: { query: statement.viewQuery } },
          options,
        ),
      };
    case 'CREATE_MATERIALIZED_VIEW':
      return {
        ...base,
        properties: withOptions(
          {
            schema: { fields: statement.fields },
            materializedView: { query: statement.viewQuery, enableRefresh: true, refreshIntervalMs: '1800000' },
            ...partitionProperties(statement.partitionBy, dataset),
            ...clusteringOf(statement.clusterBy),
          },
          options,
        ),
      };
    case 'CREATE_SNAPSHOT_TABLE': {
      const source = sourceTable(prepared, statement.source);
      const { description: _d, friendlyName: _f, labels: _l, cloneDefinition: _c, ...shape } = source.properties;
      const properties = withOptions(
        { ...shape, snapshotDefinition: { baseTableReference: source.ref, snapshotTime: new Date(now).toISOString() } },
        options,
      );
      return { ...base, properties, ...(await copyRows(execution, target.projectId, source, properties)) };
    }
    default:
      return { ...base, ...(await tableWithRows(execution, prepared, statement, dataset)) };
  }
}

async function tableWithRows(
  execution: Execution,
  prepared: PreparedQuery,
  statement: CreateTable,
  dataset: Dataset,
): Promise<{ readonly properties: TableProperties; readonly physicalId?: string }> {
  const { target, options, fields, query, primaryKey, foreignKeys } = statement;
  const source = statement.source === undefined ? undefined : sourceTable(prepared, statement.source.ref);
  const properties = withOptions(
    {
      ...(source === undefined ? { schema: { fields } } : shapeOf(source, statement.source!.how, execution)),
      ...partitionProperties(statement.partitionBy, dataset),
      ...clusteringOf(statement.clusterBy),
      ...constraintProperties(primaryKey, foreignKeys),
    },
    options,
  );
  if (execution.transaction !== undefined) {
    if (source !== undefined || ingestionTimeOf(properties) !== undefined)
      throw new BigQueryError(
        'invalidQuery',
        'In a transaction, a temporary table that is copied from another or partitioned by ingestion time is not supported by the local BigQuery',
        { location: 'query' },
      );
    const physicalId = await execution.transaction.make(execution, target.projectId, fields, query?.sql);
    return { properties, physicalId };
  }
  if (source !== undefined && statement.source?.how !== 'LIKE')
    return { properties, ...(await copyRows(execution, target.projectId, source, properties)) };
  const made = await fill(
    execution,
    target.projectId,
    properties.schema.fields,
    query?.sql,
    ingestionTimeOf(properties),
  );
  return { properties, physicalId: made.physicalId };
}

function clusteringOf(clusterBy: readonly string[] | undefined): Pick<TableProperties, 'clustering'> {
  return clusterBy === undefined || clusterBy.length === 0 ? {} : { clustering: { fields: clusterBy } };
}

/** What a table takes from the one that it is made after: a clone of a snapshot is a table again. */
function shapeOf(source: Table, how: 'LIKE' | 'COPY' | 'CLONE', { services }: Execution): TableProperties {
  const { snapshotDefinition: _s, cloneDefinition: _c, ...shape } = source.properties;
  if (how !== 'CLONE') return shape;
  const cloneTime = new Date(services.clock()).toISOString();
  return { ...shape, cloneDefinition: { baseTableReference: source.ref, cloneTime } };
}

/** The table as it was when the statement was analysed; its rows are pinned since then. */
function sourceTable(prepared: PreparedQuery, ref: TableRef): Table {
  const source = prepared.lookup.found(ref);
  if (source === undefined) throw new BigQueryError('notFound', `Not found: Table ${nameOf(ref)}`);
  return source;
}

async function copyRows(
  execution: Execution,
  projectId: string,
  source: Table,
  properties: TableProperties,
): Promise<{ readonly physicalId?: string }> {
  if (source.physicalId === undefined) return {};
  const { fields } = properties.schema;
  const unit = ingestionTimeOf(properties);
  const keeps = unit !== undefined && ingestionTimeOf(source.properties) !== undefined;
  const columns = [...fields.map((field) => field.name), ...(keeps ? [PARTITION_TIME] : [])].map(identifier).join(', ');
  const sql = `SELECT ${columns} FROM ${PhysicalTables.nameOf(source.ref.projectId, source.physicalId)}`;
  const { physicalId } = await fill(execution, projectId, fields, sql, unit, keeps);
  return { physicalId };
}
