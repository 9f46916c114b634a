// The one row of `checkpoints_<mapping>`: the last committed sync, the lease with its
// fencing number, the sync under way, and what people asked for (pause, cancel). The lease
// is in `lease.ts`; only pause and cancel are written by others than its holder.
import { AppError } from '@sluice/core';
import { literal, quoted } from '../plan/state-tables.ts';
import type { QueryParameter, QueryResult, Source, TableRef } from '../source/source.ts';
import type { Pause, Phase } from './api.ts';

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
  /** Of an incremental model: JSON text `{ key, at }`, see `watermark.ts`. */
  readonly watermark: string | undefined;
  readonly paused: Pause | undefined;
  /** Id of the sync that somebody asked to stop. */
  readonly cancel: string | undefined;
};

export const LEASE_STEP_TIMEOUT_MS = 120_000;

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
      sql: `SELECT fence, holder, lease_expires, IFNULL(lease_expires < CURRENT_TIMESTAMP(), TRUE) AS lease_expired, phase, sync_id, version, progress, checkpoint, sources, pending, watermark, paused, cancel
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
    watermark: text('watermark'),
    paused: pauseOf(text('paused')),
    cancel: text('cancel'),
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
  0 AS pending,
  CAST(NULL AS STRING) AS watermark,
  CAST(NULL AS STRING) AS paused,
  CAST(NULL AS STRING) AS cancel`,
    timeoutMs: LEASE_STEP_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What a step writes beside renewing the lease. */
export type CheckpointChange = {
  readonly phase?: StoredPhase;
  readonly syncId?: string;
  /** `model_id`: a mapping may have been paused before its first sync, or got another model since. */
  readonly modelId?: string;
  readonly version?: string;
  readonly progress?: string | null;
  readonly sources?: string | null;
  readonly pending?: number;
  /** ISO time of the plan that is now committed; null forgets it. */
  readonly checkpoint?: string | null;
  readonly watermark?: string | null;
  /** The pause that the mapping takes by itself, or null to end one; a pause that somebody asked for stays. */
  readonly respite?: Pause | null;
  /** Gives the lease back. */
  readonly release?: boolean;
};

const COLUMN_OF = {
  phase: 'phase',
  syncId: 'sync_id',
  modelId: 'model_id',
  version: 'version',
  progress: 'progress',
  sources: 'sources',
  watermark: 'watermark',
} as const;

/** The SET list of a change, each item after a comma, and its parameters. */
export function assignments(change: CheckpointChange): { sets: string; params: Record<string, QueryParameter> } {
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
  if (change.respite !== undefined) {
    sets.push(`paused = IF(paused IS NULL OR JSON_VALUE(paused, '$.until') IS NOT NULL, @respite, paused)`);
    params['respite'] = { type: 'STRING', value: change.respite === null ? null : JSON.stringify(change.respite) };
  }
  return { sets: sets.map((set) => `, ${set}`).join(''), params };
}

function pauseOf(text: string | undefined): Pause | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Pause);
}

/** Writes who paused the mapping, or that nobody does; needs no lease. False when there is no row. */
export async function writePause(
  source: Source,
  table: TableRef,
  pause: Pause | undefined,
  signal?: AbortSignal,
): Promise<boolean> {
  const answer = await source.query({
    step: pause === undefined ? 'resume' : 'pause',
    sql: `UPDATE ${quoted(table)} SET paused = @paused WHERE TRUE`,
    params: { paused: { type: 'STRING', value: pause === undefined ? null : JSON.stringify(pause) } },
    timeoutMs: LEASE_STEP_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  return answer.affectedRows === 1;
}

/** Asks the run that works on this sync to stop; false when none does any more. */
export async function requestCancel(
  source: Source,
  table: TableRef,
  syncId: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const answer = await source.query({
    step: 'cancel',
    sql: `UPDATE ${quoted(table)} SET cancel = @sync WHERE sync_id = @sync AND holder IS NOT NULL`,
    params: { sync: { type: 'STRING', value: syncId } },
    timeoutMs: LEASE_STEP_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  return answer.affectedRows === 1;
}
