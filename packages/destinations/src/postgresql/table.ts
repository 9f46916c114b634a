// The target table as PostgreSQL describes it, and whether a mapping can be kept in it.
import { AppError } from '@sluice/core';
import type { ClientBase } from 'pg';
import { quoted } from './settings.ts';
import type { Target } from './settings.ts';

export type Column = {
  readonly name: string;
  /** As PostgreSQL writes it: `bigint`, `timestamp with time zone`, `text[]`. */
  readonly type: string;
  /** Of the type itself, or of a domain's base: `A` array, `S` string, `B` boolean, … (pg_type.typcategory). */
  readonly category: string;
  /** Of the type itself, or of a domain's base. */
  readonly baseType: string;
  /** Always computed by the server: it cannot be written. */
  readonly generated: boolean;
};

export type Table = {
  readonly columns: ReadonlyMap<string, Column>;
  /** `"schema"."table"`. */
  readonly name: string;
};

const COLUMNS = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
         b.typcategory AS category, format_type(b.oid, NULL) AS base_type,
         (a.attgenerated <> '' OR a.attidentity = 'a') AS generated
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum`;

const UNIQUE_INDEXES = `
  SELECT array_agg(a.attname::text) AS columns
  FROM pg_index i
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
  WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
  GROUP BY i.indexrelid`;

/** @throws AppError that names the table or column that does not fit, and the statement that mends it. */
export async function describeTable(client: ClientBase, target: Target): Promise<Table> {
  const name = `${quoted(target.schema)}.${quoted(target.table)}`;
  const found = await client.query<{ oid: string; kind: string }>(
    `SELECT c.oid, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [target.schema, target.table],
  );
  const [relation] = found.rows;
  if (relation === undefined)
    throw invalid(
      'TABLE_NOT_FOUND',
      'fields.table',
      `the table ${name} does not exist`,
      `CREATE TABLE ${name} (…), or correct the name`,
    );
  if (relation.kind !== 'r' && relation.kind !== 'p')
    throw invalid('NOT_A_TABLE', 'fields.table', `${name} is not a table`, 'name a table; views cannot be written to');
  const rows = await client.query<Column & { base_type: string }>(COLUMNS, [relation.oid]);
  const columns = new Map(
    rows.rows.map(({ base_type: baseType, ...column }) => [column.name, { ...column, baseType }]),
  );
  const used = [...target.key, target.operationColumn, target.recordIdColumn].filter((each) => each !== undefined);
  for (const column of used) if (!columns.has(column)) throw unknownColumn(name, column, columns);
  if (target.key.length > 0 && target.mode !== 'update' && target.mode !== 'delete') {
    await requireUniqueIndex(client, relation.oid, name, target);
  }
  return { name, columns };
}

async function requireUniqueIndex(client: ClientBase, oid: string, name: string, { key }: Target): Promise<void> {
  const { rows } = await client.query<{ columns: string[] }>(UNIQUE_INDEXES, [oid]);
  const wanted = [...key].sort().join('\0');
  if (rows.some(({ columns }) => [...columns].sort().join('\0') === wanted)) return;
  const list = key.map(quoted).join(', ');
  throw invalid(
    'NO_UNIQUE_INDEX',
    'fields.key',
    `the table ${name} has no unique index on (${list}), so rows could not be told apart`,
    `CREATE UNIQUE INDEX ON ${name} (${list})`,
  );
}

/** The columns must exist and be writable. */
export function writableColumns({ columns, name }: Table, wanted: readonly string[]): readonly Column[] {
  return wanted.map((each) => {
    const column = columns.get(each);
    if (column === undefined) throw unknownColumn(name, each, columns);
    if (column.generated)
      throw invalid(
        'COLUMN_GENERATED',
        'fields.row',
        `the column ${quoted(each)} of ${name} is computed by the server`,
        'leave it out of the row',
      );
    return column;
  });
}

function unknownColumn(name: string, column: string, columns: ReadonlyMap<string, Column>): AppError {
  return invalid(
    'UNKNOWN_COLUMN',
    'fields.row',
    `the table ${name} has no column ${quoted(column)}; it has ${[...columns.keys()].map(quoted).join(', ')}`,
    `ALTER TABLE ${name} ADD COLUMN ${quoted(column)} …, or leave the column out of the row`,
  );
}

function invalid(code: string, where: string, message: string, fix: string): AppError {
  return new AppError(message, { code, kind: 'invalid', origin: 'destination', where, fix });
}
