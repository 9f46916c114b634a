// Test-only: one SQL text on our DuckDB and on ZetaSQL's reference evaluator, and whether they agree.
// What the local BigQuery refuses by name, and what the evaluator does not have, is no disagreement.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { registerFunctions } from '../functions/index.ts';
import { Oracle } from '../functions/oracle.ts';
import { createGoogleSql } from '../google-sql.ts';
import { mapRuntimeError } from '../runtime-error.ts';
import type { GoogleSql } from '../statement.ts';
import type { GType } from '../types.ts';
import { encodeChunk } from '../values/encode.ts';

export type Answer = { readonly rows: readonly unknown[][] } | { readonly error: string };
export type Verdict = {
  readonly kind: 'same' | 'refused' | 'different';
  readonly ours: Answer;
  readonly theirs: Answer;
};

/** What neither side promises an answer to. */
const OURS_REFUSED =
  /not supported by the local BigQuery|Array cannot have a null element|Resources exceeded|too complex/;
const THEIRS_REFUSED =
  /Unsupported|UNIMPLEMENTED|not supported|Connection dropped|ECONN|UNAVAILABLE|Deadline exceeded|Call cancelled/i;

export class Agreement implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #googleSql: GoogleSql;
  #oracle: Oracle;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, googleSql: GoogleSql, oracle: Oracle) {
    this.#instance = instance;
    this.#connection = connection;
    this.#googleSql = googleSql;
    this.#oracle = oracle;
  }

  static async start(): Promise<Agreement> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' });
    const connection = await instance.connect();
    await registerFunctions(connection);
    return new Agreement(instance, connection, await createGoogleSql({}), await Oracle.start());
  }

  async check(sql: string): Promise<Verdict> {
    let types: readonly GType[] = [];
    const ours = await answer(
      async () => {
        const compiled = await this.#compile(sql);
        types = compiled.types;
        return await this.#run(compiled.sql, types);
      },
      (error) => mapRuntimeError(error).message,
    );
    const theirs = await answer(
      () => this.#oracle.rows(sql, types),
      (error) => (error instanceof Error ? error.message : String(error)),
    );
    if ('error' in theirs && /Connection dropped|ECONN|UNAVAILABLE/i.test(theirs.error)) await this.#restart();
    return { kind: verdict(ours, theirs), ours, theirs };
  }

  /** Some requests make the evaluator abort. */
  async #restart(): Promise<void> {
    await this.#oracle[Symbol.asyncDispose]();
    this.#oracle = await Oracle.start();
  }

  async #compile(sql: string): Promise<{ sql: string; types: GType[] }> {
    const { statement } = await this.#googleSql.analyze({
      sql,
      lookup: {
        table: () => {
          throw new Error('These queries have no tables');
        },
      },
      defaultProject: 'p',
      sessionUser: 'someone@example.com',
    });
    if (statement.kind !== 'SELECT') throw new Error(`Not a query: ${sql}`);
    return { sql: statement.query.sql, types: statement.query.columns.map((column) => column.type) };
  }

  async #run(sql: string, types: readonly GType[]): Promise<unknown[][]> {
    const result = await this.#connection.stream(sql);
    const rows: unknown[][] = [];
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return rows;
      rows.push(...encodeChunk(chunk, types, { useInt64Timestamp: false }).map((row) => row.f.map((cell) => cell.v)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#oracle[Symbol.asyncDispose]();
    await this.#googleSql[Symbol.asyncDispose]();
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

async function answer(rows: () => Promise<unknown[][]>, textOf: (error: unknown) => string): Promise<Answer> {
  try {
    return { rows: await rows() };
  } catch (error) {
    return { error: textOf(error) };
  }
}

function verdict(ours: Answer, theirs: Answer): Verdict['kind'] {
  if ('error' in ours && OURS_REFUSED.test(ours.error)) return 'refused';
  if ('error' in theirs && THEIRS_REFUSED.test(theirs.error)) return 'refused';
  if ('error' in ours || 'error' in theirs) return 'error' in ours && 'error' in theirs ? 'same' : 'different';
  return sameRows(ours.rows, theirs.rows) ? 'same' : 'different';
}

/** As multisets; sums of floats may differ in their last digits by the order of addition. */
function sameRows(ours: readonly unknown[][], theirs: readonly unknown[][]): boolean {
  if (ours.length !== theirs.length) return false;
  const text = (rows: readonly unknown[][]): string[] => rows.map((row) => JSON.stringify(row, rounded)).toSorted();
  const [left, right] = [text(ours), text(theirs)];
  return left.every((row, i) => row === right[i]);
}

function rounded(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || !/^-?\d+\.\d+(?:E-?\d+)?$/.test(value)) return value;
  const number = Number(value);
  return Math.abs(number) < 1e-12 ? '0' : number.toPrecision(12);
}
