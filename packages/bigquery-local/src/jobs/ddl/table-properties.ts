// From a statement's clauses to the properties that the catalog keeps.
import { randomUUID } from 'node:crypto';
import { BigQueryError } from '../../bigquery-error.ts';
import type { Dataset } from '../../catalog/datasets.ts';
import { nameOf, type ForeignKey, type TableProperties } from '../../catalog/tables.ts';
import type { ForeignKeyOf, PartitionBy, TableOptions } from '../../googlesql/statement.ts';

/** OPTIONS on top of what was there: null takes away, undefined leaves as it is. */
export function withOptions(old: TableProperties, options: TableOptions): TableProperties {
  const next: Record<string, unknown> = { ...old };
  const set = (key: string, value: unknown): void => {
    if (value === null) delete next[key];
    else if (value !== undefined) next[key] = value;
  };
  set('description', options.description);
  set('friendlyName', options.friendlyName);
  set('labels', options.labels);
  set('requirePartitionFilter', options.requirePartitionFilter === false ? null : options.requirePartitionFilter);
  if (options.partitionExpirationMs !== undefined) {
    if (old.timePartitioning === undefined) {
      if (options.partitionExpirationMs !== null)
        throw invalidQuery('Option partition_expiration_days is set but table is not partitioned by time');
    } else {
      const { expirationMs: _old, ...partitioning } = old.timePartitioning;
      next['timePartitioning'] =
        options.partitionExpirationMs === null
          ? partitioning
          : { ...partitioning, expirationMs: String(options.partitionExpirationMs) };
    }
  }
  if (old.materializedView !== undefined) {
    const { enableRefresh, refreshIntervalMs } = options;
    next['materializedView'] = {
      ...old.materializedView,
      ...(enableRefresh === undefined ? {} : { enableRefresh: enableRefresh ?? true }),
      ...(refreshIntervalMs === undefined ? {} : { refreshIntervalMs: String(refreshIntervalMs ?? 1_800_000) }),
    };
  }
  if (options.requirePartitionFilter === true && !isPartitioned(next as unknown as TableProperties))
    throw invalidQuery('Option require_partition_filter is set but table is not partitioned');
  return next as unknown as TableProperties;
}

function isPartitioned({ timePartitioning, rangePartitioning }: TableProperties): boolean {
  return timePartitioning !== undefined || rangePartitioning !== undefined;
}

/** Milliseconds since 1970; undefined for a table that does not expire. */
export function expirationOf(options: TableOptions, dataset: Dataset, now: number): number | undefined {
  if (options.expirationMicros === null) return undefined;
  if (options.expirationMicros !== undefined) return futureMs(options.expirationMicros, now);
  const defaultMs = dataset.properties.defaultTableExpirationMs;
  return defaultMs === undefined ? undefined : now + Number(defaultMs);
}

export function futureMs(micros: bigint, now: number): number {
  const ms = Number(micros / 1000n);
  if (ms <= now) throw invalidQuery('Table expiration time must be in the future.');
  return ms;
}

export function partitionProperties(
  partitionBy: PartitionBy | undefined,
  dataset: Dataset,
): Pick<TableProperties, 'timePartitioning' | 'rangePartitioning'> {
  if (partitionBy === undefined) return {};
  if (partitionBy.kind === 'range') {
    const { field, start, end, interval } = partitionBy;
    return {
      rangePartitioning: { field, range: { start: String(start), end: String(end), interval: String(interval) } },
    };
  }
  const { type, field } = partitionBy;
  const expirationMs = dataset.properties.defaultPartitionExpirationMs;
  return {
    timePartitioning: {
      type,
      ...(field === undefined ? {} : { field }),
      ...(expirationMs === undefined ? {} : { expirationMs }),
    },
  };
}

/** Throws for a second foreign key of one name. */
export function foreignKeyOf(key: ForeignKeyOf, others: readonly ForeignKey[]): ForeignKey {
  const name = key.name ?? `fk_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  if (others.some((other) => other.name.toLowerCase() === name.toLowerCase()))
    throw invalidQuery(`Duplicate constraint name: ${name}`);
  if (key.columns.length !== key.referencedColumns.length)
    throw invalidQuery(
      `Foreign key ${name} has ${key.columns.length} columns and refers to ${key.referencedColumns.length}`,
    );
  return {
    name,
    referencedTable: key.referenced,
    columnReferences: key.columns.map((referencingColumn, i) => ({
      referencingColumn,
      referencedColumn: key.referencedColumns[i]!,
    })),
  };
}

export function constraintProperties(
  primaryKey: readonly string[] | undefined,
  keys: readonly ForeignKeyOf[],
): Pick<TableProperties, 'tableConstraints'> {
  const foreignKeys: ForeignKey[] = [];
  for (const key of keys) foreignKeys.push(foreignKeyOf(key, foreignKeys));
  if (primaryKey === undefined && foreignKeys.length === 0) return {};
  return {
    tableConstraints: {
      ...(primaryKey === undefined ? {} : { primaryKey: { columns: primaryKey } }),
      ...(foreignKeys.length === 0 ? {} : { foreignKeys }),
    },
  };
}

export function invalidQuery(message: string): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query' });
}

/** The 400 for an object of another kind than the statement is for. */
export function wrongKind(ref: Parameters<typeof nameOf>[0], kind: string): BigQueryError {
  return invalidQuery(`${nameOf(ref)} is not allowed for this operation because it is currently a ${kind}.`);
}
