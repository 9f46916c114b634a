// Rows and bytes of stored tables, as BigQuery counts them ("Data type sizes": INT64 8,
// STRING 2 + its UTF-8 length, NULL 0, …). Measured on demand, column by column, and
// kept until the table changes.
import type { Table } from '../catalog/tables.ts';
import type { GType } from '../googlesql/types.ts';
import { typeOfField } from '../googlesql/values/schema.ts';
import { identifier, type DuckDb } from './duckdb.ts';
import { partitionIdSql } from './partition-id.ts';
import { PhysicalTables } from './physical-tables.ts';

type Sizes = { readonly version: number; rows: bigint | undefined; readonly columns: Map<string, bigint> };

const MAX_CACHED = 5_000;

export class TableSizes {
  readonly #duckdb: DuckDb;
  readonly #physical: PhysicalTables;
  readonly #cache = new Map<string, Sizes>();

  constructor(duckdb: DuckDb, physical: PhysicalTables) {
    this.#duckdb = duckdb;
    this.#physical = physical;
  }

  async rows(table: Table): Promise<bigint> {
    const sizes = this.#sizes(table);
    sizes.rows ??= (await this.#measure(table, ['count(*)']))[0]!;
    return sizes.rows;
  }

  /** Bytes of the named columns (in any case), or of all. */
  async bytes(table: Table, columns?: readonly string[]): Promise<bigint> {
    const sizes = this.#sizes(table);
    const wanted = columns === undefined ? undefined : new Set(columns.map((name) => name.toLowerCase()));
    const fields = table.properties.schema.fields.filter((field) => wanted?.has(field.name.toLowerCase()) ?? true);
    const missing = fields.filter((field) => !sizes.columns.has(field.name));
    if (missing.length > 0) {
      const measured = await this.#measure(
        table,
        missing.map((field) => `coalesce(${sumOf(identifier(field.name), typeOfField(field))}, 0)`),
      );
      missing.forEach((field, i) => sizes.columns.set(field.name, measured[i]!));
    }
    return fields.reduce((sum, field) => sum + (sizes.columns.get(field.name) ?? 0n), 0n);
  }

  /** Rows and bytes of each partition of a partitioned table, by partition id. Measured each time. */
  async partitions(table: Table): Promise<{ readonly id: string; readonly rows: bigint; readonly bytes: bigint }[]> {
    const id = partitionIdSql(table.properties);
    if (id === undefined || table.physicalId === undefined) return [];
    const bytes = table.properties.schema.fields.map(
      (field) => `coalesce(${sumOf(identifier(field.name), typeOfField(field))}, 0)`,
    );
    const sql = `SELECT ${id} AS id, count(*), CAST(${bytes.join(' + ')} AS BIGINT) FROM ${PhysicalTables.nameOf(table.ref.projectId, table.physicalId)} GROUP BY 1 ORDER BY 1`;
    const unpin = this.#physical.pin(table.physicalId);
    try {
      await this.#duckdb.attach(table.ref.projectId);
      const rows = await this.#duckdb.use({ timeoutMs: 120_000 }, (session) => session.rows(sql));
      return rows.map((row) => ({ id: String(row[0]), rows: row[1] as bigint, bytes: row[2] as bigint }));
    } finally {
      unpin();
    }
  }

  #sizes(table: Table): Sizes {
    const key = JSON.stringify([table.ref.projectId, table.ref.datasetId, table.ref.tableId]);
    let sizes = this.#cache.get(key);
    if (sizes === undefined || sizes.version !== table.version) {
      sizes = { version: table.version, rows: undefined, columns: new Map() };
      if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
      this.#cache.set(key, sizes);
    }
    return sizes;
  }

  async #measure(table: Table, expressions: readonly string[]): Promise<bigint[]> {
    if (table.physicalId === undefined) return expressions.map(() => 0n);
    const sql = `SELECT ${expressions.map((e) => `CAST(${e} AS BIGINT)`).join(', ')} FROM ${PhysicalTables.nameOf(table.ref.projectId, table.physicalId)}`;
    const unpin = this.#physical.pin(table.physicalId);
    try {
      await this.#duckdb.attach(table.ref.projectId);
      const [row] = await this.#duckdb.use({ timeoutMs: 120_000 }, (session) => session.rows(sql));
      return row as bigint[];
    } finally {
      unpin();
    }
  }
}

const FIXED: Partial<Record<GType['kind'], number>> = {
  INT64: 8,
  FLOAT64: 8,
  BOOL: 1,
  DATE: 8,
  DATETIME: 8,
  TIME: 8,
  TIMESTAMP: 8,
  NUMERIC: 16,
  BIGNUMERIC: 32,
  INTERVAL: 16,
};

/** SQL of the sum over all rows. */
function sumOf(column: string, type: GType): string {
  const fixed = FIXED[type.kind];
  return fixed === undefined ? `sum(${sizeOf(column, type, 0)})` : `count(${column}) * ${fixed}`;
}

/** SQL of the size of one value. */
function sizeOf(sql: string, type: GType, depth: number): string {
  const fixed = FIXED[type.kind];
  if (fixed !== undefined) return `CASE WHEN ${sql} IS NULL THEN 0 ELSE ${fixed} END`;
  if (type.kind === 'ARRAY') {
    const item = `x${depth}`;
    return `coalesce(list_sum(list_transform(${sql}, lambda ${item}: ${sizeOf(item, type.element, depth + 1)})), 0)`;
  }
  if (type.kind === 'STRUCT')
    return `(${type.fields.map((field, i) => sizeOf(`struct_extract(${sql}, 'f${i}')`, field.type, depth)).join(' + ')})`;
  // Start and end as their type counts them.
  if (type.kind === 'RANGE') return `CASE WHEN ${sql} IS NULL THEN 0 ELSE 16 END`;
  if (type.kind === 'GEOGRAPHY') return `CASE WHEN ${sql} IS NULL THEN 0 ELSE 16 END`;
  if (type.kind === 'BYTES') return `coalesce(octet_length(${sql}) + 2, 0)`;
  return `coalesce(strlen(CAST(${sql} AS VARCHAR)) + 2, 0)`;
}
