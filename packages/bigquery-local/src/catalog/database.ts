// The SQLite file that holds everything but table rows: projects, policies, accounts,
// datasets, tables, jobs. One server writes it, and the command line (users, groups,
// tokens) beside it. Every change is one transaction, and an acknowledged one survives
// `kill -9` (WAL, synchronous = FULL).
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

export type Row = Record<string, null | number | bigint | string | Uint8Array>;

/** The tables of one module: SQL that is run once, in the order of the versions. */
export type Migration = { readonly name: string; readonly sql: string };

export class CatalogDatabase implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  readonly #forget: (() => void)[] = [];
  #depth = 0;
  #forgetting = false;
  #version: Row[string] = 0;

  constructor(file: string, migrations: readonly Migration[]) {
    this.#db = new DatabaseSync(file, { timeout: 5_000 });
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    this.#db.exec('CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY) STRICT');
    for (const migration of migrations) {
      this.transaction(() => {
        const { changes } = this.#db.prepare('INSERT OR IGNORE INTO migration VALUES (?)').run(migration.name);
        if (changes === 1) this.#db.exec(migration.sql);
      });
    }
    this.#version = this.#dataVersion();
  }

  /** `forget` is called when what was cached may not be in the file: another process has changed it, or a transaction was undone. */
  onForeignChange(forget: () => void): void {
    this.#forget.push(forget);
  }

  /** Sees the changes of other processes. About 2 µs when there is none. */
  refresh(): void {
    const version = this.#dataVersion();
    if (version === this.#version) return;
    this.#version = version;
    this.#forgetAll();
  }

  #forgetAll(): void {
    // One of them may write, and what it writes may be undone too.
    if (this.#forgetting) return;
    this.#forgetting = true;
    try {
      for (const forget of this.#forget) forget();
    } finally {
      this.#forgetting = false;
    }
  }

  /** All rows; bind values by position. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values);
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  /** Number of rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Synchronous on purpose: nothing else can run between the statements. Nested calls join the outer one. */
  transaction<T>(body: () => T): T {
    if (this.#depth > 0) return body();
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth++;
    let rolledBack = false;
    try {
      const result = body();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      rolledBack = true;
      throw error;
    } finally {
      this.#depth--;
      if (rolledBack) this.#forgetAll();
    }
  }

  /** SQLite changes it for commits of other connections only. */
  #dataVersion(): Row[string] {
    return this.get('PRAGMA data_version')?.['data_version'] ?? 0;
  }

  #prepare(sql: string): ReturnType<DatabaseSync['prepare']> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
