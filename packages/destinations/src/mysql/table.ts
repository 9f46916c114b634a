// The target table as the server describes it, whether a mapping can be kept in it, and how
// a missing table or column is made when the mapping gives its types.
import { AppError, messageOf } from '@sluice/core';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { quoted } from './settings.ts';
import type { Target } from './settings.ts';
import { isWritableType } from './values.ts';

export type Column = {
  readonly name: string;
  /** Without its length: `bigint`, `varchar`. */
  readonly type: string;
  /** JSON, which MariaDB keeps as longtext with a check. */
  readonly isJson: boolean;
  /** Texts that differ in bytes may count as equal: upper and lower case, accents. */
  readonly looseText: boolean;
  /** Always computed by the server: it cannot be written. */
  readonly generated: boolean;
};

export type Table = {
  readonly columns: ReadonlyMap<string, Column>;
  /** `` `database`.`table` ``. */
  readonly name: string;
  /** Columns of the other unique indexes: a row that collides there must not overwrite another record. */
  readonly otherUnique: ReadonlySet<string>;
};

type ColumnRow = RowDataPacket & { name: string; type: string; collation: string | null; extra: string };
type IndexRow = RowDataPacket & { name: string; column_name: string | null; part: number | null };

const COLUMNS = `
  SELECT COLUMN_NAME AS name, LOWER(DATA_TYPE) AS type, COLLATION_NAME AS collation, EXTRA AS extra
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`;
const UNIQUE_INDEXES = `
  SELECT INDEX_NAME AS name, COLUMN_NAME AS column_name, SUB_PART AS part
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0`;
/** Of MariaDB: `` json_valid(`facts`) `` by the column's name. */
const JSON_CHECKS = `
  SELECT CHECK_CLAUSE AS clause FROM information_schema.CHECK_CONSTRAINTS
  WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? AND CHECK_CLAUSE LIKE 'json_valid(%'`;

/**
 * `rowColumns`: the columns that the mapping writes, where they are known before the first row.
 * @throws AppError that names the table or column that does not fit, and the statement that mends it.
 */
export async function describeTable(
  connection: Connection,
  target: Target,
  rowColumns: readonly string[],
): Promise<Table> {
  let table = await read(connection, target);
  if (target.columnTypes.size > 0 && (await makeMissing(connection, target, table)))
    table = await read(connection, target);
  if (table === undefined) {
    const name = nameOf(target);
    throw invalid(
      'TABLE_NOT_FOUND',
      'fields.table',
      `the table ${name} does not exist`,
      `CREATE TABLE ${name} (…), correct the name, or give column_types so that it is made`,
    );
  }
  const used = [...target.key, target.operationColumn, target.recordIdColumn, ...rowColumns];
  writableColumns(
    table,
    used.filter((each) => each !== undefined),
  );
  return table;
}

/** The columns must exist and be writable. */
export function writableColumns({ columns, name }: Table, wanted: readonly string[]): readonly Column[] {
  return wanted.map((each) => {
    const column = columns.get(each);
    if (column === undefined)
      throw invalid(
        'UNKNOWN_COLUMN',
        'fields.row',
        `the table ${name} has no column ${quoted(each)}; it has ${[...columns.keys()].map(quoted).join(', ')}`,
        `ALTER TABLE ${name} ADD COLUMN ${quoted(each)} …, give its type in column_types, or leave the column out of the row`,
      );
    if (column.generated || !isWritableType(column.type))
      throw invalid(
        column.generated ? 'COLUMN_GENERATED' : 'TYPE_NOT_SUPPORTED',
        'fields.row',
        column.generated
          ? `the column ${quoted(each)} of ${name} is computed by the server`
          : `the column ${quoted(each)} of ${name} is ${column.type}, which is not supported`,
        'leave it out of the row',
      );
    return column;
  });
}

function nameOf({ database, table }: Target): string {
  return `${quoted(database)}.${quoted(table)}`;
}

async function read(connection: Connection, target: Target): Promise<Table | undefined> {
  const place = [target.database, target.table];
  const [rows] = await connection.query<ColumnRow[]>(COLUMNS, place);
  if (rows.length === 0) return undefined;
  const json = await jsonColumns(connection, place);
  const columns = rows.map(({ name, type, collation, extra }): Column => ({
    name,
    type,
    isJson: type === 'json' || json.has(name),
    looseText: collation !== null && !/(?:^binary|_bin)$/.test(collation),
    generated: /\b(?:GENERATED|VIRTUAL|PERSISTENT|STORED)\b/i.test(extra.replace(/DEFAULT_GENERATED/i, '')),
  }));
  const [indexes] = await connection.query<IndexRow[]>(UNIQUE_INDEXES, place);
  const table = { name: nameOf(target), columns: new Map(columns.map((column) => [column.name, column])) };
  return { ...table, otherUnique: otherUnique(indexes, target, table.name) };
}

async function jsonColumns(connection: Connection, place: readonly string[]): Promise<ReadonlySet<string>> {
  const [[version]] = await connection.query<(RowDataPacket & { text: string })[]>('SELECT VERSION() AS text');
  if (!/mariadb/i.test(version?.text ?? '')) return new Set();
  const [checks] = await connection.query<(RowDataPacket & { clause: string })[]>(JSON_CHECKS, [...place]);
  const names = checks.map(({ clause }) => /^json_valid\(`((?:[^`]|``)*)`\)$/.exec(clause)?.[1]);
  return new Set(names.filter((name) => name !== undefined).map((name) => name.replaceAll('``', '`')));
}

function otherUnique(rows: readonly IndexRow[], { key, mode }: Target, name: string): ReadonlySet<string> {
  const indexes = new Map<string, IndexRow[]>();
  for (const row of rows) indexes.set(row.name, [...(indexes.get(row.name) ?? []), row]);
  const wanted = [...key].sort().join('\0');
  const isKey = (index: readonly IndexRow[]): boolean =>
    index.every(({ part }) => part === null) &&
    index
      .map((row) => row.column_name ?? '')
      .sort()
      .join('\0') === wanted;
  if (key.length > 0 && mode !== 'update' && mode !== 'delete' && ![...indexes.values()].some(isKey)) {
    const list = key.map(quoted).join(', ');
    throw invalid(
      'NO_UNIQUE_INDEX',
      'fields.key',
      `the table ${name} has no unique index on (${list}), so rows could not be told apart`,
      `ALTER TABLE ${name} ADD UNIQUE (${list})`,
    );
  }
  // Whoever collides in an index that contains the whole key is the same record.
  const others = [...indexes.values()]
    .filter(
      (index) =>
        key.length === 0 || !key.every((each) => index.some((row) => row.column_name === each && row.part === null)),
    )
    .flat();
  // An index on an expression may depend on any column: the empty name stands for it.
  return new Set(others.map((row) => row.column_name ?? ''));
}

async function makeMissing(connection: Connection, target: Target, table: Table | undefined): Promise<boolean> {
  const { key, columnTypes } = target;
  const name = nameOf(target);
  const missing = [...columnTypes].filter(([column]) => table?.columns.has(column) !== true);
  if (missing.length === 0) return false;
  const definitions = missing.map(([column, type]) => `${quoted(column)} ${type}`);
  if (table === undefined) {
    const untyped = key.find((column) => !columnTypes.has(column));
    if (untyped !== undefined)
      throw invalid(
        'KEY_WITHOUT_TYPE',
        'fields.column_types',
        `the table ${name} does not exist and cannot be made: the key column ${quoted(untyped)} has no type`,
        `add ${untyped} to column_types`,
      );
  }
  const primary = key.length === 0 ? [] : [`PRIMARY KEY (${key.map(quoted).join(', ')})`];
  const statement =
    table === undefined
      ? `CREATE TABLE IF NOT EXISTS ${name} (${[...definitions, ...primary].join(', ')})`
      : `ALTER TABLE ${name} ${definitions.map((each) => `ADD COLUMN ${each}`).join(', ')}`;
  try {
    await connection.query(statement);
  } catch (error) {
    throw invalid(
      'TABLE_NOT_MADE',
      'fields.column_types',
      `${statement} failed: ${messageOf(error)}`,
      'correct the types, or make the table by hand',
    );
  }
  return true;
}

function invalid(code: string, where: string, message: string, fix: string): AppError {
  return new AppError(message, { code, kind: 'invalid', origin: 'destination', where, fix });
}
