// Partitions of stored tables: their ids ("20260101", "2026010113", "202601", "2026", the start
// of a range), which rows lie in which, and where one begins. Source: "Partitioned tables".
import { BigQueryError } from '../bigquery-error.ts';
import { ingestionTimeOf, type TableProperties } from '../catalog/tables.ts';
import { identifier, literal } from './duckdb.ts';
import { PARTITION_TIME } from './physical-tables.ts';

type Partitioned = Pick<TableProperties, 'timePartitioning' | 'rangePartitioning' | 'schema'>;

const FORMATS: Readonly<Record<string, string>> = { HOUR: '%Y%m%d%H', DAY: '%Y%m%d', MONTH: '%Y%m', YEAR: '%Y' };

export type IntegerRange = {
  readonly field: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly interval: bigint;
};

export function integerRangeOf({
  rangePartitioning,
}: Pick<TableProperties, 'rangePartitioning'>): IntegerRange | undefined {
  if (rangePartitioning === undefined) return undefined;
  const { field, range } = rangePartitioning as {
    field: string;
    range: { start: unknown; end: unknown; interval: unknown };
  };
  return {
    field,
    start: BigInt(String(range.start)),
    end: BigInt(String(range.end)),
    interval: BigInt(String(range.interval)),
  };
}

/** The column by which a table is partitioned: `_PARTITIONTIME` for one by ingestion time. Undefined: not partitioned. */
export function partitionColumn(properties: Partitioned): string | undefined {
  if (ingestionTimeOf(properties) !== undefined) return PARTITION_TIME;
  return properties.timePartitioning?.field ?? integerRangeOf(properties)?.field;
}

/** DuckDB expression, over a row, of the id of its partition. */
export function partitionIdSql(properties: Partitioned): string | undefined {
  const column = partitionColumn(properties);
  if (column === undefined) return undefined;
  const name = identifier(column);
  const range = integerRangeOf(properties);
  if (range !== undefined)
    return `CASE WHEN ${name} IS NULL THEN '__NULL__' WHEN ${name} < ${range.start} OR ${name} >= ${range.end} THEN '__UNPARTITIONED__' ELSE CAST(${range.start} + ((${name} - (${range.start})) // ${range.interval}) * ${range.interval} AS VARCHAR) END`;
  const format = FORMATS[properties.timePartitioning?.type.toUpperCase() ?? 'DAY'] ?? FORMATS['DAY']!;
  return `coalesce(strftime(${inUtc(properties, name)}, ${literal(format)}), '__NULL__')`;
}

/** A TIMESTAMP column as the date and time of UTC; DATE and DATETIME as they are. */
function inUtc(properties: Partitioned, name: string): string {
  const field = properties.timePartitioning?.field;
  const type = properties.schema.fields.find((f) => f.name.toLowerCase() === field?.toLowerCase())?.type;
  return field === undefined || type === 'TIMESTAMP' ? `timezone('UTC', ${name})` : name;
}

/** DuckDB condition, over a row, that it lies in the partition. Throws `invalid` for an id that the table cannot have. */
export function inPartitionSql(properties: Partitioned, id: string): string {
  checkPartitionId(properties, id);
  return `${partitionIdSql(properties)!} = ${literal(id)}`;
}

/** DuckDB condition that holds for rows of partitions older than this moment. */
export function olderPartitionSql(properties: Partitioned, ms: number): string | undefined {
  const column = partitionColumn(properties);
  if (column === undefined || properties.timePartitioning === undefined) return undefined;
  const unit = properties.timePartitioning.type.toLowerCase();
  const cut = `make_timestamp(CAST('${Math.floor(ms) * 1000}' AS BIGINT))`;
  // A partition is as old as its beginning.
  return `date_trunc('${/^(hour|day|month|year)$/.test(unit) ? unit : 'day'}', CAST(${inUtc(properties, identifier(column))} AS TIMESTAMP)) < ${cut}`;
}

const PATTERNS: Readonly<Record<string, RegExp>> = {
  HOUR: /^(\d{4})(\d\d)(\d\d)(\d\d)$/,
  DAY: /^(\d{4})(\d\d)(\d\d)$/,
  MONTH: /^(\d{4})(\d\d)$/,
  YEAR: /^(\d{4})$/,
};

export function checkPartitionId(properties: Partitioned, id: string): void {
  const invalid = (what: string): BigQueryError => new BigQueryError('invalid', what);
  const range = integerRangeOf(properties);
  if (range !== undefined) {
    const inRange = /^-?\d{1,18}$/.test(id) && BigInt(id) >= range.start && BigInt(id) < range.end;
    if (!inRange || (BigInt(id) - range.start) % range.interval !== 0n)
      throw invalid(`Invalid range partition decorator $${id}: it must be the start of a range`);
    return;
  }
  const type = properties.timePartitioning?.type.toUpperCase();
  if (type === undefined)
    throw invalid(`Partition decorator $${id} names a partition of a table that is not partitioned`);
  if (id === '__NULL__') return;
  if (partitionStartMs(type, id) === undefined)
    throw invalid(`Invalid time partition decorator $${id} for a table that is partitioned by ${type}`);
}

/** Milliseconds since 1970 of the beginning of a time partition; undefined for what is no such id. */
export function partitionStartMs(type: string, id: string): number | undefined {
  const match = PATTERNS[type]?.exec(id);
  if (match === null || match === undefined) return undefined;
  const [, year = '', month = '01', day = '01', hour = '00'] = match;
  const text = `${year}-${month}-${day}T${hour}:00:00.000Z`;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || new Date(ms).toISOString() !== text ? undefined : ms;
}
