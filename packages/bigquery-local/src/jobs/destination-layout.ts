// Partitions and clusters that a load or query job asks of the table that it makes, checked
// against the schema and, where it appends, against the table that is there.
// Source: TimePartitioning, RangePartitioning and Clustering of the REST v2 reference.
import { BigQueryError } from '../bigquery-error.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import { nameOf, type Table, type TableProperties } from '../catalog/tables.ts';
import {
  invalidField,
  optionalCount,
  optionalFlag,
  optionalInteger,
  optionalList,
  optionalObject,
  optionalText,
} from '../rest/bigquery/fields.ts';
import { integerRangeOf } from '../storage/partition-id.ts';

type Body = Readonly<Record<string, unknown>>;

export type DestinationLayout = Pick<TableProperties, 'timePartitioning' | 'rangePartitioning' | 'clustering'>;

const UNITS = ['DAY', 'HOUR', 'MONTH', 'YEAR'];
const MAX_CLUSTERING_FIELDS = 4;

/** Of `configuration.load` or `configuration.query`. Throws `invalid` for what no table can have. */
export function parseLayout(configuration: Body): DestinationLayout {
  const time = optionalObject(configuration, 'timePartitioning');
  const range = optionalObject(configuration, 'rangePartitioning');
  if (time !== undefined && range !== undefined)
    throw new BigQueryError('invalid', 'Only one of timePartitioning and rangePartitioning should be specified.');
  const clustering = optionalList(optionalObject(configuration, 'clustering') ?? {}, 'fields')?.map(String) ?? [];
  if (clustering.length > MAX_CLUSTERING_FIELDS)
    throw invalidField('clustering.fields', `at most ${MAX_CLUSTERING_FIELDS} fields are allowed`);
  return {
    ...(time === undefined ? {} : { timePartitioning: parseTime(time) }),
    ...(range === undefined ? {} : { rangePartitioning: parseRange(range) }),
    ...(clustering.length === 0 ? {} : { clustering: { fields: clustering } }),
  };
}

function parseTime(time: Body): NonNullable<TableProperties['timePartitioning']> {
  const type = (optionalText(time, 'type') ?? '').toUpperCase();
  if (!UNITS.includes(type)) throw invalidField('timePartitioning.type', `${type} is not one of ${UNITS.join(', ')}`);
  const field = optionalText(time, 'field');
  const expirationMs = optionalCount(time, 'expirationMs');
  const requirePartitionFilter = optionalFlag(time, 'requirePartitionFilter');
  return {
    type,
    ...(field === undefined || field === '' ? {} : { field }),
    ...(expirationMs === undefined || expirationMs === 0 ? {} : { expirationMs: String(expirationMs) }),
    ...(requirePartitionFilter === undefined ? {} : { requirePartitionFilter }),
  };
}

function parseRange(given: Body): NonNullable<TableProperties['rangePartitioning']> {
  const field = optionalText(given, 'field');
  const range = optionalObject(given, 'range') ?? {};
  const [start, end, interval] = ['start', 'end', 'interval'].map((name) => optionalInteger(range, name));
  if (field === undefined || field === '') throw invalidField('rangePartitioning.field', 'a field is needed');
  if (start === undefined || end === undefined || interval === undefined)
    throw invalidField('rangePartitioning.range', 'start, end and interval are needed');
  if (interval <= 0 || end <= start)
    throw invalidField('rangePartitioning.range', 'end must be greater than start, and interval greater than 0');
  return { field, range: { start: String(start), end: String(end), interval: String(interval) } };
}

const TIME_TYPES: readonly string[] = ['DATE', 'DATETIME', 'TIMESTAMP'];
const RANGE_TYPES: readonly string[] = ['INTEGER'];

/** Throws `invalid` where the schema has no such field to partition or cluster by. */
export function checkLayout(layout: DestinationLayout, fields: readonly FieldSchema[]): void {
  const find = (name: string): FieldSchema | undefined =>
    fields.find((field) => field.name.toLowerCase() === name.toLowerCase() && field.mode !== 'REPEATED');
  const time = layout.timePartitioning?.field;
  const range = integerRangeOf(layout)?.field;
  for (const [name, kind, types] of [
    [time, 'time', TIME_TYPES],
    [range, 'range', RANGE_TYPES],
  ] as const) {
    if (name === undefined) continue;
    const type = find(name)?.type;
    if (type === undefined)
      throw new BigQueryError(
        'invalid',
        `The field specified for partitioning cannot be found in the schema. Invalid field: ${name}.`,
      );
    if (!types.includes(type))
      throw new BigQueryError(
        'invalid',
        `The field specified for ${kind} partitioning can only be of type ${types.join(', ')}. The type found is: ${type}.`,
      );
  }
  for (const name of layout.clustering?.fields ?? []) {
    if (find(name) === undefined)
      throw new BigQueryError(
        'invalid',
        `The field specified for clustering cannot be found in the schema. Invalid field: ${name}.`,
      );
  }
}

/** A job that appends may repeat the layout of the table, not ask for another. */
export function requireSameLayout({ ref, properties }: Table, layout: DestinationLayout): void {
  const asked = specification(layout);
  const own = specification(properties);
  if (asked !== 'none' && asked !== own)
    throw new BigQueryError(
      'invalid',
      `Incompatible table partitioning specification for ${nameOf(ref)}. Expects partitioning specification ${own}, but input partitioning specification is ${asked}`,
    );
  const [given, clustered] = [layout, properties].map(
    ({ clustering }) => clustering?.fields.join(',').toLowerCase() ?? '',
  );
  if (given !== '' && given !== clustered)
    throw new BigQueryError(
      'invalid',
      `Incompatible table clustering specification for ${nameOf(ref)}. Expects clustering specification ${specificationOf(clustered)}, but input clustering specification is ${specificationOf(given)}`,
    );
}

function specificationOf(fields: string | undefined): string {
  return fields === undefined || fields === '' ? 'none' : `clustering(${fields})`;
}

function specification(layout: DestinationLayout): string {
  const { timePartitioning } = layout;
  const range = integerRangeOf(layout);
  if (range !== undefined) return `range(field:${range.field},${range.start},${range.end},${range.interval})`;
  if (timePartitioning === undefined) return 'none';
  const field = timePartitioning.field === undefined ? '' : `,field:${timePartitioning.field}`;
  return `interval(type:${timePartitioning.type.toLowerCase()}${field})`;
}
