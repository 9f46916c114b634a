// One sync's rows into one table: each batch is a transaction of its own. Rows go out in
// multi-row INSERTs, into the table itself or into a temporary one. A row that the server
// cannot parse is rejected alone; what a constraint refuses fails the batch, which the engine
// then splits until the row is found.
import type { JsonObject } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session } from '@sluice/destination-kit';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise';
import { failureOf, insertRowOf } from './errors.ts';
import { quoted } from './settings.ts';
import type { Target } from './settings.ts';
import { STAGING, createStaging, directInsert, isDirect, stagedStatements } from './statements.ts';
import { writableColumns } from './table.ts';
import type { Table } from './table.ts';
import { UnfitValue, encoderFor } from './values.ts';
import type { Encoder } from './values.ts';

/** Rows that cannot be parsed are taken out one by one up to this many; then the batch is split. */
const MAX_UNFIT_ROWS = 20;
/** Of a statement, beside its rows. */
const PACKET_RESERVE_BYTES = 64 * 1024;
/** Longer statements gain nothing. */
const MAX_STATEMENT_BYTES = 4 * 1024 * 1024;

/** What every connection is told before it is used: nothing is cut or changed silently, times are UTC. */
const SESSION_SETTINGS = [
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_IN_DATE,NO_ZERO_DATE,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00'`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

/** Changes of a batch that write the same columns, or that delete. */
type Group = { readonly columns: readonly string[]; readonly deletes: boolean; readonly rows: number[] };
type Refused = { readonly code: string; readonly message: string };

export class MysqlSession implements Session {
  readonly #pool: Pool;
  readonly #target: Target;
  readonly #table: Table;
  /** The longest statement that the server takes, in bytes. */
  readonly #maxStatementBytes: number;
  readonly #maxRowBytes: number;
  readonly #prepared = new WeakSet<object>();

  constructor(pool: Pool, target: Target, table: Table, maxPacketBytes: number) {
    this.#pool = pool;
    this.#target = target;
    this.#table = table;
    this.#maxRowBytes = maxPacketBytes - PACKET_RESERVE_BYTES;
    this.#maxStatementBytes = Math.min(this.#maxRowBytes, MAX_STATEMENT_BYTES);
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = batch.map(() => ({ outcome: 'delivered' }));
    const connection = await this.#pool.getConnection();
    let gone = false;
    // Cancelling ends the connection; the server rolls back what was not committed.
    const end = (): void => {
      if (!gone) connection.destroy();
      gone = true;
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      signal.throwIfAborted();
      await this.#prepare(connection);
      const groups = this.#groups(batch, outcomes);
      for (let unfit = 0; ; unfit += 1) {
        const refused = await this.#attempt(connection, batch, groups, outcomes);
        if (refused === undefined) break;
        if (unfit >= MAX_UNFIT_ROWS) {
          connection.release();
          gone = true;
          return { kind: 'failed', cause: 'rows', ...refused };
        }
      }
      connection.release();
      gone = true;
      return { kind: 'rows', outcomes };
    } catch (error) {
      end();
      signal.throwIfAborted();
      if (error instanceof AppError) {
        const message = error.fix === undefined ? error.message : `${error.message}; ${error.fix}`;
        return { kind: 'failed', cause: 'stop', code: error.code, message };
      }
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      return failure;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async #prepare(connection: PoolConnection): Promise<void> {
    if (this.#prepared.has(connection.connection)) return;
    for (const statement of SESSION_SETTINGS) await connection.query(statement);
    this.#prepared.add(connection.connection);
  }

  /** The transaction of one batch. Defined when a row could not be parsed; it is taken out of its group. */
  async #attempt(
    connection: PoolConnection,
    batch: readonly Prepared[],
    groups: readonly Group[],
    outcomes: RowOutcome[],
  ): Promise<Refused | undefined> {
    await connection.query('START TRANSACTION');
    for (const group of groups) {
      const { columns, deletes } = group;
      const tuples = this.#encode(batch, group, outcomes);
      if (tuples.length === 0) continue;
      const direct = isDirect(this.#target, this.#table, columns, deletes);
      if (!direct) {
        await connection.query(`DROP TEMPORARY TABLE IF EXISTS ${STAGING}`);
        await connection.query(createStaging(this.#table, columns));
      }
      const [head, tail] = direct
        ? directInsert(this.#target, this.#table, columns)
        : [`INSERT INTO ${STAGING} (${columns.map(quoted).join(', ')}) VALUES `, ''];
      const refused = await this.#insert(connection, head, tuples, tail, group, outcomes);
      if (refused !== undefined) {
        await connection.query('ROLLBACK');
        return refused;
      }
      if (direct) continue;
      for (const statement of stagedStatements(this.#target, this.#table, columns, deletes))
        await connection.query(statement);
      await connection.query(`DROP TEMPORARY TABLE ${STAGING}`);
    }
    await connection.query('COMMIT');
    return undefined;
  }

  async #insert(
    connection: PoolConnection,
    head: string,
    tuples: readonly string[],
    tail: string,
    group: Group,
    outcomes: RowOutcome[],
  ): Promise<Refused | undefined> {
    for (const { from, text } of statementsOf(tuples, this.#maxStatementBytes)) {
      try {
        await connection.query(head + text + tail);
      } catch (error) {
        const failure = failureOf(error);
        const row = insertRowOf(error);
        const position = row === undefined ? undefined : group.rows[from + row];
        if (failure?.cause !== 'rows' || row === undefined || position === undefined) throw error;
        const refused = { code: failure.code, message: failure.message.replace(/ at row \d+$/, '') };
        outcomes[position] = { outcome: 'rejected', ...refused };
        group.rows.splice(from + row, 1);
        return refused;
      }
    }
    return undefined;
  }

  #groups(batch: readonly Prepared[], outcomes: RowOutcome[]): Group[] {
    const { key, mode } = this.#target;
    const groups = new Map<string, Group>();
    for (const [position, { change, payload }] of batch.entries()) {
      const deletes = change.operation === 'deleted' && mode !== 'append';
      const columns = deletes ? key.slice(0, 1) : this.#columnsOf(payload);
      const row = rowOf(payload);
      // A null is no identifier: MySQL would insert the row anew each time.
      const missing = deletes ? undefined : key.find((each) => (row[each] ?? null) === null);
      if (columns.length === 0 || missing !== undefined) {
        const message =
          missing === undefined ? 'the row has no columns' : `the row has no value for the key column "${missing}"`;
        outcomes[position] = { outcome: 'rejected', code: 'ROW_INCOMPLETE', message };
        continue;
      }
      const name = deletes ? '' : columns.join('\0');
      const group = groups.get(name) ?? { columns, deletes, rows: [] };
      group.rows.push(position);
      groups.set(name, group);
    }
    return [...groups.values()];
  }

  #columnsOf(payload: JsonObject): string[] {
    const { operationColumn, recordIdColumn } = this.#target;
    const own = [operationColumn, recordIdColumn].filter((name) => name !== undefined);
    return [...own, ...Object.keys(rowOf(payload)).filter((name) => !own.includes(name))];
  }

  /** `(…)` per row; rows whose values do not fit leave the group. */
  #encode(batch: readonly Prepared[], group: Group, outcomes: RowOutcome[]): string[] {
    const encoders = writableColumns(this.#table, group.columns).map(
      (column) => [column.name, encoderFor(column)] as const,
    );
    const tuples: string[] = [];
    const kept: number[] = [];
    for (const position of group.rows) {
      const prepared = batch[position] as Prepared;
      try {
        tuples.push(this.#tuple(prepared, group.deletes, encoders));
        kept.push(position);
      } catch (error) {
        if (!(error instanceof UnfitValue)) throw error;
        outcomes[position] = { outcome: 'rejected', code: 'VALUE_UNFIT', message: error.message };
      }
    }
    group.rows.splice(0, Infinity, ...kept);
    return tuples;
  }

  #tuple({ change, payload }: Prepared, deletes: boolean, encoders: readonly (readonly [string, Encoder])[]): string {
    const { operationColumn, recordIdColumn } = this.#target;
    const row = rowOf(payload);
    const literals = encoders.map(([name, encode]) => {
      if (deletes || name === recordIdColumn) return encode(change.recordId);
      return encode(name === operationColumn ? change.operation : row[name]);
    });
    const tuple = `(${literals.join(',')})`;
    if (Buffer.byteLength(tuple) > this.#maxRowBytes)
      throw new UnfitValue(
        `the row is larger than the ${this.#maxRowBytes} bytes that the server takes (max_allowed_packet)`,
      );
    return tuple;
  }
}

/** The longest packet that the server takes, in bytes. */
export async function maxPacketBytes(connection: PoolConnection): Promise<number> {
  const [[found]] = await connection.query<(RowDataPacket & { bytes: number | string })[]>(
    'SELECT @@max_allowed_packet AS bytes',
  );
  return Number(found?.bytes ?? 1024 * 1024);
}

function rowOf(payload: JsonObject): JsonObject {
  const { row } = payload;
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}

/** The rows of one statement each, and the position of its first. */
function* statementsOf(tuples: readonly string[], maxBytes: number): Generator<{ from: number; text: string }> {
  let from = 0;
  let bytes = 0;
  for (const [index, tuple] of tuples.entries()) {
    const size = Buffer.byteLength(tuple) + 1;
    if (index > from && bytes + size > maxBytes) {
      yield { from, text: tuples.slice(from, index).join(',') };
      [from, bytes] = [index, 0];
    }
    bytes += size;
  }
  if (from < tuples.length) yield { from, text: tuples.slice(from).join(',') };
}
