// One sync's rows into one table: each batch is a transaction of its own, COPY into a
// temporary table and one statement per kind of change from there. A row whose values
// PostgreSQL cannot parse is rejected alone; what a constraint refuses fails the batch,
// which the engine then splits until the row is found.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { JsonObject } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session } from '@sluice/destination-kit';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { UnfitValue, encoderFor } from './copy-text.ts';
import type { Encoder } from './copy-text.ts';
import { copyLineOf, failureOf, messageOf } from './errors.ts';
import type { Target } from './settings.ts';
import { quoted } from './settings.ts';
import { writableColumns } from './table.ts';
import type { Column, Table } from './table.ts';
import { changeStatements } from './statements.ts';
import pg from 'pg';

const STAGING = 'sluice_staging';
/** COPY is sent in pieces of about this many characters. */
const PIECE = 64 * 1024;
/** Rows that cannot be parsed are taken out one by one up to this many; then the batch is split. */
const MAX_UNFIT_ROWS = 20;

/** Changes of a batch that write the same columns, or that delete. */
type Group = { readonly columns: readonly string[]; readonly deletes: boolean; readonly rows: number[] };

export class PostgresSession implements Session {
  readonly #pool: Pool;
  readonly #target: Target;
  readonly #table: Table;

  constructor(pool: Pool, target: Target, table: Table) {
    this.#pool = pool;
    this.#target = target;
    this.#table = table;
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = batch.map(() => ({ outcome: 'delivered' }));
    const groups = this.#groups(batch, outcomes);
    const client = await this.#pool.connect();
    let released = false;
    const release = (broken: boolean): void => {
      if (!released) client.release(broken);
      released = true;
    };
    // Cancelling ends the connection; the server rolls back what was not committed.
    const abort = (): void => release(true);
    signal.addEventListener('abort', abort, { once: true });
    try {
      for (let unfit = 0; ; unfit += 1) {
        const failed = await this.#attempt(client, batch, groups, outcomes);
        if (failed === undefined) break;
        if (unfit >= MAX_UNFIT_ROWS) {
          release(false);
          return { kind: 'failed', cause: 'rows', code: failed.code, message: failed.message };
        }
      }
      release(false);
      return { kind: 'rows', outcomes };
    } catch (error) {
      release(true);
      signal.throwIfAborted();
      if (error instanceof AppError) {
        const message = error.fix === undefined ? error.message : `${error.message}; ${error.fix}`;
        return { kind: 'failed', cause: 'stop', code: error.code, message };
      }
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      return failure;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  /** The transaction of one batch. Defined when a row could not be parsed; it is taken out of its group. */
  async #attempt(
    client: PoolClient,
    batch: readonly Prepared[],
    groups: readonly Group[],
    outcomes: RowOutcome[],
  ): Promise<{ code: string; message: string } | undefined> {
    await client.query('BEGIN');
    for (const group of groups) {
      const columns = group.deletes ? this.#keyColumns() : writableColumns(this.#table, group.columns);
      const lines = this.#encode(batch, group, columns, outcomes);
      if (group.rows.length === 0) continue;
      const names = columns.map(({ name }) => quoted(name)).join(', ');
      await client.query(
        `CREATE TEMP TABLE ${STAGING} ON COMMIT DROP AS SELECT ${names} FROM ${this.#table.name} WITH NO DATA`,
      );
      try {
        await pipeline(Readable.from(pieces(lines)), client.query(copyFrom(`COPY ${STAGING} (${names}) FROM STDIN`)));
      } catch (error) {
        const line = copyLineOf(error);
        const position = line === undefined ? undefined : group.rows[line];
        if (position === undefined || !(error instanceof pg.DatabaseError) || failureOf(error)?.cause !== 'rows')
          throw error;
        const refused = { code: error.code ?? 'DATA_EXCEPTION', message: messageOf(error) };
        outcomes[position] = { outcome: 'rejected', ...refused };
        group.rows.splice(line ?? 0, 1);
        await client.query('ROLLBACK');
        return refused;
      }
      for (const statement of changeStatements(this.#target, this.#table, STAGING, group.columns, group.deletes)) {
        await client.query(statement);
      }
      await client.query(`DROP TABLE ${STAGING}`);
    }
    await client.query('COMMIT');
    return undefined;
  }

  #groups(batch: readonly Prepared[], outcomes: RowOutcome[]): Group[] {
    const groups = new Map<string, Group>();
    // Rows mostly have the columns of the row before, in the same order: then its group is theirs.
    let last: { readonly keys: readonly string[]; readonly group: Group } | undefined;
    for (const [position, { change, payload }] of batch.entries()) {
      const deletes = change.operation === 'deleted' && this.#target.mode !== 'append';
      const row = rowOf(payload);
      if (last !== undefined && last.group.deletes === deletes && (deletes || hasKeys(row, last.keys))) {
        last.group.rows.push(position);
        continue;
      }
      const columns = deletes ? this.#target.key : this.#columnsOf(payload);
      const missing = deletes ? undefined : this.#target.key.find((key) => !columns.includes(key));
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
      last = { keys: Object.keys(row), group };
    }
    return [...groups.values()];
  }

  #columnsOf(payload: JsonObject): string[] {
    const { operationColumn, recordIdColumn } = this.#target;
    const own = [operationColumn, recordIdColumn].filter((name) => name !== undefined);
    return [...own, ...Object.keys(rowOf(payload)).filter((name) => !own.includes(name))];
  }

  #keyColumns(): readonly Column[] {
    return writableColumns(this.#table, this.#target.key.slice(0, 1));
  }

  /** One line per row; rows whose values do not fit leave the group. */
  #encode(batch: readonly Prepared[], group: Group, columns: readonly Column[], outcomes: RowOutcome[]): string[] {
    const encoders = columns.map(encoderFor);
    const lines: string[] = [];
    const kept: number[] = [];
    for (const position of group.rows) {
      const prepared = batch[position] as Prepared;
      try {
        lines.push(
          group.deletes ? `${encoders[0]?.(prepared.change.recordId)}\n` : this.#line(prepared, columns, encoders),
        );
        kept.push(position);
      } catch (error) {
        if (!(error instanceof UnfitValue)) throw error;
        outcomes[position] = { outcome: 'rejected', code: 'VALUE_UNFIT', message: error.message };
      }
    }
    group.rows.splice(0, Infinity, ...kept);
    return lines;
  }

  #line({ change, payload }: Prepared, columns: readonly Column[], encoders: readonly Encoder[]): string {
    const { operationColumn, recordIdColumn } = this.#target;
    const row = rowOf(payload);
    let line = '';
    for (let index = 0; index < columns.length; index += 1) {
      const { name } = columns[index] as Column;
      const value = name === operationColumn ? change.operation : name === recordIdColumn ? change.recordId : row[name];
      if (index > 0) line += '\t';
      line += (encoders[index] as Encoder)(value);
    }
    return `${line}\n`;
  }
}

function rowOf(payload: JsonObject): JsonObject {
  const { row } = payload;
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}

/** Whether these are the row's columns, in this order. */
function hasKeys(row: JsonObject, keys: readonly string[]): boolean {
  let at = 0;
  for (const key in row) {
    if (key !== keys[at]) return false;
    at += 1;
  }
  return at === keys.length;
}

function* pieces(lines: readonly string[]): Generator<string> {
  let piece = '';
  for (const line of lines) {
    piece += line;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
