// What people do to a mapping between and during its syncs: reset, retry of quarantined
// rows, pause and resume, cancel. All of it is written to the warehouse, so that it holds
// for whichever machine runs the next sync.
import { AppError } from '@sluice/core';
import { QUARANTINE } from '../plan/plan-sql.ts';
import { quoted } from '../plan/state-tables.ts';
import type { CallOptions, MappingName, SourceConfig } from './api.ts';
import { createCheckpoint, readCheckpoint, requestCancel, writePause } from './checkpoint.ts';
import type { Checkpoint, CheckpointChange } from './checkpoint.ts';
import { systemClock } from './clock.ts';
import { ensureStateDataset, hasStateDataset, openContext } from './context.ts';
import type { Context } from './context.ts';
import { Lease } from './lease.ts';

const LEASE_TTL_MS = 180_000;
const MAX_RETRIED_IDS = 10_000;

export type ResetOptions = CallOptions & {
  /** The mapping's name once more: a reset makes the next sync send every record again. */
  readonly confirm: string;
};

/** Forgets what was sent. Returns how many records the state held. The destination is not touched. */
export async function reset(
  config: SourceConfig,
  mapping: MappingName,
  options: ResetOptions,
): Promise<{ readonly records: number }> {
  if (options.confirm !== mapping.name) {
    throw new AppError(`A reset of mapping ${mapping.name} must be confirmed`, {
      code: 'RESET_UNCONFIRMED',
      kind: 'invalid',
      where: `mapping ${mapping.name}`,
      fix: `The next sync would send every record again, as added. If that is meant, confirm with the mapping's name: ${mapping.name}`,
    });
  }
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const seen = await stateOf(context, mapping, options.signal);
  const change = {
    phase: 'done',
    progress: null,
    sources: null,
    checkpoint: null,
    watermark: null,
    pending: 0,
  } as const;
  // The skip of unchanged tables is off from here on; a reset that is cut off is simply done again.
  await using _lease = await take(context, mapping, seen, change, options);
  const records = await source.rowCount(tables.records, options.signal);
  for (const table of [tables.records, tables.rejects]) {
    if ((await source.rowCount(table, options.signal)) === undefined) continue;
    await source.query({ step: 'reset', sql: `DELETE FROM ${quoted(table)} WHERE TRUE`, ...withSignal(options) });
  }
  return { records: records ?? 0 };
}

/** Lets quarantined records take part in the next sync again; of these ids, or all. Returns how many. */
export async function retryQuarantined(
  config: SourceConfig,
  mapping: MappingName,
  options: CallOptions & { readonly recordIds?: readonly string[] } = {},
): Promise<{ readonly records: number }> {
  const { recordIds } = options;
  if (recordIds !== undefined && recordIds.length > MAX_RETRIED_IDS) {
    throw new AppError(`${recordIds.length} records are named; at most ${MAX_RETRIED_IDS} can be`, {
      code: 'RETRY_LIMIT',
      kind: 'invalid',
      where: `mapping ${mapping.name}`,
      fix: 'Name fewer records, or none for all of them.',
    });
  }
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const seen = await stateOf(context, mapping, options.signal);
  if ((await source.rowCount(tables.rejects, options.signal)) === undefined) return { records: 0 };
  await using _lease = await take(context, mapping, seen, { sources: null }, options);
  const chosen = recordIds === undefined ? '' : ' AND record_id IN UNNEST(JSON_VALUE_ARRAY(@ids))';
  const answer = await source.query({
    step: 'retry',
    sql: `DELETE FROM ${quoted(tables.rejects)}
WHERE (attempts >= ${QUARANTINE.attempts} OR first_time < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${QUARANTINE.days} DAY))${chosen}`,
    ...(recordIds === undefined ? {} : { params: { ids: { type: 'STRING', value: JSON.stringify(recordIds) } } }),
    ...withSignal(options),
  });
  return { records: answer.affectedRows };
}

/** Syncs are skipped from now on. One that is running goes on to its end; cancel it to stop it. */
export async function pause(
  config: SourceConfig,
  mapping: MappingName & { readonly model?: { readonly name: string } },
  options: CallOptions & { readonly by: string; readonly reason?: string },
): Promise<void> {
  const context = openContext(config, mapping);
  const { source, tables } = context;
  await ensureStateDataset(context, config, options.signal);
  // A mapping may be paused before its first sync.
  await createCheckpoint(source, tables.checkpoints, config.name, mapping.model?.name ?? '', options.signal);
  const at = new Date((options.clock ?? systemClock).now()).toISOString();
  const { by, reason } = options;
  await writePause(source, tables.checkpoints, { at, by, ...(reason === undefined ? {} : { reason }) }, options.signal);
}

/** Takes the pause back; false when the mapping was not paused. */
export async function resume(config: SourceConfig, mapping: MappingName, options: CallOptions = {}): Promise<boolean> {
  const context = openContext(config, mapping);
  const seen = await stateOf(context, mapping, options.signal);
  if (seen.paused === undefined) return false;
  await writePause(context.source, context.tables.checkpoints, undefined, options.signal);
  return true;
}

/**
 * Asks the running sync, on whatever machine, to stop. It sees that when it next renews its
 * lease (every minute), ends its requests and commits what was delivered. Returns the sync's
 * id; undefined when none is running.
 */
export async function cancel(
  config: SourceConfig,
  mapping: MappingName,
  options: CallOptions = {},
): Promise<string | undefined> {
  const context = openContext(config, mapping);
  const seen = await stateOf(context, mapping, options.signal);
  if (seen.holder === undefined || seen.leaseExpired || seen.syncId === undefined) return undefined;
  const asked = await requestCancel(context.source, context.tables.checkpoints, seen.syncId, options.signal);
  return asked ? seen.syncId : undefined;
}

async function stateOf(context: Context, mapping: MappingName, signal: AbortSignal | undefined): Promise<Checkpoint> {
  const seen = (await hasStateDataset(context, signal))
    ? await readCheckpoint(context.source, context.tables.checkpoints, signal)
    : undefined;
  if (seen !== undefined) return seen;
  throw new AppError(`Mapping ${mapping.name} has never been synced`, {
    code: 'NEVER_SYNCED',
    kind: 'not_found',
    where: `mapping ${mapping.name}`,
    fix: `Nothing needs to be done; the first sync is: sluice sync ${mapping.name}`,
  });
}

function take(
  { source, tables }: Context,
  mapping: MappingName,
  seen: Checkpoint,
  change: CheckpointChange,
  options: CallOptions,
): Promise<Lease> {
  const table = tables.checkpoints;
  return Lease.acquire({
    source,
    table,
    seen,
    change,
    ttlMs: LEASE_TTL_MS,
    mapping: mapping.name,
    ...withSignal(options),
  });
}

function withSignal({ signal }: CallOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
