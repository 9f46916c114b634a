// The read sessions of the server: kept in memory, each for 6 hours, and no more than
// `MAX_SESSIONS` at once. A stream is a range of rows of the session's snapshot.
import { randomBytes } from 'node:crypto';
import { BigQueryError } from '../bigquery-error.ts';
import type { TableReference } from '../catalog/datasets.ts';
import type { Snapshot } from '../storage/snapshots.ts';
import type { ArrowCompression } from './arrow/record-batch.ts';
import type { ReadColumn } from './read-column.ts';

/** Google's: "Read sessions automatically expire 6 hours after they are created". */
const LIFETIME_MS = 6 * 60 * 60 * 1000;
const MAX_SESSIONS = 1_000;
/** A session that nobody reads for this long makes room when there are too many. */
const IDLE_MS = 10 * 60 * 1000;
const MAX_REMEMBERED = 10_000;
const SWEEP_MS = 60_000;
/** Splitting a stream again and again must end. */
const MAX_STREAMS = 10_000;

export type RowRange = { readonly from: number; readonly to: number };

export type ReadSession = {
  readonly name: string;
  /** The project that was named as the parent: what permissions are asked for on. */
  readonly projectId: string;
  readonly table: TableReference;
  readonly snapshot: Snapshot;
  readonly columns: readonly ReadColumn[];
  readonly format: 'AVRO' | 'ARROW';
  readonly compression: ArrowCompression | undefined;
  readonly schema: Uint8Array;
  /** Rows that are read from DuckDB at once. */
  readonly rowsPerRead: number;
  readonly streams: Map<string, RowRange>;
  readonly expiresMs: number;
  usedMs: number;
  readers: number;
};

export class ReadSessions implements Disposable {
  readonly #clock: () => number;
  readonly #sessions = new Map<string, ReadSession>();
  /** When sessions ended that are no longer kept. */
  readonly #expired = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  /** Throws `quotaExceeded` when there are too many, all in use. */
  makeRoom(): void {
    this.#sweep();
    if (this.#sessions.size < MAX_SESSIONS) return;
    const idleSince = this.#clock() - IDLE_MS;
    const [oldest] = [...this.#sessions.values()]
      .filter(({ readers, usedMs }) => readers === 0 && usedMs < idleSince)
      .toSorted((a, b) => a.usedMs - b.usedMs);
    if (oldest === undefined)
      throw new BigQueryError(
        'quotaExceeded',
        `request failed: the local BigQuery keeps at most ${MAX_SESSIONS} read sessions, and all of them are in use.`,
      );
    this.#end(oldest);
  }

  create(
    session: Omit<ReadSession, 'name' | 'streams' | 'expiresMs' | 'usedMs' | 'readers'>,
    location: string,
    ranges: readonly RowRange[],
  ): ReadSession {
    const now = this.#clock();
    const name = `projects/${session.projectId}/locations/${location.toLowerCase()}/sessions/${newId()}`;
    const created: ReadSession = {
      ...session,
      name,
      streams: new Map(ranges.map((range) => [`${name}/streams/${newId()}`, range])),
      expiresMs: now + LIFETIME_MS,
      usedMs: now,
      readers: 0,
    };
    this.#sessions.set(name, created);
    return created;
  }

  /** The session of a stream and its rows. Throws when there is none, or no longer. */
  find(stream: string): { readonly session: ReadSession; readonly range: RowRange } {
    const name = stream.slice(0, stream.indexOf('/streams/'));
    const session = this.#sessions.get(name);
    if (session !== undefined && session.expiresMs <= this.#clock()) this.#end(session);
    const ended = this.#expired.get(name);
    if (ended !== undefined)
      throw new BigQueryError(
        'conditionNotMet',
        operatingOn(stream, `session expired at ${new Date(ended).toISOString()}`),
      );
    const range = session?.streams.get(stream);
    if (session === undefined || range === undefined)
      throw new BigQueryError('notFound', operatingOn(stream, 'it does not exist'));
    session.usedMs = this.#clock();
    return { session, range };
  }

  /** Both parts as streams of their own; undefined when there are too many to split again. */
  split(session: ReadSession, at: number, range: RowRange): readonly [string, string] | undefined {
    if (session.streams.size + 2 > MAX_STREAMS) return undefined;
    const names = [`${session.name}/streams/${newId()}`, `${session.name}/streams/${newId()}`] as const;
    session.streams.set(names[0], { from: range.from, to: at });
    session.streams.set(names[1], { from: at, to: range.to });
    return names;
  }

  #sweep(): void {
    const now = this.#clock();
    for (const session of this.#sessions.values()) if (session.expiresMs <= now) this.#end(session);
  }

  #end(session: ReadSession): void {
    this.#sessions.delete(session.name);
    this.#expired.set(session.name, Math.min(session.expiresMs, this.#clock()));
    const [first] = this.#expired.keys();
    if (this.#expired.size > MAX_REMEMBERED && first !== undefined) this.#expired.delete(first);
    session.snapshot.release();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const session of this.#sessions.values()) this.#end(session);
  }
}

export function operatingOn(stream: string, what: string): string {
  return `there was an error operating on '${stream}': ${what}`;
}

function newId(): string {
  return randomBytes(18).toString('base64url');
}
