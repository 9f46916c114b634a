// Writing into one partition of a table, `table$20260101`: the destination of a query or load job.
// Source: "Load data into a specific partition", "Write query results to a specific partition".
import { randomUUID } from 'node:crypto';
import { BigQueryError } from '../bigquery-error.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { ingestionTimeOf, nameOf, type Table, type TableProperties } from '../catalog/tables.ts';
import type { TableRef } from '../googlesql/statement.ts';
import type { Services } from '../services.ts';
import { identifier } from '../storage/duckdb.ts';
import { inPartitionSql, partitionIdSql, partitionStartMs } from '../storage/partition-id.ts';
import { PARTITION_TIME, PhysicalTables } from '../storage/physical-tables.ts';
import type { Execution } from './execution.ts';
import type { WriteDisposition } from './query-configuration.ts';
import { changeInPlace, fill } from './write-table.ts';

/** `t$20260101` as the table and the id of its partition. */
export function splitDecorator(ref: TableRef): { readonly ref: TableRef; readonly partition?: string } {
  const at = ref.tableId.indexOf('$');
  if (at < 0) return { ref };
  return { ref: { ...ref, tableId: ref.tableId.slice(0, at) }, partition: ref.tableId.slice(at + 1) };
}

/** The layout of a table that a write into a partition makes: by ingestion day, unless the job says otherwise. */
export function partitionedProperties(properties: TableProperties): TableProperties {
  const isPartitioned = properties.timePartitioning !== undefined || properties.rangePartitioning !== undefined;
  return isPartitioned ? properties : { ...properties, timePartitioning: { type: 'DAY' } };
}

/** Makes and fills a table all of whose rows are in the partition. The caller commits it. */
export async function fillPartition(
  execution: Execution,
  projectId: string,
  properties: TableProperties,
  partition: string,
  sql: string,
): Promise<{ physicalId: string; rows: number }> {
  const { services } = execution;
  const { fields } = properties.schema;
  const inPartition = inPartitionSql(properties, partition);
  const unit = ingestionTimeOf(properties);
  const time = partitionTime(properties, partition);
  const rowsSql = time === undefined ? sql : `SELECT given.*, ${time} FROM (${sql}) AS given`;
  const filled = await fill(execution, projectId, fields, rowsSql, unit, unit !== undefined);
  const outside = await countRows(services, projectId, filled.physicalId, `(${inPartition}) IS NOT TRUE`);
  if (outside === 0n) return filled;
  await services.physical.drop(projectId, filled.physicalId);
  throw wrongPartition(partition);
}

export type PartitionWrite = {
  readonly table: Table;
  readonly partition: string;
  readonly disposition: WriteDisposition;
  /** Names of the columns that `sql` gives, in order. */
  readonly columns: readonly string[];
  readonly sql: string;
  outcome(rows: number): JobOutcome;
};

/** In one transaction: takes the partition's rows away (WRITE_TRUNCATE) and adds the new ones. The caller holds the lock. */
export function writePartition(execution: Execution, write: PartitionWrite): Promise<JobOutcome> {
  const { table, partition, disposition, columns, sql } = write;
  const { properties, ref } = table;
  const inPartition = inPartitionSql(properties, partition);
  const time = partitionTime(properties, partition);
  const stage = `sluice_partition_${randomUUID().replaceAll('-', '')}`;
  const names = columns.map(identifier).join(', ');
  return changeInPlace(execution, {
    ref,
    expected: table,
    body: async (session, name) => {
      const count = async (from: string, condition: string): Promise<number> =>
        Number((await session.rows(`SELECT count(*) FROM ${from} WHERE ${condition}`))[0]?.[0] ?? 0);
      await session.run(`CREATE TEMP TABLE ${stage} AS SELECT * FROM (${sql}) AS given(${names})`);
      if (
        time === undefined &&
        (await count(stage, `(${partitionIdSql(properties)!}) IS DISTINCT FROM '${partition}'`)) > 0
      )
        throw wrongPartition(partition);
      const old = await count(name, inPartition);
      if (disposition === 'WRITE_EMPTY' && old > 0)
        throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(ref)}$${partition}`);
      if (disposition === 'WRITE_TRUNCATE') await session.run(`DELETE FROM ${name} WHERE ${inPartition}`);
      const [all, values] =
        time === undefined ? [names, '*'] : [`${names}, ${identifier(PARTITION_TIME)}`, `*, ${time}`];
      const [inserted] = await session.rows(`INSERT INTO ${name} (${all}) SELECT ${values} FROM ${stage}`);
      await session.run(`DROP TABLE ${stage}`);
      const rows = Number(inserted?.[0] ?? 0);
      return { changed: rows + (disposition === 'WRITE_TRUNCATE' ? old : 0), outcome: write.outcome(rows) };
    },
  });
}

/** The value of _PARTITIONTIME in the partition; undefined for a table that is partitioned by a column. */
function partitionTime(properties: TableProperties, partition: string): string | undefined {
  const unit = ingestionTimeOf(properties);
  if (unit === undefined) return undefined;
  const ms = partitionStartMs(unit, partition);
  return ms === undefined
    ? 'CAST(NULL AS TIMESTAMP WITH TIME ZONE)'
    : `make_timestamptz(CAST('${ms * 1000}' AS BIGINT))`;
}

function wrongPartition(partition: string): BigQueryError {
  return new BigQueryError(
    'invalid',
    `Some rows belong to different partitions rather than destination partition ${partition}`,
  );
}

async function countRows(
  services: Services,
  projectId: string,
  physicalId: string,
  condition: string,
): Promise<bigint> {
  const name = PhysicalTables.nameOf(projectId, physicalId);
  const [row] = await services.duckdb.use({ timeoutMs: 120_000 }, (session) =>
    session.rows(`SELECT count(*) FROM ${name} WHERE ${condition}`),
  );
  return BigInt(Number(row?.[0] ?? 0));
}
