// CREATE and DROP of tables, views and schemas.
import { BigQueryError } from '../bigquery-error.ts';
import { createDataset, deleteDataset } from '../catalog/dataset-changes.ts';
import type { Dataset } from '../catalog/datasets.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { nameOf, type NewTable, type TableProperties } from '../catalog/tables.ts';
import type { Statement, TableOptions, TableRef } from '../googlesql/statement.ts';
import { checkColumnNames, checkTableId } from '../catalog/table-rules.ts';
import { defaultAccess } from '../rest/bigquery/dataset-resource.ts';
import type { Execution } from './execution.ts';
import type { PreparedQuery } from './query-job.ts';
import { commitTable, fill } from './write-table.ts';

type Ddl = Extract<
  Statement,
  {
    readonly kind:
      | 'CREATE_TABLE'
      | 'CREATE_TABLE_AS_SELECT'
      | 'CREATE_VIEW'
      | 'CREATE_SCHEMA'
      | 'DROP_SCHEMA'
      | 'DROP_TABLE'
      | 'DROP_VIEW';
  }
>;
type CreateTable = Extract<Ddl, { readonly kind: 'CREATE_TABLE' | 'CREATE_TABLE_AS_SELECT' }>;
type CreateView = Extract<Ddl, { readonly kind: 'CREATE_VIEW' }>;

export async function runDdl(
  execution: Execution,
  prepared: PreparedQuery,
  statement: Ddl,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  switch (statement.kind) {
    case 'CREATE_TABLE':
    case 'CREATE_TABLE_AS_SELECT':
    case 'CREATE_VIEW':
      return execution.services.lock.hold(nameOf(statement.target), execution.signal, () =>
        createTable(execution, prepared, statement, statistics),
      );
    case 'DROP_TABLE':
    case 'DROP_VIEW':
      return execution.services.lock.hold(nameOf(statement.target), execution.signal, () =>
        dropTable(execution, statement, statistics),
      );
    case 'CREATE_SCHEMA':
      return createSchema(execution, prepared, statement, statistics);
    default:
      return dropSchema(execution, statement, statistics);
  }
}

async function createTable(
  execution: Execution,
  prepared: PreparedQuery,
  statement: CreateTable | CreateView,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { target, mode } = statement;
  checkTableId(target);
  checkColumnNames(statement.fields);
  const dataset = services.datasets.get(target.projectId, target.datasetId);
  if (dataset === undefined)
    throw new BigQueryError(
      'notFound',
      `Not found: Dataset ${target.projectId}:${target.datasetId} was not found in location ${prepared.location}`,
    );
  const old = services.tables.get(target);
  const outcome = (operation: string): JobOutcome => tableOutcome(statistics, operation, target);
  if (old !== undefined && mode === 'if_not_exists') return done(execution, outcome('SKIP'));
  if (old !== undefined && mode === 'default')
    throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(target)}`);
  if (old !== undefined && (old.kind === 'VIEW') !== (statement.kind === 'CREATE_VIEW')) {
    throw new BigQueryError(
      'invalidQuery',
      `${nameOf(target)} is not allowed for this operation because it is currently a ${old.kind}.`,
      { location: 'query' },
    );
  }
  const result = outcome(old === undefined ? 'CREATE' : 'REPLACE');
  const base = { ref: target, expirationMs: expirationOf(statement.options, dataset, services.clock()) };
  const table: NewTable =
    statement.kind === 'CREATE_VIEW'
      ? {
          ...base,
          kind: 'VIEW',
          properties: {
            ...optionsOf(statement.options),
            schema: { fields: statement.fields },
            view: { query: statement.viewQuery },
          },
        }
      : {
          ...base,
          kind: 'TABLE',
          properties: tableProperties(statement),
          physicalId: (await fill(execution, target.projectId, statement.fields, statement.query?.sql)).physicalId,
        };
  await commitTable(services, table, 'replace', () => execution.finish(result));
  return result;
}

function tableProperties(statement: CreateTable): TableProperties {
  const { partitionBy, clusterBy } = statement;
  return {
    ...optionsOf(statement.options),
    schema: { fields: statement.fields },
    ...(partitionBy === undefined ? {} : { timePartitioning: { type: partitionBy.type, field: partitionBy.field } }),
    ...(clusterBy === undefined || clusterBy.length === 0 ? {} : { clustering: { fields: clusterBy } }),
  };
}

function optionsOf(options: TableOptions): Pick<TableProperties, 'description' | 'friendlyName' | 'labels'> {
  const { description, friendlyName, labels } = options;
  return {
    ...(description === undefined ? {} : { description }),
    ...(friendlyName === undefined ? {} : { friendlyName }),
    ...(labels === undefined ? {} : { labels }),
  };
}

function expirationOf(options: TableOptions, dataset: Dataset, now: number): number | undefined {
  if (options.expirationMicros !== undefined) {
    const ms = Number(options.expirationMicros / 1000n);
    if (ms <= now)
      throw new BigQueryError('invalidQuery', 'Table expiration time must be in the future.', { location: 'query' });
    return ms;
  }
  const defaultMs = dataset.properties.defaultTableExpirationMs;
  return defaultMs === undefined ? undefined : now + Number(defaultMs);
}

async function dropTable(
  execution: Execution,
  statement: Extract<Ddl, { readonly kind: 'DROP_TABLE' | 'DROP_VIEW' }>,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { target } = statement;
  const table = services.tables.get(target);
  if (table === undefined) {
    if (statement.ifExists) return done(execution, tableOutcome(statistics, 'SKIP', target));
    throw new BigQueryError('notFound', `Not found: Table ${nameOf(target)}`);
  }
  const wanted = statement.kind === 'DROP_VIEW' ? 'VIEW' : 'TABLE';
  if (table.kind !== wanted) {
    throw new BigQueryError(
      'invalidQuery',
      `Cannot drop ${nameOf(target)} which has type ${table.kind}. An object of type ${wanted} was expected.`,
      { location: 'query' },
    );
  }
  const outcome = tableOutcome(statistics, 'DROP', target);
  await services.duckdb.attach(target.projectId);
  const freed = services.db.transaction(() => {
    const physicalId = services.tables.delete(target);
    execution.finish(outcome);
    return physicalId;
  });
  await services.physical.drop(target.projectId, freed);
  return outcome;
}

async function createSchema(
  execution: Execution,
  prepared: PreparedQuery,
  statement: Extract<Ddl, { readonly kind: 'CREATE_SCHEMA' }>,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services, principal } = execution;
  const { projectId, datasetId } = statement.target;
  const outcome = (operation: string): JobOutcome => schemaOutcome(statistics, operation, statement.target);
  if (services.datasets.get(projectId, datasetId) !== undefined && statement.ifNotExists)
    return done(execution, outcome('SKIP'));
  const { location, ...options } = statement.options;
  const result = outcome('CREATE');
  services.db.transaction(() => {
    createDataset(services, {
      projectId,
      datasetId,
      location: location ?? prepared.location,
      properties: { access: defaultAccess(principal.email), ...options },
    });
    execution.finish(result);
  });
  return result;
}

async function dropSchema(
  execution: Execution,
  statement: Extract<Ddl, { readonly kind: 'DROP_SCHEMA' }>,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { projectId, datasetId } = statement.target;
  const dataset = services.datasets.get(projectId, datasetId);
  if (dataset === undefined) {
    if (statement.ifExists) return done(execution, schemaOutcome(statistics, 'SKIP', statement.target));
    throw new BigQueryError('notFound', `Not found: Dataset ${projectId}:${datasetId}`);
  }
  const outcome = schemaOutcome(statistics, 'DROP', statement.target);
  await deleteDataset(services, dataset, statement.cascade, () => execution.finish(outcome));
  return outcome;
}

function done(execution: Execution, outcome: JobOutcome): JobOutcome {
  execution.finish(outcome);
  return outcome;
}

function tableOutcome(statistics: Record<string, unknown>, operation: string, target: TableRef): JobOutcome {
  const query = {
    ...(statistics['query'] as Record<string, unknown>),
    ddlOperationPerformed: operation,
    ddlTargetTable: target,
  };
  return { statistics: { ...statistics, query }, destination: target };
}

function schemaOutcome(
  statistics: Record<string, unknown>,
  operation: string,
  target: { projectId: string; datasetId: string },
): JobOutcome {
  const query = {
    ...(statistics['query'] as Record<string, unknown>),
    ddlOperationPerformed: operation,
    ddlTargetDataset: target,
  };
  return { statistics: { ...statistics, query } };
}
