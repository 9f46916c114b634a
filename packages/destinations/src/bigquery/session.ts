// One sync's rows into one table, all or nothing: batches are load jobs into a staging table,
// `commit` is one statement. A row whose values the columns cannot hold is rejected before it
// is sent.
import { hash, randomUUID } from 'node:crypto';
import type { JsonObject } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session, Transaction } from '@sluice/destination-kit';
import type { BigQueryCalls } from './client.ts';
import { failureOf } from './errors.ts';
import type { Target } from './settings.ts';
import { OPERATION, ORDINAL, WRITTEN, changeStatement } from './statements.ts';
import { nameOf, writableColumns } from './table.ts';
import type { Column, Table } from './table.ts';
import { UnfitValue, stagedField } from './values.ts';

/** A staging table that nobody could remove goes away by itself. */
const STAGING_LIFE_MS = 24 * 3_600_000;

type Staging = { readonly dataset: string; readonly table: string; readonly id: string; made: Promise<void> };

export class BigQuerySession implements Session {
  readonly transaction: Transaction;
  readonly #calls: BigQueryCalls;
  readonly #target: Target;
  readonly #table: Table;
  readonly #columns = new Map<string, Column>();
  #staging: Staging | undefined;
  #usual: readonly string[] | undefined;
  #varies = false;

  constructor(calls: BigQueryCalls, target: Target, table: Table) {
    this.#calls = calls;
    this.#target = target;
    this.#table = table;
    this.transaction = {
      begin: (signal) => this.#begin(signal),
      commit: (signal) => this.#commit(signal),
      abort: () => this.#drop(),
    };
  }

  async deliver(batch: readonly Prepared[], { signal, idempotencyKey }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = batch.map(() => ({ outcome: 'delivered' }));
    try {
      const lines: string[] = [];
      for (const [position, prepared] of batch.entries()) {
        try {
          const line = this.#line(prepared);
          if (line !== undefined) lines.push(line);
        } catch (error) {
          if (!(error instanceof UnfitValue)) throw error;
          outcomes[position] = { outcome: 'rejected', code: 'VALUE_UNFIT', message: error.message };
        }
      }
      if (lines.length > 0) {
        await this.#begin(signal);
        const staging = this.#staging as Staging;
        const jobId = `sluice_${staging.id}_${hash('sha256', idempotencyKey).slice(0, 32)}`;
        await this.#calls.load(staging, `${lines.join('\n')}\n`, this.#table.location, jobId, signal);
      }
      return { kind: 'rows', outcomes };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AppError) {
        const message = error.fix === undefined ? error.message : `${error.message}; ${error.fix}`;
        return { kind: 'failed', cause: 'stop', code: error.code, message };
      }
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      return failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A staging table that cannot be removed now expires by itself.
    await this.#drop().catch(() => undefined);
  }

  async #begin(signal: AbortSignal): Promise<void> {
    if (this.#staging !== undefined) return this.#staging.made;
    const id = randomUUID().replaceAll('-', '');
    const { stagingDataset: dataset, table } = this.#target;
    // The names of tables are longer than those of jobs may be.
    const name = `_sluice_${table.replaceAll(/[^A-Za-z0-9_]/g, '_').slice(0, 100)}_${id}`;
    const fields = [
      ...[...this.#table.columns.values()].filter((field) => !field.name.startsWith('_sluice_')).map(stagedField),
      { name: ORDINAL, type: 'INT64' },
      { name: OPERATION, type: 'STRING' },
      { name: WRITTEN, type: 'STRING', mode: 'REPEATED' },
    ];
    const staging: Staging = { dataset, table: name, id, made: Promise.resolve() };
    this.#staging = staging;
    staging.made = this.#calls.createTable(staging, fields, STAGING_LIFE_MS, signal);
    try {
      await staging.made;
    } catch (error) {
      if (this.#staging === staging) this.#staging = undefined;
      throw error;
    }
  }

  async #commit(signal: AbortSignal): Promise<void> {
    const staging = this.#staging;
    if (staging === undefined || this.#columns.size === 0) return this.#drop();
    const statement = changeStatement(this.#target, this.#table, nameOf(this.#target, staging.dataset, staging.table), {
      columns: [...this.#columns.keys()],
      usual: new Set(this.#usual),
      varies: this.#varies,
    });
    if (statement !== undefined)
      await this.#calls.run(statement, this.#table.location, `sluice_${staging.id}_commit`, signal);
    // What cannot be removed now expires; the rows are there.
    await this.#drop().catch(() => undefined);
  }

  async #drop(): Promise<void> {
    const staging = this.#staging;
    this.#staging = undefined;
    this.#usual = undefined;
    this.#varies = false;
    this.#columns.clear();
    if (staging === undefined) return;
    await staging.made.catch(() => undefined);
    await this.#calls.deleteTable(staging);
  }

  /** Undefined for a change that the mode leaves alone. Throws `UnfitValue`. */
  #line(prepared: Prepared): string | undefined {
    const { change, payload } = prepared;
    const { mode, key, operationColumn, recordIdColumn } = this.#target;
    const deleted = change.operation === 'deleted' && mode !== 'append';
    if (deleted && mode !== 'mirror' && mode !== 'delete') return undefined;
    if (!deleted && mode === 'delete') return undefined;
    const values = deleted ? { [key[0] ?? '']: change.recordId } : { ...rowOf(payload) };
    if (operationColumn !== undefined) values[operationColumn] = change.operation;
    if (recordIdColumn !== undefined) values[recordIdColumn] = change.recordId;
    const names = Object.keys(values);
    // A null is equal to nothing: the row would be inserted anew each time.
    const missing = key.find((each) => (values[each] ?? null) === null);
    if (names.length === 0 || missing !== undefined)
      throw new UnfitValue(
        missing === undefined ? 'the row has no columns' : `the row has no value for the key column "${missing}"`,
      );
    const line: JsonObject = { [ORDINAL]: String(change.ordinal), [OPERATION]: change.operation };
    for (const name of names) line[name] = this.#column(name).encode(values[name]);
    if (!deleted && !this.#isUsual(names)) line[WRITTEN] = names;
    return JSON.stringify(line);
  }

  #isUsual(names: readonly string[]): boolean {
    this.#usual ??= names;
    const usual = this.#usual;
    if (names === usual || (names.length === usual.length && names.every((each, index) => each === usual[index])))
      return true;
    this.#varies = true;
    return false;
  }

  #column(name: string): Column {
    let column = this.#columns.get(name);
    if (column === undefined) {
      [column] = writableColumns(this.#table, [name]) as [Column];
      this.#columns.set(name, column);
    }
    return column;
  }
}

function rowOf({ row }: JsonObject): JsonObject {
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}
