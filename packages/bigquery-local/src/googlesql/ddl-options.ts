// OPTIONS lists of DDL statements, evaluated: names, types and ranges as the DDL reference
// has them. An option that this server does not honour is refused by name.
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import type { SchemaOptions, TableOptions } from './statement.ts';
import type { Value } from './types.ts';

type Values = ReadonlyMap<string, Value>;
type Reader = (name: string, value: Value) => object;

const DAY_MS = 24 * 60 * 60 * 1000;

const DESCRIBED: Readonly<Record<string, Reader>> = {
  description: (name, value) => ({ description: text(name, value) }),
  friendly_name: (name, value) => ({ friendlyName: text(name, value) }),
  labels: (_name, value) => ({ labels: value === null ? null : labelsOf(value) }),
};

const VIEW: Readonly<Record<string, Reader>> = {
  ...DESCRIBED,
  expiration_timestamp: (name, value) => {
    if (value !== null && typeof value !== 'bigint') throw invalidQuery(`Option ${name} must be a TIMESTAMP`);
    return { expirationMicros: value };
  },
};

const TABLE: Readonly<Record<string, Reader>> = {
  ...VIEW,
  partition_expiration_days: (name, value) => ({ partitionExpirationMs: days(name, value) }),
  require_partition_filter: (name, value) => ({ requirePartitionFilter: bool(name, value) }),
};

const MATERIALIZED_VIEW: Readonly<Record<string, Reader>> = {
  ...VIEW,
  enable_refresh: (name, value) => ({ enableRefresh: bool(name, value) }),
  refresh_interval_minutes: (name, value) => {
    const minutes = number(name, value);
    return { refreshIntervalMs: minutes === null ? null : Math.round(minutes * 60_000) };
  },
};

const SCHEMA: Readonly<Record<string, Reader>> = {
  ...DESCRIBED,
  location: (name, value) => ({ location: text(name, value) }),
  default_table_expiration_days: (name, value) => ({ defaultTableExpirationMs: days(name, value) }),
  default_partition_expiration_days: (name, value) => ({ defaultPartitionExpirationMs: days(name, value) }),
  max_time_travel_hours: (name, value) => {
    const hours = number(name, value);
    if (hours !== null && (hours < 48 || hours > 168 || hours % 24 !== 0))
      throw invalidQuery(`Option ${name} must be a multiple of 24 from 48 to 168`);
    return { maxTimeTravelHours: hours };
  },
};

const OBJECTS = { TABLE, VIEW, MATERIALIZED_VIEW, SNAPSHOT_TABLE: VIEW, SCHEMA } as const;

/** `statement` stands in the refusal: `CREATE TABLE`. */
export function tableOptions(
  object: 'TABLE' | 'VIEW' | 'MATERIALIZED_VIEW' | 'SNAPSHOT_TABLE',
  statement: string,
  values: Values,
): TableOptions {
  return read(OBJECTS[object], statement, values);
}

export function schemaOptions(statement: string, values: Values): SchemaOptions {
  return read(SCHEMA, statement, values);
}

function read(readers: Readonly<Record<string, Reader>>, statement: string, values: Values): object {
  return Object.assign(
    {},
    ...[...values].map(([name, value]) => {
      const reader = readers[name];
      if (reader === undefined) throw unsupported(`Option ${name} of ${statement}`);
      return reader(name, value);
    }),
  ) as object;
}

function text(name: string, value: Value): string | null {
  if (value === null || typeof value === 'string') return value;
  throw invalidQuery(`Option ${name} must be a STRING`);
}

function bool(name: string, value: Value): boolean | null {
  if (value === null || typeof value === 'boolean') return value;
  throw invalidQuery(`Option ${name} must be a BOOL`);
}

function number(name: string, value: Value): number | null {
  if (value === null) return null;
  const n = typeof value === 'bigint' || typeof value === 'string' ? Number(value) : value;
  if (typeof n !== 'number' || !Number.isFinite(n) || n < 0)
    throw invalidQuery(`Option ${name} must be a number that is not negative`);
  return n;
}

function days(name: string, value: Value): number | null {
  const n = number(name, value);
  return n === null ? null : Math.round(n * DAY_MS);
}

function labelsOf(value: Value): Record<string, string> {
  if (!Array.isArray(value)) throw invalidQuery('Option labels must be an ARRAY<STRUCT<STRING, STRING>>');
  return Object.fromEntries(
    (value as readonly Value[]).map((pair): [string, string] => {
      const [key, label] = Array.isArray(pair) ? (pair as readonly Value[]) : [];
      if (typeof key !== 'string' || typeof label !== 'string')
        throw invalidQuery('Option labels must be an ARRAY<STRUCT<STRING, STRING>>');
      return [key, label];
    }),
  );
}
