// For tests: GoogleSQL on a DuckDB in memory, with a catalog of tables and views that
// the statements under test create. It decides nothing about access.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

import { BigQueryError } from '../bigquery-error.ts';
import { registerFunctions } from './functions/index.ts';
import { createGoogleSql } from './google-sql.ts';
import { mapRuntimeError } from './runtime-error.ts';
import type { AnalyzedStatement, AnalyzeRequest, GoogleSql, TableInfo } from './statement.ts';
import { duckdbType } from './values/physical.ts';
import { typeOfField } from './values/schema.ts';

export type TestResult = AnalyzedStatement & {
  /** Rows as DuckDB's JSON values: INT64 as text. */
  readonly rows: readonly (readonly unknown[])[];
  readonly counts?: Readonly<Record<string, unknown>>;
};

export class TestWarehouse implements AsyncDisposable {
  readonly googleSql: GoogleSql;
  readonly connection: DuckDBConnection;
  readonly #tables = new Map<string, TableInfo>();

  private constructor(googleSql: GoogleSql, connection: DuckDBConnection) {
    this.googleSql = googleSql;
    this.connection = connection;
  }

  static async start(): Promise<TestWarehouse> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    await registerFunctions(connection);
    await connection.run('CREATE SCHEMA ds');
    return new TestWarehouse(await createGoogleSql(), connection);
  }

  analyze(sql: string, more: Partial<AnalyzeRequest> = {}): Promise<AnalyzedStatement> {
    return this.googleSql.analyze({
      sql,
      lookup: { table: (path) => Promise.resolve(this.#table(path)) },
      defaultProject: 'p',
      sessionUser: 'ada@example.com',
      ...more,
    });
  }

  /** Analyses and runs one statement. */
  async run(sql: string, more: Partial<AnalyzeRequest> = {}): Promise<TestResult> {
    const analyzed = await this.analyze(sql, more);
    const { statement } = analyzed;
    switch (statement.kind) {
      case 'SELECT':
        return { ...analyzed, rows: await this.#rows(statement.query.sql) };
      case 'CREATE_TABLE':
      case 'CREATE_TABLE_AS_SELECT': {
        const { tableId } = statement.target;
        const columns = statement.fields.map(
          (f) => `"${f.name}" ${duckdbType(typeOfField(f))}${f.mode === 'REQUIRED' ? ' NOT NULL' : ''}`,
        );
        await this.#rows(`CREATE OR REPLACE TABLE ds."${tableId}" (${columns.join(', ')})`);
        if (statement.query !== undefined) await this.#rows(`INSERT INTO ds."${tableId}" ${statement.query.sql}`);
        this.#tables.set(tableId, {
          ref: statement.target,
          kind: 'TABLE',
          fields: statement.fields,
          physicalName: `ds."${tableId}"`,
        });
        return { ...analyzed, rows: [] };
      }
      case 'CREATE_VIEW': {
        const { target, fields, viewQuery } = statement;
        this.#tables.set(target.tableId, { ref: target, kind: 'VIEW', fields, viewQuery });
        return { ...analyzed, rows: [] };
      }
      case 'INSERT':
      case 'UPDATE':
      case 'DELETE':
      case 'MERGE':
      case 'TRUNCATE_TABLE':
        return { ...analyzed, rows: [], counts: await this.#runSteps(statement.steps) };
      default:
        throw new Error(`Not run by the test warehouse: ${statement.kind}`);
    }
  }

  /** Rows of one query. */
  async rows(sql: string, more: Partial<AnalyzeRequest> = {}): Promise<readonly (readonly unknown[])[]> {
    return (await this.run(sql, more)).rows;
  }

  /** The message that a statement fails with, in its analysis or its run. */
  async failure(sql: string, more: Partial<AnalyzeRequest> = {}): Promise<string> {
    try {
      await this.run(sql, more);
    } catch (error) {
      if (error instanceof BigQueryError) return error.message;
      throw error;
    }
    throw new Error(`No failure: ${sql}`);
  }

  #table(path: readonly string[]): TableInfo {
    const table = this.#tables.get(path.at(-1)!);
    if (table === undefined || (path.length > 1 && path.at(-2) !== 'ds')) {
      throw new BigQueryError('notFound', `Not found: Table ${path.join('.')} was not found in location US`);
    }
    return table;
  }

  async #rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    try {
      return (await this.connection.runAndReadAll(sql)).getRowsJson();
    } catch (error) {
      throw mapRuntimeError(error);
    }
  }

  async #runSteps(
    steps: readonly { readonly sql: string; readonly counts?: true }[],
  ): Promise<Record<string, unknown>> {
    let counts: Record<string, unknown> = {};
    await this.connection.run('BEGIN');
    try {
      for (const step of steps) {
        const reader = await this.connection.runAndReadAll(step.sql);
        if (step.counts === true) counts = reader.getRowObjectsJson()[0]!;
      }
      await this.connection.run('COMMIT');
      return counts;
    } catch (error) {
      await this.connection.run('ROLLBACK');
      throw mapRuntimeError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.closeSync();
    await this.googleSql[Symbol.asyncDispose]();
  }
}
