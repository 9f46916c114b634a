// Rows that stay as they are while read sessions read them. A snapshot costs nothing as
// long as nobody changes its table: it reads the stored table itself, pinned. Before rows
// change in place they are copied once for it ("copy on write"); what is filtered, sampled
// or has gaps is copied at once. DuckDB's own read transactions would hold a connection
// per session and keep the file from being compacted for hours.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { BigQueryError } from '../bigquery-error.ts';
import { Tables } from '../catalog/tables.ts';
import type { DuckDb } from './duckdb.ts';
import { PhysicalTables } from './physical-tables.ts';

const COPY_TIMEOUT_MS = 30 * 60_000;
const READ_TIMEOUT_MS = 120_000;

export type SnapshotRequest = {
  readonly projectId: string;
  /** The stored table. Its name in SQL is `t`. */
  readonly physicalId: string;
  /** SQL of the columns; their names do not matter. */
  readonly columns: readonly string[];
  /** SQL that gives the rows in place of the whole stored table: made a copy of at once. */
  readonly rowsSql?: string;
  /** Its row ids cannot be asked for: copied at once. */
  readonly alwaysCopy?: boolean;
  readonly signal: AbortSignal;
};

type Place = {
  readonly physicalId: string;
  readonly select: string;
  release(): void;
};

export class Snapshot {
  readonly #duckdb: DuckDb;
  readonly projectId: string;
  readonly rows: number;
  readonly width: number;
  #place: Place;
  #users = 1;
  #reading = 0;
  #moving: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #lost = false;
  readonly #ended: () => void;

  constructor(
    duckdb: DuckDb,
    made: { projectId: string; rows: number; width: number; place: Place },
    ended: () => void,
  ) {
    this.#duckdb = duckdb;
    this.projectId = made.projectId;
    this.rows = made.rows;
    this.width = made.width;
    this.#place = made.place;
    this.#ended = ended;
  }

  use(): this {
    this.#users++;
    return this;
  }

  /** Call once for each user. */
  release(): void {
    if (--this.#users > 0) return;
    this.#ended();
    void this.#whenIdle().then(() => this.#place.release());
  }

  /** Rows `from` to `to`, not included, in their order. The same call gives the same rows. */
  async read(from: number, to: number, signal: AbortSignal): Promise<readonly DuckDBDataChunk[]> {
    while (this.#moving !== undefined) await this.#moving;
    if (this.#lost)
      throw new BigQueryError('backendError', 'The rows of this session could not be kept when their table changed.');
    this.#reading++;
    try {
      const { physicalId, select } = this.#place;
      const sql = `SELECT ${select} FROM ${PhysicalTables.nameOf(this.projectId, physicalId)} AS t WHERE t.rowid >= ${from} AND t.rowid < ${to}`;
      return await this.#duckdb.use({ signal, timeoutMs: READ_TIMEOUT_MS }, async (session) => {
        const chunks: DuckDBDataChunk[] = [];
        let rows = 0;
        for await (const chunk of session.chunks(sql)) {
          chunks.push(chunk);
          rows += chunk.rowCount;
        }
        if (rows !== to - from) throw new BigQueryError('internalError', `${rows} rows of ${to - from} were read.`);
        return chunks;
      });
    } finally {
      this.#reading--;
      if (this.#reading === 0) this.#idle?.();
    }
  }

  async #whenIdle(): Promise<void> {
    if (this.#reading > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#idle = undefined;
  }

  /** Copies the rows out of the stored table. When that fails the snapshot is lost, never wrong. */
  async move(copy: (select: string) => Promise<Place>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#moving = promise;
    try {
      await this.#whenIdle();
      const old = this.#place;
      this.#place = await copy(old.select);
      old.release();
    } catch {
      this.#lost = true;
    } finally {
      this.#moving = undefined;
      resolve();
    }
  }
}

export class Snapshots {
  readonly #duckdb: DuckDb;
  readonly #physical: PhysicalTables;
  /** Snapshots that read a stored table itself, by table and by what they select. */
  readonly #direct = new Map<string, Map<string, Snapshot>>();
  /** Stored tables whose rows are being changed now, and by how many. */
  readonly #changing = new Map<string, number>();

  constructor(duckdb: DuckDb, physical: PhysicalTables) {
    this.#duckdb = duckdb;
    this.#physical = physical;
  }

  /** Release it when it is no longer read. The caller has the stored table pinned until then. */
  async take(request: SnapshotRequest): Promise<Snapshot> {
    const { projectId, physicalId } = request;
    await this.#duckdb.attach(projectId);
    const select = request.columns.join(', ');
    if (request.rowsSql === undefined && request.alwaysCopy !== true && !this.#changing.has(physicalId)) {
      const known = this.#direct.get(physicalId)?.get(select);
      if (known !== undefined) return known.use();
      const rows = await this.#rowsWithoutGaps(request);
      // While they were counted, somebody else may have taken it, or begun to change it.
      const other = this.#direct.get(physicalId)?.get(select);
      if (other !== undefined) return other.use();
      if (rows !== undefined && !this.#changing.has(physicalId)) return this.#takeDirect(request, select, rows);
    }
    const copy = await this.#copy(request, request.rowsSql ?? this.#wholeTable(request, select));
    return new Snapshot(this.#duckdb, { projectId, width: request.columns.length, ...copy }, () => undefined);
  }

  #takeDirect(request: SnapshotRequest, select: string, rows: number): Snapshot {
    const { projectId, physicalId } = request;
    const place = { physicalId, select, release: this.#physical.pin(physicalId) };
    const snapshot = new Snapshot(this.#duckdb, { projectId, width: request.columns.length, rows, place }, () =>
      this.#forget(physicalId, select, snapshot),
    );
    const bySelect = this.#direct.get(physicalId) ?? new Map<string, Snapshot>();
    this.#direct.set(physicalId, bySelect.set(select, snapshot));
    return snapshot;
  }

  #forget(physicalId: string, select: string, snapshot: Snapshot): void {
    const bySelect = this.#direct.get(physicalId);
    if (bySelect?.get(select) !== snapshot) return;
    bySelect.delete(select);
    if (bySelect.size === 0) this.#direct.delete(physicalId);
  }

  /**
   * Must be called, and waited for, before rows of a stored table change in place; dispose
   * what it gives after the change is committed or undone.
   */
  async beforeChange(projectId: string, physicalId: string): Promise<Disposable> {
    this.#changing.set(physicalId, (this.#changing.get(physicalId) ?? 0) + 1);
    const done = {
      [Symbol.dispose]: (): void => {
        const left = (this.#changing.get(physicalId) ?? 1) - 1;
        if (left === 0) this.#changing.delete(physicalId);
        else this.#changing.set(physicalId, left);
      },
    };
    const snapshots = [...(this.#direct.get(physicalId)?.values() ?? [])];
    this.#direct.delete(physicalId);
    for (const snapshot of snapshots) {
      await snapshot.move(async (select) => {
        const request = { projectId, physicalId, columns: Array<string>(snapshot.width).fill('') };
        const signal = AbortSignal.timeout(COPY_TIMEOUT_MS);
        return (await this.#copy({ ...request, signal }, this.#wholeTable(request, select))).place;
      });
    }
    return done;
  }

  #wholeTable({ projectId, physicalId }: Pick<SnapshotRequest, 'projectId' | 'physicalId'>, select: string): string {
    return `SELECT ${select} FROM ${PhysicalTables.nameOf(projectId, physicalId)} AS t`;
  }

  async #rowsWithoutGaps({ projectId, physicalId, signal }: SnapshotRequest): Promise<number | undefined> {
    const name = PhysicalTables.nameOf(projectId, physicalId);
    const [row] = await this.#duckdb.use({ signal, timeoutMs: READ_TIMEOUT_MS }, (session) =>
      session.rows(`SELECT count(*), CAST(coalesce(max(rowid), -1) AS BIGINT) FROM ${name}`),
    );
    const rows = Number(row![0]);
    return Number(row![1]) + 1 === rows ? rows : undefined;
  }

  /** A table of its own, in the project's file; one that a dead server left is dropped at the next start. */
  async #copy(
    request: Pick<SnapshotRequest, 'projectId' | 'columns' | 'signal'>,
    rowsSql: string,
  ): Promise<{ readonly place: Place; readonly rows: number }> {
    const { projectId, columns, signal } = request;
    const physicalId = Tables.newPhysicalId();
    const names = columns.map((_, i) => `c${i}`);
    const name = PhysicalTables.nameOf(projectId, physicalId);
    try {
      const [row] = await this.#duckdb.use({ signal, timeoutMs: COPY_TIMEOUT_MS }, (session) =>
        session.rows(
          `CREATE TABLE ${name} AS SELECT ${names.join(', ')} FROM (${rowsSql}) AS kept(${names.join(', ')})`,
        ),
      );
      const release = (): void => void this.#physical.drop(projectId, physicalId);
      return {
        place: { physicalId, select: names.map((column) => `t.${column}`).join(', '), release },
        rows: Number(row?.[0] ?? 0),
      };
    } catch (error) {
      await this.#physical.drop(projectId, physicalId);
      throw error;
    }
  }
}
