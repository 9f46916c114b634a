// The lease of a mapping, held in its row of `checkpoints_<mapping>`. Every change is one
// compare-and-set UPDATE on the fencing number: exactly one row must be affected, or the
// lease is lost.
//
//   free ──acquire──► planning ──► delivering ──► committing ──► done (free)
//                        └──► blocked (free)          a sync that died is taken over
import { AppError } from '@sluice/core';
import { literal, quoted } from '../plan/state-tables.ts';
import type { Source, TableRef } from '../source/source.ts';
import { LEASE_STEP_TIMEOUT_MS, assignments, readCheckpoint } from './checkpoint.ts';
import type { Checkpoint, CheckpointChange } from './checkpoint.ts';
import { holdHere, holderText, isGone, letGoHere, newHolder } from './holder.ts';

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
  readonly #cancelAsked = new AbortController();

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

  /** Aborts when somebody, on whatever machine, has asked this sync to stop. */
  get cancelAsked(): AbortSignal {
    return this.#cancelAsked.signal;
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
    // Known as ours before the statement, so that no other sync of this process takes it for a leftover.
    holdHere(holder);
    const answer = await source
      .query({
        step: 'acquire',
        sql: `UPDATE ${quoted(table)}
SET fence = fence + 1, holder = @holder, lease_expires = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @ttl MILLISECOND), cancel = NULL${sets}
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
      })
      .catch((thrown: unknown): never => {
        letGoHere(holder);
        throw thrown;
      });
    if (answer.affectedRows !== 1) {
      letGoHere(holder);
      throw running();
    }
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
    letGoHere(this.holder);
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
    const watches = !this.#cancelAsked.signal.aborted;
    try {
      const answer = await this.#source.query({
        step: 'renew',
        // A renewal that a cancel stops finds out about it at no further cost.
        sql: `UPDATE ${quoted(this.#table)} SET lease_expires = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @ttl MILLISECOND) WHERE fence = @fence AND holder = @holder${watches ? ' AND (cancel IS NULL OR cancel <> sync_id)' : ''}`,
        params: {
          ttl: { type: 'INT64', value: this.#ttlMs },
          fence: { type: 'INT64', value: this.fence },
          holder: { type: 'STRING', value: this.holder },
        },
        timeoutMs: LEASE_STEP_TIMEOUT_MS,
      });
      if (answer.affectedRows === 1) this.#renewedAt = renewedAt;
      else if (watches && (await this.#isCanceled())) {
        this.#cancelAsked.abort(
          new AppError('Somebody asked this sync to stop', { code: 'CANCELED', kind: 'conflict' }),
        );
        await this.#renew();
      } else this.#end(leaseLost());
    } catch {
      // Not renewed, but still held until it expires: then nobody may go on with it.
      if (Date.now() - this.#renewedAt > this.#ttlMs * 0.9) this.#end(leaseLost());
    }
  }

  async #isCanceled(): Promise<boolean> {
    const row = await readCheckpoint(this.#source, this.#table);
    return row?.fence === this.fence && row.holder === this.holder && row.cancel === row.syncId;
  }
}

function leaseLost(): AppError {
  return new AppError('Another run has taken over this mapping; this one stops', {
    code: 'LEASE_LOST',
    kind: 'conflict',
    origin: 'platform',
    fix: 'Nothing is lost: the other run goes on with the same sync.',
  });
}
