// CREATE, ALTER and DROP SCHEMA.
import { BigQueryError } from '../../bigquery-error.ts';
import { createDataset, deleteDataset } from '../../catalog/dataset-changes.ts';
import type { Dataset, DatasetProperties } from '../../catalog/datasets.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import type { SchemaOptions, Statement } from '../../googlesql/statement.ts';
import { defaultAccess, withChanges } from '../../rest/bigquery/dataset-resource.ts';
import type { Execution } from '../execution.ts';
import type { PreparedQuery } from '../query-job.ts';
import { done, schemaOutcome } from './outcome.ts';
import { invalidQuery } from './table-properties.ts';

type Of<K extends Statement['kind']> = Extract<Statement, { readonly kind: K }>;

export function createSchema(
  execution: Execution,
  prepared: PreparedQuery,
  statement: Of<'CREATE_SCHEMA'>,
  statistics: Record<string, unknown>,
): JobOutcome {
  const { services, principal } = execution;
  const { target, options } = statement;
  const { projectId, datasetId } = target;
  if (services.datasets.get(projectId, datasetId) !== undefined && statement.ifNotExists)
    return done(execution, schemaOutcome(statistics, 'SKIP', target));
  const result = schemaOutcome(statistics, 'CREATE', target);
  services.db.transaction(() => {
    createDataset(services, {
      projectId,
      datasetId,
      location: options.location ?? prepared.location,
      properties: withChanges({ access: defaultAccess(principal.email) }, propertiesOf(options)),
    });
    execution.finish(result);
  });
  return result;
}

export function alterSchema(
  execution: Execution,
  statement: Of<'ALTER_SCHEMA'>,
  statistics: Record<string, unknown>,
): JobOutcome {
  const { services } = execution;
  const { target, options } = statement;
  const dataset = services.datasets.get(target.projectId, target.datasetId);
  if (dataset === undefined) return missing(execution, statement, statistics);
  const result = schemaOutcome(statistics, 'ALTER', target);
  services.db.transaction(() => {
    services.datasets.replace(
      target.projectId,
      target.datasetId,
      withChanges(dataset.properties, propertiesOf(options)),
    );
    execution.finish(result);
  });
  return result;
}

export async function dropSchema(
  execution: Execution,
  statement: Of<'DROP_SCHEMA'>,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { target, cascade } = statement;
  const dataset: Dataset | undefined = services.datasets.get(target.projectId, target.datasetId);
  if (dataset === undefined) return missing(execution, statement, statistics);
  const result = schemaOutcome(statistics, 'DROP', target);
  await deleteDataset(services, dataset, cascade, () => execution.finish(result));
  return result;
}

function missing(
  execution: Execution,
  statement: Of<'ALTER_SCHEMA' | 'DROP_SCHEMA'>,
  statistics: Record<string, unknown>,
): JobOutcome {
  const { target, ifExists } = statement;
  if (ifExists) return done(execution, schemaOutcome(statistics, 'SKIP', target));
  throw new BigQueryError('notFound', `Not found: Dataset ${target.projectId}:${target.datasetId}`);
}

/** Null takes a property away. */
function propertiesOf(options: SchemaOptions): Partial<Record<keyof DatasetProperties, unknown>> {
  const { location: _location, defaultTableExpirationMs: tableMs, defaultPartitionExpirationMs, ...rest } = options;
  if (typeof tableMs === 'number' && tableMs > 0 && tableMs < 3_600_000)
    throw invalidQuery('Option default_table_expiration_days must be at least one hour');
  const numbers = {
    defaultTableExpirationMs: tableMs,
    defaultPartitionExpirationMs,
    maxTimeTravelHours: rest.maxTimeTravelHours,
  };
  const texts = Object.entries(numbers).map(([key, n]) => [
    key,
    typeof n === 'number' && n > 0 ? String(n) : n === undefined ? undefined : null,
  ]);
  return Object.fromEntries([...Object.entries(rest), ...texts].filter(([, value]) => value !== undefined)) as Partial<
    Record<keyof DatasetProperties, unknown>
  >;
}
