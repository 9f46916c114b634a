// What a query sees of a table's partitions: pseudo columns, and the filter that it must have.
import { ingestionTimeOf, type Table } from '../catalog/tables.ts';
import type { TableInfo } from '../googlesql/statement.ts';
import { identifier } from '../storage/duckdb.ts';
import { partitionColumn } from '../storage/partition-id.ts';
import { PARTITION_TIME } from '../storage/physical-tables.ts';

const PARTITION_DATE = '_PARTITIONDATE';

export function partitionInfo({ properties }: Table): Pick<TableInfo, 'pseudoColumns' | 'requiredPartitionFilter'> {
  const byIngestion = ingestionTimeOf(properties) !== undefined;
  const column = partitionColumn(properties);
  const required =
    column !== undefined &&
    (properties.requirePartitionFilter === true || properties.timePartitioning?.requirePartitionFilter === true);
  const time = identifier(PARTITION_TIME);
  return {
    ...(byIngestion
      ? {
          pseudoColumns: [
            { name: PARTITION_TIME, type: { kind: 'TIMESTAMP' }, sql: time },
            { name: PARTITION_DATE, type: { kind: 'DATE' }, sql: `CAST(timezone('UTC', ${time}) AS DATE)` },
          ],
        }
      : {}),
    ...(required ? { requiredPartitionFilter: byIngestion ? [PARTITION_DATE, PARTITION_TIME] : [column] } : {}),
  };
}
