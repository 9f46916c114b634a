// One multi-statement transaction: one transaction of the storage with its own connection,
// from BEGIN TRANSACTION to COMMIT or ROLLBACK. Others see its changes after the commit, all
// or none, also when the server dies; what it reads is as it was when it began.
// Source: "Multi-statement transactions" (isolation, conflicts, what may be in one).
import { randomUUID } from 'node:crypto';
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { nameOf, Tables, type NewTable, type Table } from '../../catalog/tables.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import { duckdbType } from '../../googlesql/values/physical.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import type { Services } from '../../services.ts';
import type { Session } from '../../storage/duckdb.ts';
import { COMMITTED_JOBS, PhysicalTables } from '../../storage/physical-tables.ts';
import { StaleTable, type InPlace } from '../write-table.ts';

/** Each holds a connection of the storage; the rest must do for everybody else. */
const MAX_OPEN = 10;

class RolledBack extends Error {
  override readonly name = 'RolledBack';
}

/** The transactions of one server that are open, and who has which table to itself. */
export class OpenTransactions {
  readonly holders = new Map<string, StorageTransaction>();
  open = 0;
}

type Runner = { readonly signal: AbortSignal };

export class StorageTransaction {
  readonly id = randomUUID();
  readonly #services: Services;
  readonly #open: OpenTransactions;
  readonly #session: Session;
  readonly #stop: AbortController;
  readonly #began: number;
  readonly #projects: ReadonlySet<string>;
  readonly #decision: PromiseWithResolvers<'commit' | 'rollback'>;
  readonly #work: Promise<void>;
  readonly #released = Promise.withResolvers<void>();
  /** Tables that it changed in place. */
  readonly #changed = new Map<string, { readonly table: Table; changed: boolean; readonly unpin: () => void }>();
  readonly #held = new Set<string>();
  /** Physical tables that it made itself, by their project. */
  readonly #made = new Map<string, string>();
  readonly #onCommit: (() => Promise<void>)[] = [];
  readonly #onRollback: (() => Promise<void>)[] = [];
  #written: string | undefined;
  #failed = false;
  #over = false;

  private constructor(
    services: Services,
    open: OpenTransactions,
    session: Session,
    stop: AbortController,
    decision: PromiseWithResolvers<'commit' | 'rollback'>,
    work: Promise<void>,
  ) {
    this.#services = services;
    this.#open = open;
    this.#session = session;
    this.#stop = stop;
    this.#decision = decision;
    this.#work = work;
    this.#began = services.tables.lastVersion();
    this.#projects = new Set(services.duckdb.attachedProjects);
  }

  static async begin(services: Services, open: OpenTransactions, projectId: string): Promise<StorageTransaction> {
    if (open.open >= MAX_OPEN)
      throw new BigQueryError(
        'quotaExceeded',
        `Quota exceeded: at most ${MAX_OPEN} transactions may be open at the same time in the local BigQuery.`,
      );
    open.open += 1;
    try {
      await services.duckdb.attach(projectId);
      const stop = new AbortController();
      const decision = Promise.withResolvers<'commit' | 'rollback'>();
      const ready = Promise.withResolvers<Session>();
      const work = services.duckdb.use({ signal: stop.signal }, (session) =>
        session.transaction(async () => {
          ready.resolve(session);
          if ((await decision.promise) === 'rollback') throw new RolledBack();
        }),
      );
      work.catch((error: unknown) => ready.reject(error));
      const session = await ready.promise;
      const transaction = new StorageTransaction(services, open, session, stop, decision, work);
      // The snapshot of a project's file is taken when it is first read.
      for (const project of transaction.#projects)
        await session.rows(`SELECT 1 FROM ${PhysicalTables.nameOf(project, COMMITTED_JOBS)} LIMIT 1`);
      return transaction;
    } catch (error) {
      open.open -= 1;
      throw error;
    }
  }

  get over(): boolean {
    return this.#over;
  }

  /** Throws where the transaction can no longer give right answers. */
  requireHealthy(): void {
    if (this.#failed)
      throw new BigQueryError(
        'invalidQuery',
        'Going on with a transaction after one of its statements has failed is not supported by the local BigQuery: roll it back (ROLLBACK TRANSACTION) and begin again.',
        { location: 'query' },
      );
  }

  /** Runs a part of a statement. A failure that ends the storage's transaction is remembered; an abort ends it. */
  async run<T>(signal: AbortSignal, body: (session: Session) => Promise<T>): Promise<T> {
    this.requireHealthy();
    const onAbort = (): void => {
      this.#failed = true;
      this.#stop.abort(signal.reason);
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await body(this.#session);
    } catch (error) {
      this.#failed ||= await this.#session.rows('SELECT 1').then(
        () => false,
        () => true,
      );
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Whether another connection cannot see this physical table. */
  made(physicalId: string | undefined): boolean {
    return physicalId !== undefined && this.#made.has(physicalId);
  }

  /** For each table that a statement reads: its rows as they were when the transaction began must be there. */
  async requireInSnapshot(table: Table, signal: AbortSignal): Promise<void> {
    const { physicalId, version, ref } = table;
    if (physicalId === undefined || this.made(physicalId) || version <= this.#began) return;
    // What was changed in place since is as it was; a table that is new, or lies in a file opened since, is not.
    if (!this.#projects.has(ref.projectId)) throw conflict(ref);
    const name = PhysicalTables.nameOf(ref.projectId, physicalId);
    await this.run(signal, (session) =>
      session.columns(`SELECT * FROM ${name}`).catch((error: unknown) => {
        signal.throwIfAborted();
        throw conflict(ref, error);
      }),
    );
  }

  /**
   * One writer per table. Appending rows conflicts with nobody; for other changes a transaction has the table to
   * itself until its end: jobs outside wait, other transactions are aborted.
   */
  async hold<T>(ref: TableRef, append: boolean, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    const key = nameOf(ref);
    if (append || this.#held.has(key)) return body();
    const { holders } = this.#open;
    if (holders.has(key)) throw conflict(ref);
    holders.set(key, this);
    this.#held.add(key);
    const locked = Promise.withResolvers<void>();
    this.#services.lock
      .hold(key, signal, () => {
        locked.resolve();
        return this.#released.promise;
      })
      .catch((error: unknown) => {
        this.#held.delete(key);
        holders.delete(key);
        locked.reject(error);
      });
    await locked.promise;
    return body();
  }

  /** In place of `changeInPlace`: the rows change within the transaction. */
  async change(run: Runner, change: InPlace, append: boolean): Promise<JobOutcome> {
    const services = this.#services;
    const { ref, expected } = change;
    const table = services.tables.get(ref);
    const key = nameOf(ref);
    if (table === undefined) throw new BigQueryError('notFound', `Not found: Table ${key}`);
    if (table.physicalId === undefined)
      throw new BigQueryError('invalid', `${key} is not a table whose rows can be changed.`);
    if (
      table.physicalId !== expected.physicalId ||
      JSON.stringify(table.properties.schema) !== JSON.stringify(expected.properties.schema)
    )
      throw new StaleTable();
    const known = this.#changed.get(key);
    if (!append && known === undefined && !this.made(table.physicalId) && table.version > this.#began)
      throw conflict(ref);
    await this.requireInSnapshot(table, run.signal);
    this.#requireOneProject(ref.projectId);
    const entry = known ?? { table, changed: false, unpin: services.physical.pin(table.physicalId) };
    this.#changed.set(key, entry);
    const name = PhysicalTables.nameOf(ref.projectId, table.physicalId);
    const done = await this.run(run.signal, (session) => change.body(session, name));
    entry.changed ||= done.changed > 0;
    return done.outcome;
  }

  /** The rows of a query that must outlive the transaction, whatever its end: a result. */
  async copyOut(
    run: Runner,
    projectId: string,
    fields: readonly FieldSchema[],
    selectSql: string,
  ): Promise<{ physicalId: string; rows: number }> {
    const { duckdb, physical } = this.#services;
    const physicalId = Tables.newPhysicalId();
    const columns = fields.map((field, i) => `CAST(filled.c${i} AS ${duckdbType(typeOfField(field))})`).join(', ');
    const sql = `SELECT ${columns} FROM (${selectSql}) AS filled(${fields.map((_, i) => `c${i}`).join(', ')})`;
    await duckdb.attach(projectId);
    try {
      const rows = await this.run(run.signal, (session) =>
        duckdb.use({ signal: run.signal }, async (outside) => {
          await physical.create(outside, projectId, physicalId, fields);
          return outside.append(projectId, physicalId, session.chunks(sql));
        }),
      );
      return { physicalId, rows };
    } catch (error) {
      await physical.drop(projectId, physicalId);
      throw error;
    }
  }

  /** Makes the physical table of a temporary table. It is gone after a rollback. */
  async make(
    run: Runner,
    projectId: string,
    fields: readonly FieldSchema[],
    selectSql: string | undefined,
  ): Promise<string> {
    const { physical } = this.#services;
    this.#requireOneProject(projectId);
    const physicalId = Tables.newPhysicalId();
    await this.run(run.signal, async (session) => {
      await physical.create(session, projectId, physicalId, fields);
      if (selectSql !== undefined)
        await session.run(`INSERT INTO ${PhysicalTables.nameOf(projectId, physicalId)} SELECT * FROM (${selectSql})`);
    });
    this.#made.set(physicalId, projectId);
    return physicalId;
  }

  /** Puts a temporary table into the catalog until a rollback. */
  put(table: NewTable, alsoCommit: () => void): void {
    const { db, tables, physical } = this.#services;
    const old = tables.get(table.ref);
    const { freed } = db.transaction(() => {
      const put = tables.put(table, 'replace');
      alsoCommit();
      return put;
    });
    this.#onCommit.push(() => physical.drop(table.ref.projectId, freed));
    this.#undoWith(table.ref, old);
  }

  /** Takes a temporary table out of the catalog until a rollback. */
  drop(table: Table, alsoCommit: () => void): void {
    const { db, tables, physical } = this.#services;
    const freed = db.transaction(() => {
      const physicalId = tables.delete(table.ref);
      alsoCommit();
      return physicalId;
    });
    this.#onCommit.push(() => physical.drop(table.ref.projectId, freed));
    this.#undoWith(table.ref, table);
  }

  /** Throws, and has rolled back, when it cannot be committed. */
  async commit(): Promise<void> {
    const { tables, db } = this.#services;
    if (this.#failed) {
      await this.rollback();
      throw new BigQueryError(
        'invalidQuery',
        'Transaction is aborted because one of its statements has failed: it was rolled back.',
        { location: 'query' },
      );
    }
    const changed = [...this.#changed.values()].filter((entry) => entry.changed);
    for (const { table } of changed) {
      if (tables.get(table.ref)?.physicalId === table.physicalId) continue;
      await this.rollback();
      throw conflict(table.ref);
    }
    // Read sessions of these tables go on showing what they showed.
    using changing = new DisposableStack();
    for (const { table } of changed) {
      const { projectId } = table.ref;
      changing.use(await this.#services.snapshots.beforeChange(projectId, table.physicalId!));
    }
    this.#over = true;
    // A crash from here on leaves the mark: `Tables.recover` then stamps them.
    db.transaction(() => {
      for (const { table } of changed) tables.beginWrite(table.ref);
    });
    this.#decision.resolve('commit');
    try {
      await this.#work;
    } catch (cause) {
      for (const { table } of changed) tables.endWrite(table.ref, false);
      await this.#end(this.#onRollback.toReversed());
      throw new BigQueryError('invalidQuery', 'Transaction is aborted due to concurrent update.', {
        location: 'query',
        cause,
      });
    }
    db.transaction(() => {
      for (const { table } of changed) {
        // One that was dropped meanwhile was changed before it.
        if (tables.get(table.ref)?.physicalId === table.physicalId) tables.endWrite(table.ref, true);
      }
    });
    await this.#end(this.#onCommit);
  }

  async rollback(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#decision.resolve('rollback');
    await this.#work.catch(() => undefined);
    await this.#end(this.#onRollback.toReversed());
  }

  async #end(last: readonly (() => Promise<void>)[]): Promise<void> {
    try {
      for (const action of last) await action();
    } finally {
      for (const { unpin } of this.#changed.values()) unpin();
      for (const key of this.#held) this.#open.holders.delete(key);
      this.#open.open -= 1;
      this.#released.resolve();
    }
  }

  #undoWith(ref: TableRef, old: Table | undefined): void {
    const { tables } = this.#services;
    this.#onRollback.push(async () => {
      if (old === undefined) tables.delete(ref);
      else
        tables.put(
          {
            ref,
            kind: old.kind,
            properties: old.properties,
            expirationMs: old.expirationMs,
            ...(old.physicalId === undefined ? {} : { physicalId: old.physicalId }),
          },
          'replace',
        );
    });
  }

  /** DuckDB writes to one file in a transaction. */
  #requireOneProject(projectId: string): void {
    this.#written ??= projectId;
    if (this.#written !== projectId)
      throw new BigQueryError(
        'invalidQuery',
        `A transaction that changes tables of two projects (${this.#written}, ${projectId}) is not supported by the local BigQuery`,
        { location: 'query' },
      );
  }
}

function conflict(ref: TableRef, cause?: unknown): BigQueryError {
  return new BigQueryError(
    'invalidQuery',
    `Transaction is aborted due to concurrent update against table ${nameOf(ref)}. Please retry the transaction.`,
    { location: 'query', ...(cause === undefined ? {} : { cause }) },
  );
}
