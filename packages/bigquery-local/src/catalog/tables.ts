// Tables and views: metadata, and which physical DuckDB table holds the rows. A row
// here is the commit point of every change: rows are first made durable in DuckDB,
// then the metadata points to them. A physical table that no row names is an orphan.
// Shapes follow the Table resource of the BigQuery REST v2 reference.
import { randomUUID } from 'node:crypto';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import type { TableReference } from './datasets.ts';
import { etagOf } from './etag.ts';
import type { TableSchema } from './schema.ts';

/** The part of a table that the caller writes. */
export type TableProperties = {
  readonly schema: TableSchema;
  readonly friendlyName?: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly view?: { readonly query: string };
  readonly timePartitioning?: {
    readonly type: string;
    readonly field?: string;
    readonly expirationMs?: string;
    readonly requirePartitionFilter?: boolean;
  };
  readonly rangePartitioning?: Readonly<Record<string, unknown>>;
  readonly requirePartitionFilter?: boolean;
  readonly clustering?: { readonly fields: readonly string[] };
  /** Kept and shown, never enforced: that is what BigQuery does. */
  readonly tableConstraints?: TableConstraints;
  readonly materializedView?: {
    readonly query: string;
    readonly enableRefresh?: boolean;
    readonly refreshIntervalMs?: string;
  };
  readonly snapshotDefinition?: { readonly baseTableReference: TableReference; readonly snapshotTime: string };
  readonly cloneDefinition?: { readonly baseTableReference: TableReference; readonly cloneTime: string };
};

/** TableConstraints of the REST reference. */
export type TableConstraints = {
  readonly primaryKey?: { readonly columns: readonly string[] };
  readonly foreignKeys?: readonly ForeignKey[];
};

export type ForeignKey = {
  readonly name: string;
  readonly referencedTable: TableReference;
  readonly columnReferences: readonly { readonly referencingColumn: string; readonly referencedColumn: string }[];
};

/** `type` of the Table resource. A materialized view is evaluated when it is read; a snapshot is a table that nobody changes. */
export type TableKind = 'TABLE' | 'VIEW' | 'MATERIALIZED_VIEW' | 'SNAPSHOT';

export type Table = {
  readonly ref: TableReference;
  readonly kind: TableKind;
  /** Name of the DuckDB table in the project's file. Undefined for a view. */
  readonly physicalId: string | undefined;
  /** Grows with every change of data or metadata; never repeats for one table id. */
  readonly version: number;
  readonly etag: string;
  readonly createdMs: number;
  /** Changes with every change of data or metadata, and only then. */
  readonly modifiedMs: number;
  readonly expirationMs: number | undefined;
  readonly properties: TableProperties;
};

export const tableMigrations: readonly Migration[] = [
  {
    name: 'tables-1',
    sql: `CREATE TABLE stored_table (
      project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, table_id TEXT NOT NULL, kind TEXT NOT NULL,
      physical_id TEXT, version INTEGER NOT NULL, writing INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL,
      modified_ms INTEGER NOT NULL, expiration_ms INTEGER, properties TEXT NOT NULL,
      PRIMARY KEY (project_id, dataset_id, table_id),
      FOREIGN KEY (project_id, dataset_id) REFERENCES dataset) STRICT;
      CREATE INDEX stored_table_expiration ON stored_table (expiration_ms) WHERE expiration_ms IS NOT NULL;
      CREATE TABLE table_version (last INTEGER NOT NULL) STRICT;
      INSERT INTO table_version VALUES (0)`,
  },
];

export type NewTable = {
  readonly ref: TableReference;
  readonly kind: TableKind;
  readonly physicalId?: string;
  readonly expirationMs?: number | undefined;
  readonly properties: TableProperties;
};

/** `replaced`: another table of the same name took its place. */
type TableEnd = 'deleted' | 'replaced';

export class Tables {
  readonly #db: CatalogDatabase;
  readonly #clock: () => number;
  readonly #ended: ((ref: TableReference, how: TableEnd) => void)[] = [];
  readonly #renamed: ((from: TableReference, to: TableReference) => void)[] = [];

  constructor(db: CatalogDatabase, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
  }

  /** `listener` is called within the transaction that ends a table: what hangs on the table goes with it. */
  onEnd(listener: (ref: TableReference, how: TableEnd) => void): void {
    this.#ended.push(listener);
  }

  /** `listener` is called within the transaction that gives a table another id. */
  onRename(listener: (from: TableReference, to: TableReference) => void): void {
    this.#renamed.push(listener);
  }

  static newPhysicalId(): string {
    return `t_${randomUUID().replaceAll('-', '')}`;
  }

  /** Undefined also for a table that has expired. */
  get(ref: TableReference): Table | undefined {
    const row = this.#db.get(
      'SELECT * FROM stored_table WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
    );
    const table = row === undefined ? undefined : fromRow(row);
    return table === undefined || this.#expired(table) ? undefined : table;
  }

  /** In order of their ids, at most `limit`, after the id `after`. */
  list(projectId: string, datasetId: string, after: string, limit: number): readonly Table[] {
    return this.#db
      .all(
        `SELECT * FROM stored_table WHERE project_id = ? AND dataset_id = ? AND table_id > ?
          AND (expiration_ms IS NULL OR expiration_ms > ?) ORDER BY table_id LIMIT ?`,
        projectId,
        datasetId,
        after,
        this.#clock(),
        limit,
      )
      .map(fromRow);
  }

  listEtag(tables: readonly Table[]): string {
    return etagOf(...tables.map((table) => table.etag));
  }

  /** Also of tables that have expired. */
  refs(projectId: string, datasetId: string): readonly TableReference[] {
    return this.#db
      .all('SELECT table_id FROM stored_table WHERE project_id = ? AND dataset_id = ?', projectId, datasetId)
      .map((row) => ({ projectId, datasetId, tableId: String(row['table_id']) }));
  }

  count(projectId: string, datasetId: string): number {
    const row = this.#db.get(
      'SELECT count(*) AS n FROM stored_table WHERE project_id = ? AND dataset_id = ? AND (expiration_ms IS NULL OR expiration_ms > ?)',
      projectId,
      datasetId,
      this.#clock(),
    );
    return Number(row?.['n']);
  }

  /** Creates the table, or takes the place of the one with this id. Returns the physical table that is no longer used. */
  put(table: NewTable, mode: 'create' | 'replace'): { readonly table: Table; readonly freed: string | undefined } {
    return this.#db.transaction(() => {
      const { projectId, datasetId } = table.ref;
      if (
        this.#db.get('SELECT 1 FROM dataset WHERE project_id = ? AND dataset_id = ?', projectId, datasetId) ===
        undefined
      ) {
        throw new BigQueryError('notFound', `Not found: Dataset ${projectId}:${datasetId}`);
      }
      const old = this.#raw(table.ref);
      if (old !== undefined && mode === 'create' && !this.#expired(old)) {
        throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(table.ref)}`);
      }
      const now = Math.max(this.#clock(), (old?.modifiedMs ?? 0) + 1);
      if (old !== undefined) this.#end(old.ref, this.#expired(old) ? 'deleted' : 'replaced');
      this.#db.run(
        'INSERT OR REPLACE INTO stored_table VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)',
        table.ref.projectId,
        table.ref.datasetId,
        table.ref.tableId,
        table.kind,
        table.physicalId ?? null,
        this.#nextVersion(),
        now,
        now,
        table.expirationMs ?? null,
        JSON.stringify(table.properties),
      );
      return {
        table: this.#raw(table.ref)!,
        freed: old?.physicalId === table.physicalId ? undefined : old?.physicalId,
      };
    });
  }

  /** Changes metadata, and the physical table when its rows were rewritten. */
  update(
    ref: TableReference,
    change: { properties?: TableProperties; expirationMs?: number | null; physicalId?: string },
  ): Table {
    return this.#db.transaction(() => {
      const old = this.#raw(ref);
      if (old === undefined) throw tableNotFound(ref);
      const expiration = change.expirationMs === undefined ? (old.expirationMs ?? null) : change.expirationMs;
      this.#db.run(
        `UPDATE stored_table SET properties = ?, expiration_ms = ?, physical_id = ?, modified_ms = ?, version = ?, writing = 0
          WHERE project_id = ? AND dataset_id = ? AND table_id = ?`,
        JSON.stringify(change.properties ?? old.properties),
        expiration,
        change.physicalId ?? old.physicalId ?? null,
        Math.max(this.#clock(), old.modifiedMs + 1),
        this.#nextVersion(),
        ref.projectId,
        ref.datasetId,
        ref.tableId,
      );
      return this.#raw(ref)!;
    });
  }

  /** Before rows of a physical table change in place; a crash leaves the mark, and `recover` then stamps the table. */
  beginWrite(ref: TableReference): void {
    this.#db.run(
      'UPDATE stored_table SET writing = 1 WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
    );
  }

  /** After the rows are durable (or were not changed). */
  endWrite(ref: TableReference, changed: boolean): void {
    if (changed) this.update(ref, {});
    else
      this.#db.run(
        'UPDATE stored_table SET writing = 0 WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
        ref.projectId,
        ref.datasetId,
        ref.tableId,
      );
  }

  /** Stamps tables whose writer died: their rows may have changed. */
  recover(): void {
    for (const row of this.#db.all('SELECT * FROM stored_table WHERE writing = 1')) this.update(fromRow(row).ref, {});
  }

  /** Another id in the same dataset. The rows and what hangs on the table stay with it. Throws `duplicate` when the id is taken. */
  rename(ref: TableReference, tableId: string): Table {
    return this.#db.transaction(() => {
      const old = this.#raw(ref);
      if (old === undefined) throw tableNotFound(ref);
      const renamed = { ...ref, tableId };
      const taken = this.#raw(renamed);
      if (taken !== undefined && !this.#expired(taken))
        throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(renamed)}`);
      if (taken !== undefined) this.delete(renamed); // expired: its rows are an orphan until the next start
      this.#db.run(
        'UPDATE stored_table SET table_id = ? WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
        tableId,
        ref.projectId,
        ref.datasetId,
        ref.tableId,
      );
      for (const listener of this.#renamed) listener(ref, renamed);
      return this.update(renamed, {});
    });
  }

  /** Returns the physical table that is no longer used. */
  delete(ref: TableReference): string | undefined {
    return this.#db.transaction(() => {
      const old = this.#raw(ref);
      this.#db.run(
        'DELETE FROM stored_table WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
        ref.projectId,
        ref.datasetId,
        ref.tableId,
      );
      if (old !== undefined) this.#end(old.ref, 'deleted');
      return old?.physicalId;
    });
  }

  #end(ref: TableReference, how: TableEnd): void {
    for (const listener of this.#ended) listener(ref, how);
  }

  /** Tables whose time is over, at most 1,000. */
  expired(): readonly Table[] {
    return this.#db.all('SELECT * FROM stored_table WHERE expiration_ms <= ? LIMIT 1000', this.#clock()).map(fromRow);
  }

  /** Tables whose partitions expire. */
  withPartitionExpiration(): readonly Table[] {
    return this.#db
      .all("SELECT * FROM stored_table WHERE json_extract(properties, '$.timePartitioning.expirationMs') IS NOT NULL")
      .map(fromRow);
  }

  /** Every physical table that is in use, by project. */
  physicalIds(projectId: string): ReadonlySet<string> {
    const rows = this.#db.all(
      'SELECT physical_id FROM stored_table WHERE project_id = ? AND physical_id IS NOT NULL',
      projectId,
    );
    return new Set(rows.map((row) => String(row['physical_id'])));
  }

  projectsWithTables(): readonly string[] {
    return this.#db.all('SELECT DISTINCT project_id FROM dataset').map((row) => String(row['project_id']));
  }

  #raw(ref: TableReference): Table | undefined {
    const row = this.#db.get(
      'SELECT * FROM stored_table WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
    );
    return row === undefined ? undefined : fromRow(row);
  }

  #expired(table: Table): boolean {
    return table.expirationMs !== undefined && table.expirationMs <= this.#clock();
  }

  /** The version of the latest change of any table. */
  lastVersion(): number {
    return Number(this.#db.get('SELECT last FROM table_version')?.['last']);
  }

  #nextVersion(): number {
    this.#db.run('UPDATE table_version SET last = last + 1');
    return this.lastVersion();
  }
}

export type TimeUnit = 'HOUR' | 'DAY' | 'MONTH' | 'YEAR';

/** The unit of a table that is partitioned by the time at which its rows come in. */
export function ingestionTimeOf(properties: Pick<TableProperties, 'timePartitioning'>): TimeUnit | undefined {
  const { timePartitioning } = properties;
  if (timePartitioning === undefined || timePartitioning.field !== undefined) return undefined;
  const type = timePartitioning.type.toUpperCase();
  return type === 'HOUR' || type === 'MONTH' || type === 'YEAR' ? type : 'DAY';
}

/** BigQuery's name of a table in its texts: `project:dataset.table`. */
export function nameOf(ref: TableReference): string {
  return `${ref.projectId}:${ref.datasetId}.${ref.tableId}`;
}

export function tableNotFound(ref: TableReference): BigQueryError {
  return new BigQueryError('notFound', `Not found: Table ${nameOf(ref)}`);
}

function fromRow(row: Row): Table {
  const ref = {
    projectId: String(row['project_id']),
    datasetId: String(row['dataset_id']),
    tableId: String(row['table_id']),
  };
  const version = Number(row['version']);
  return {
    ref,
    kind: String(row['kind']) as TableKind,
    physicalId: row['physical_id'] === null ? undefined : String(row['physical_id']),
    version,
    etag: etagOf(ref.projectId, ref.datasetId, ref.tableId, version),
    createdMs: Number(row['created_ms']),
    modifiedMs: Number(row['modified_ms']),
    expirationMs: row['expiration_ms'] === null ? undefined : Number(row['expiration_ms']),
    properties: JSON.parse(String(row['properties'])) as TableProperties,
  };
}
