// The one row of `checkpoints_<mapping>`: the last committed sync, the lease with its
// fencing number, and the sync under way. Every change is one compare-and-set UPDATE:
// exactly one row must be affected, or the lease is lost.
//
//   free ──acquire──► planning ──► delivering ──► committing ──► done (free)
//                        └──► blocked (free)          a sync that died is taken over
import { AppError } from '@sluice/core';
import { literal, quoted } from '../plan/state-tables.ts';
import type { QueryParameter, QueryResult, Source, TableRef } from '../source/source.ts';
import type { Phase } from './api.ts';
import { holderText, isGone, newHolder } from './holder.ts';

export type StoredPhase = Exclude<Phase, 'preparing'> | 'blocked' | 'new';

export type Checkpoint = {
  readonly fence: number;
  readonly holder: string | undefined;
  readonly leaseExpiresAt: string | undefined;
  readonly leaseExpired: boolean;
  readonly phase: StoredPhase;
  readonly syncId: string | undefined;
  /** Version of the mapping that the sync under way was planned with. */
  readonly version: string | undefined;
  /** JSON text of the sync under way (figures of its plan); the run's own affair. */
  readonly progress: string | undefined;
  /** ISO time of the last committed plan. */
  readonly checkpoint: string | undefined;
  /** What the last committed sync depended on; equal text and unchanged tables mean no change. */
  readonly sources: string | undefined;
  /** Changes that the last committed sync did not deliver. */
  readonly pending: number;
};

const LEASE_STEP_TIMEOUT_MS = 120_000;

/** The row, or undefined before the first sync. */
export async function readCheckpoint(
  source: Source,
  table: TableRef,
  signal?: AbortSignal,
): Promise<Checkpoint | undefined> {
  let answer: QueryResult;
  try {
    answer = await source.query({
      step: 'checkpoint',
      sql: `SELECT fence, holder, lease_expires, IFNULL(lease_expires < CURRENT_TIMESTAMP(), TRUE) AS lease_expired, phase, sync_id, version, progress, checkpoint, sources, pending
FROM ${quoted(table)}`,
      timeoutMs: LEASE_STEP_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.kind === 'not_found') return undefined;
    throw thrown;
  }
  const row = answer.rows[0];
  if (row === undefined || answer.rows.length > 1) {
    throw new AppError(`The checkpoint table must hold one row, but holds ${answer.rows.length}`, {
      code: 'STATE_DAMAGED',
      kind: 'internal',
      origin: 'source',
      where: `table ${table.projectId}.${table.datasetId}.${table.tableId}`,
      fix: 'Somebody changed the state dataset. Restore the table from a snapshot, or drop the tables of this mapping: the next sync then sends every record again.',
    });
  }
  const text = (name: string): string | undefined => (typeof row[name] === 'string' ? row[name] : undefined);
  return {
    fence: Number(row['fence']),
    holder: text('holder'),
    leaseExpiresAt: text('lease_expires'),
    leaseExpired: row['lease_expired'] === true,
    phase: (text('phase') ?? 'new') as StoredPhase,
    syncId: text('sync_id'),
    version: text('version'),
    progress: text('progress'),
    checkpoint: text('checkpoint'),
    sources: text('sources'),
    pending: Number(row['pending'] ?? 0),
  };
}

/** Creates the table with its one row, unless it exists; one atomic statement. */
export async function createCheckpoint(
  source: Source,
  table: TableRef,
  sourceId: string,
  modelId: string,
  signal?: AbortSignal,
): Promise<void> {
  await source.query({
    step: 'create_checkpoint',
    sql: `CREATE TABLE IF NOT EXISTS ${quoted(table)} AS
SELECT
  ${literal(sourceId)} AS source_id,
  ${literal(modelId)} AS model_id,
  CAST(NULL AS TIMESTAMP) AS checkpoint,
  0 AS fence,
  CAST(NULL AS STRING) AS holder,
  CAST(NULL AS TIMESTAMP) AS lease_expires,
  'new' AS phase,
  CAST(NULL AS STRING) AS sync_id,
  CAST(NULL AS STRING) AS version,
  CAST(NULL AS STRING) AS progress,
  CAST(NULL AS STRING) AS sources,
  0 AS pending`,
    timeoutMs: LEASE_STEP_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What a step writes beside renewing the lease. */
export type CheckpointChange = {
  readonly phase?: StoredPhase;
  readonly syncId?: string;
  readonly version?: string;
  readonly progress?: string | null;
  readonly sources?: string | null;
  readonly pending?: number;
  /** ISO time of the plan that is now committed. */
  readonly checkpoint?: string;
  /** Gives the lease back. */
  readonly release?: boolean;
};

const COLUMN_OF = {
  phase: 'phase',
  syncId: 'sync_id',
  version: 'version',
  progress: 'progress',
  sources: 'sources',
} as const;

/** A held lease. `lost` aborts when another run has taken over, or it could not be renewed in time. */
export class Lease implements AsyncDisposable {
  readonly fence: number;
  readonly holder: string;
  readonly #source: Source;
  readonly #table: TableRef;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #released = false;

  private constructor(
    source: Source,
    table: TableRef,
    ttlMs: number,
    fence: number,
    holder: string,
    renewedAt: number,
  ) {
    this.#source = source;
    this.#table = table;
    this.#ttlMs = ttlMs;
    this.fence = fence;
    this.holder = holder;
    this.#renewedAt = renewedAt;
    this.#schedule();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Takes the lease that `seen` shows as free, expired or orphaned; throws `SYNC_RUNNING` otherwise. */
  static async acquire(input: {
    readonly source: Source;
    readonly table: TableRef;
    readonly seen: Checkpoint;
    readonly change: CheckpointChange;
    readonly ttlMs: number;
    readonly mapping: string;
    readonly signal?: AbortSignal;
  }): Promise<Lease> {
    const { source, table, seen, ttlMs } = input;
    const orphan = seen.holder !== undefined && isGone(seen.holder) ? seen.holder : null;
    const running = (): AppError =>
      new AppError(
        `Another run of mapping ${input.mapping} is under way (${seen.holder === undefined ? 'started just now' : holderText(seen.holder)})`,
        {
          code: 'SYNC_RUNNING',
          kind: 'conflict',
          where: `mapping ${input.mapping}`,
          fix:
            seen.leaseExpiresAt === undefined
              ? 'Wait until it has ended.'
              : `Wait until it has ended. If that machine is gone, its lease expires at ${seen.leaseExpiresAt}; then this command goes on with its sync.`,
        },
      );
    if (seen.holder !== undefined && !seen.leaseExpired && orphan === null) throw running();
    const holder = newHolder();
    const renewedAt = Date.now();
    const { sets, params } = assignments({ ...input.change, release: false });
    const answer = await source.query({
      step: 'acquire',
      sql: `UPDATE ${quoted(table)}
SET fence = fence + 1, holder = @holder, lease_expires = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @ttl MILLISECOND)${sets}
WHERE fence = @fence AND (holder IS NULL OR lease_expires < CURRENT_TIMESTAMP() OR holder = @orphan)`,
      params: {
        ...params,
        holder: { type: 'STRING', value: holder },
        ttl: { type: 'INT64', value: ttlMs },
        fence: { type: 'INT64', value: seen.fence },
        orphan: { type: 'STRING', value: orphan },
      },
      timeoutMs: LEASE_STEP_TIMEOUT_MS,
      ...(input.signal === undefined ? {} : { signal: input.signal }),
    });
    if (answer.affectedRows !== 1) throw running();
    return new Lease(source, table, ttlMs, seen.fence + 1, holder, renewedAt);
  }

  /** Writes a step and renews the lease. Throws `LEASE_LOST`. */
  async update(change: CheckpointChange): Promise<void> {
    await this.#renewing;
    const renewedAt = Date.now();
    const { sets, params } = assignments(change);
    const lease =
      change.release === true
        ? 'holder = NULL, lease_expires = NULL'
        : 'lease_expires = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @ttl MILLISECOND)';
    const answer = await this.#source.query({
      step: change.phase ?? (change.release === true ? 'release' : 'renew'),
      sql: `UPDATE ${quoted(this.#table)}\nSET ${lease}${sets}\nWHERE fence = @fence AND holder = @holder`,
      params: {
        ...params,
        ...(change.release === true ? {} : { ttl: { type: 'INT64', value: this.#ttlMs } }),
        fence: { type: 'INT64', value: this.fence },
        holder: { type: 'STRING', value: this.holder },
      },
      timeoutMs: LEASE_STEP_TIMEOUT_MS,
    });
    if (answer.affectedRows !== 1) {
      const error = leaseLost();
      this.#end(error);
      throw error;
    }
    this.#renewedAt = renewedAt;
    if (change.release === true) this.#end();
  }

  /** SQL for the FROM clause of a commit: one row while this lease is held, none afterwards. */
  fenceSql(): string {
    return `(SELECT 1 AS held FROM ${quoted(this.#table)} WHERE fence = ${this.fence} AND holder = ${literal(this.holder)})`;
  }

  /** Gives the lease back, as well as it can; the phase stays, so that the sync can be resumed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewing;
    if (this.#released || this.#lost.signal.aborted) return this.#end();
    try {
      await this.update({ release: true });
    } catch {
      // The lease runs out by itself.
      this.#end();
    }
  }

  #end(lost?: AppError): void {
    clearTimeout(this.#timer);
    this.#released = true;
    if (lost !== undefined) this.#lost.abort(lost);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#renewing = this.#renew().finally(() => {
        this.#renewing = undefined;
        if (!this.#released) this.#schedule();
      });
    }, this.#ttlMs / 3);
    // The heartbeat must not keep a process alive by itself.
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const renewedAt = Date.now();
    try {
      const answer = await this.#source.query({
        step: 'renew',
        sql: `UPDATE ${quoted(this.#table)} SET lease_expires = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @ttl MILLISECOND) WHERE fence = @fence AND holder = @holder`,
        params: {
          ttl: { type: 'INT64', value: this.#ttlMs },
          fence: { type: 'INT64', value: this.fence },
          holder: { type: 'STRING', value: this.holder },
        },
        timeoutMs: LEASE_STEP_TIMEOUT_MS,
      });
      if (answer.affectedRows === 1) this.#renewedAt = renewedAt;
      else this.#end(leaseLost());
    } catch {
      // Not renewed, but still held until it expires: then nobody may go on with it.
      if (Date.now() - this.#renewedAt > this.#ttlMs * 0.9) this.#end(leaseLost());
    }
  }
}

function assignments(change: CheckpointChange): { sets: string; params: Record<string, QueryParameter> } {
  const sets: string[] = [];
  const params: Record<string, QueryParameter> = {};
  for (const [property, column] of Object.entries(COLUMN_OF)) {
    const value = change[property as keyof typeof COLUMN_OF];
    if (value === undefined) continue;
    sets.push(`${column} = @${column}`);
    params[column] = { type: 'STRING', value };
  }
  if (change.pending !== undefined) {
    sets.push('pending = @pending');
    params['pending'] = { type: 'INT64', value: change.pending };
  }
  if (change.checkpoint !== undefined) {
    sets.push('checkpoint = CAST(@checkpoint AS TIMESTAMP)');
    params['checkpoint'] = { type: 'STRING', value: change.checkpoint };
  }
  return { sets: sets.map((set) => `, ${set}`).join(''), params };
}

function leaseLost(): AppError {
  return new AppError('Another run has taken over this mapping; this one stops', {
    code: 'LEASE_LOST',
    kind: 'conflict',
    origin: 'platform',
    fix: 'Nothing is lost: the other run goes on with the same sync.',
  });
}
