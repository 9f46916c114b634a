// Routines of datasets: functions, table functions, aggregate functions and procedures, as
// they were created. Shapes follow the Routine resource of the BigQuery REST v2 reference.
// Names are case-sensitive. A routine ends with its dataset.
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { etagOf } from './etag.ts';

export const ROUTINES_MIGRATION: Migration = {
  name: 'routines-1',
  sql: `CREATE TABLE routine (
    project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, routine_id TEXT NOT NULL,
    version INTEGER NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, properties TEXT NOT NULL,
    PRIMARY KEY (project_id, dataset_id, routine_id)) STRICT`,
};

export type RoutineReference = {
  readonly projectId: string;
  readonly datasetId: string;
  readonly routineId: string;
};

export type RoutineType = 'SCALAR_FUNCTION' | 'AGGREGATE_FUNCTION' | 'TABLE_VALUED_FUNCTION' | 'PROCEDURE';
export type RoutineLanguage = 'SQL' | 'JAVASCRIPT';

/** StandardSqlDataType: `{typeKind: 'ARRAY', arrayElementType: {typeKind: 'INT64'}}`. */
export type StandardSqlDataType = {
  readonly typeKind: string;
  readonly arrayElementType?: StandardSqlDataType;
  readonly structType?: { readonly fields: readonly StandardSqlField[] };
  readonly rangeElementType?: StandardSqlDataType;
};

/** StandardSqlField. A field of a STRUCT may be without a name. */
export type StandardSqlField = { readonly name?: string; readonly type?: StandardSqlDataType };

export type RoutineArgument = {
  readonly name: string;
  /** `ANY_TYPE` has no `dataType`. */
  readonly argumentKind: 'FIXED_TYPE' | 'ANY_TYPE';
  readonly dataType?: StandardSqlDataType;
  /** Of a procedure only. */
  readonly mode?: 'IN' | 'OUT' | 'INOUT';
  /** Of an aggregate function only: false for a NOT AGGREGATE argument. */
  readonly isAggregate?: boolean;
};

/** The part of a routine that its creator writes. */
export type RoutineProperties = {
  readonly routineType: RoutineType;
  readonly language: RoutineLanguage;
  readonly arguments: readonly RoutineArgument[];
  /** As declared; undefined where it follows from the body, and for procedures and table functions. */
  readonly returnType?: StandardSqlDataType;
  /** Columns of a table function, as declared: `RETURNS TABLE<…>`. */
  readonly returnTableType?: { readonly columns: readonly StandardSqlField[] };
  /** An expression, a query, the text between BEGIN and END, or the text of a JavaScript function. */
  readonly definitionBody: string;
  readonly description?: string;
  readonly determinismLevel?: 'DETERMINISTIC' | 'NOT_DETERMINISTIC';
  /** Of a procedure: false where its body was not checked when it was made. */
  readonly strictMode?: boolean;
};

export type Routine = {
  readonly ref: RoutineReference;
  /** Grows with every change of any routine or table; never repeats for one routine id. */
  readonly version: number;
  readonly etag: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly properties: RoutineProperties;
};

type RoutineEnd = (ref: RoutineReference, how: 'deleted' | 'replaced') => void;

export class Routines {
  readonly #db: CatalogDatabase;
  readonly #clock: () => number;
  readonly #ended: RoutineEnd[] = [];

  constructor(db: CatalogDatabase, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
  }

  /** `listener` is called within the transaction that ends or replaces a routine. */
  onEnd(listener: RoutineEnd): void {
    this.#ended.push(listener);
  }

  get(ref: RoutineReference): Routine | undefined {
    const row = this.#db.get(
      'SELECT * FROM routine WHERE project_id = ? AND dataset_id = ? AND routine_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.routineId,
    );
    return row === undefined ? undefined : fromRow(row);
  }

  /** In order of their ids, at most `limit`, after the id `after`. */
  list(projectId: string, datasetId: string, after = '', limit = 100_000): readonly Routine[] {
    return this.#db
      .all(
        'SELECT * FROM routine WHERE project_id = ? AND dataset_id = ? AND routine_id > ? ORDER BY routine_id LIMIT ?',
        projectId,
        datasetId,
        after,
        limit,
      )
      .map(fromRow);
  }

  count(projectId: string, datasetId: string): number {
    const row = this.#db.get(
      'SELECT count(*) AS n FROM routine WHERE project_id = ? AND dataset_id = ?',
      projectId,
      datasetId,
    );
    return Number(row?.['n']);
  }

  /** Adds it, or puts it in the place of the one of its id. Throws `duplicate` or `notFound` (the dataset). */
  put(ref: RoutineReference, properties: RoutineProperties, mode: 'create' | 'replace'): Routine {
    return this.#db.transaction(() => {
      const { projectId, datasetId, routineId } = ref;
      const dataset = this.#db.get(
        'SELECT 1 FROM dataset WHERE project_id = ? AND dataset_id = ?',
        projectId,
        datasetId,
      );
      if (dataset === undefined) throw new BigQueryError('notFound', `Not found: Dataset ${projectId}:${datasetId}`);
      const old = this.get(ref);
      if (old !== undefined && mode === 'create') throw routineExists(ref);
      const now = Math.max(this.#clock(), (old?.modifiedMs ?? 0) + 1);
      if (old !== undefined) this.#end(ref, 'replaced');
      this.#db.run('UPDATE table_version SET last = last + 1');
      const version = Number(this.#db.get('SELECT last FROM table_version')?.['last']);
      this.#db.run(
        'INSERT OR REPLACE INTO routine VALUES (?, ?, ?, ?, ?, ?, ?)',
        projectId,
        datasetId,
        routineId,
        version,
        old?.createdMs ?? now,
        now,
        JSON.stringify(properties),
      );
      return this.get(ref)!;
    });
  }

  /** Nothing happens where there is none. */
  delete(ref: RoutineReference): void {
    this.#db.transaction(() => {
      this.#end(ref, 'deleted');
      this.#db.run(
        'DELETE FROM routine WHERE project_id = ? AND dataset_id = ? AND routine_id = ?',
        ref.projectId,
        ref.datasetId,
        ref.routineId,
      );
    });
  }

  /** All routines of a dataset. */
  deleteAll(projectId: string, datasetId: string): void {
    this.#db.transaction(() => {
      for (const { ref } of this.list(projectId, datasetId)) this.delete(ref);
    });
  }

  #end(ref: RoutineReference, how: 'deleted' | 'replaced'): void {
    for (const listener of this.#ended) listener(ref, how);
  }
}

/** BigQuery's name of a routine in its texts: `project:dataset.routine`. */
export function routineNameOf(ref: RoutineReference): string {
  return `${ref.projectId}:${ref.datasetId}.${ref.routineId}`;
}

export function routineNotFound(ref: RoutineReference): BigQueryError {
  return new BigQueryError('notFound', `Not found: Routine ${routineNameOf(ref)}`);
}

export function routineExists(ref: RoutineReference): BigQueryError {
  return new BigQueryError('duplicate', `Already Exists: Routine ${routineNameOf(ref)}`);
}

function fromRow(row: Row): Routine {
  const ref = {
    projectId: String(row['project_id']),
    datasetId: String(row['dataset_id']),
    routineId: String(row['routine_id']),
  };
  const version = Number(row['version']);
  return {
    ref,
    version,
    etag: etagOf(ref.projectId, ref.datasetId, ref.routineId, version),
    createdMs: Number(row['created_ms']),
    modifiedMs: Number(row['modified_ms']),
    properties: JSON.parse(String(row['properties'])) as RoutineProperties,
  };
}
