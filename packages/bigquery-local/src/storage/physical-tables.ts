// The DuckDB tables behind BigQuery's tables. A physical table is made under a unique
// name, becomes visible when the catalog names it, and is dropped when nothing names it
// and no running statement reads it.
import type { Tables, Table, TimeUnit } from '../catalog/tables.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import { duckdbType } from '../googlesql/values/physical.ts';
import { typeOfField } from '../googlesql/values/schema.ts';
import { identifier, type DuckDb, type Session } from './duckdb.ts';

/** Table, one per project file, of the jobs whose rows were committed there. */
export const COMMITTED_JOBS = 'committed_job';

/** Column of a table that is partitioned by ingestion time; no part of its schema. */
export const PARTITION_TIME = '_PARTITIONTIME';

export class PhysicalTables {
  readonly #duckdb: DuckDb;
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Map<string, string>();

  constructor(duckdb: DuckDb) {
    this.#duckdb = duckdb;
  }

  /** Quoted, fully qualified DuckDB name. */
  static nameOf(projectId: string, physicalId: string): string {
    return `${identifier(projectId)}."main".${identifier(physicalId)}`;
  }

  /** Keeps a physical table from being dropped until the returned function is called. */
  pin(physicalId: string): () => void {
    this.#pins.set(physicalId, (this.#pins.get(physicalId) ?? 0) + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = (this.#pins.get(physicalId) ?? 1) - 1;
      if (left > 0) {
        this.#pins.set(physicalId, left);
        return;
      }
      this.#pins.delete(physicalId);
      const projectId = this.#doomed.get(physicalId);
      if (projectId !== undefined) void this.drop(projectId, physicalId);
    };
  }

  /** Drops it now, or as soon as its last reader is done. A failure leaves an orphan for the next start. */
  async drop(projectId: string, physicalId: string | undefined): Promise<void> {
    if (physicalId === undefined) return;
    if (this.#pins.has(physicalId)) {
      this.#doomed.set(physicalId, projectId);
      return;
    }
    this.#doomed.delete(physicalId);
    try {
      await this.#duckdb.use({ timeoutMs: 60_000 }, (session) =>
        session.run(`DROP TABLE IF EXISTS ${PhysicalTables.nameOf(projectId, physicalId)}`),
      );
    } catch {
      // Nothing names it any more; `dropOrphans` takes it at the next start.
    }
  }

  /** `ingestionTime`: the unit of one more column, last, with the partition that a row comes into. */
  async create(
    session: Session,
    projectId: string,
    physicalId: string,
    fields: readonly FieldSchema[],
    ingestionTime?: TimeUnit,
  ): Promise<void> {
    const columns = fields.map(columnDefinition);
    if (ingestionTime !== undefined)
      columns.push(
        `${identifier(PARTITION_TIME)} TIMESTAMP WITH TIME ZONE DEFAULT date_trunc('${ingestionTime.toLowerCase()}', now())`,
      );
    await session.run(`CREATE TABLE ${PhysicalTables.nameOf(projectId, physicalId)} (${columns.join(', ')})`);
  }

  /** Creates and fills it in one statement; the columns of `selectSql` are the fields, in order. Returns the number of rows. */
  async createAs(
    session: Session,
    projectId: string,
    physicalId: string,
    fields: readonly FieldSchema[],
    selectSql: string,
  ): Promise<number> {
    const columns = fields.map(
      (field, i) => `CAST(filled.c${i} AS ${duckdbType(typeOfField(field))}) AS ${identifier(field.name)}`,
    );
    const names = fields.map((_, i) => `c${i}`).join(', ');
    const [row] = await session.rows(
      `CREATE TABLE ${PhysicalTables.nameOf(projectId, physicalId)} AS SELECT ${columns.join(', ')} FROM (${selectSql}) AS filled(${names})`,
    );
    return Number(row?.[0] ?? 0);
  }

  /** Adds columns at the end; existing rows hold NULL there. */
  async addColumns(session: Session, table: Table, fields: readonly FieldSchema[]): Promise<void> {
    for (const field of fields) {
      const name = PhysicalTables.nameOf(table.ref.projectId, table.physicalId!);
      // One of this name was left by a server that died before the catalog knew of it.
      await session.run(`ALTER TABLE ${name} DROP COLUMN IF EXISTS ${identifier(field.name)}`);
      await session.run(
        `ALTER TABLE ${name} ADD COLUMN ${columnDefinition({ ...field, mode: field.mode === 'REPEATED' ? 'REPEATED' : 'NULLABLE' })}`,
      );
    }
  }

  /** REQUIRED columns become NULLABLE. */
  async allowNulls(session: Session, table: Table, fields: readonly FieldSchema[]): Promise<void> {
    for (const field of fields) {
      await session.run(
        `ALTER TABLE ${PhysicalTables.nameOf(table.ref.projectId, table.physicalId!)} ALTER COLUMN ${identifier(field.name)} DROP NOT NULL`,
      );
    }
  }

  /** Drops what a dead server left behind: tables that were filled but never named by the catalog. */
  async dropOrphans(projectId: string, tables: Tables): Promise<void> {
    const used = tables.physicalIds(projectId);
    await this.#duckdb.use({ timeoutMs: 300_000 }, async (session) => {
      const rows = await session.rows(
        `SELECT table_name FROM duckdb_tables() WHERE database_name = '${projectId.replaceAll("'", "''")}'`,
      );
      for (const [name] of rows) {
        if (!used.has(String(name)) && String(name) !== COMMITTED_JOBS)
          await session.run(`DROP TABLE ${PhysicalTables.nameOf(projectId, String(name))}`);
      }
    });
  }
}

function columnDefinition(field: FieldSchema): string {
  return `${identifier(field.name)} ${duckdbType(typeOfField(field))}${field.mode === 'REQUIRED' ? ' NOT NULL' : ''}`;
}
