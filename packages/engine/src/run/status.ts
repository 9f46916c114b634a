// What the warehouse's state says about a mapping. Reads only.
import { QUARANTINE } from '../plan/plan-sql.ts';
import { quoted } from '../plan/state-tables.ts';
import type { CallOptions, MappingName, MappingStatus, SourceConfig } from './api.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { systemClock } from './clock.ts';
import { hasStateDataset, openContext } from './context.ts';
import { holderText, isGone } from './holder.ts';
import { isPaused } from './respite.ts';
import { readLog } from './sync-log.ts';
import { watermarkOf } from './watermark.ts';

export async function status(config: SourceConfig, mapping: MappingName, options: CallOptions): Promise<MappingStatus> {
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const { signal } = options;
  const checkpoint = (await hasStateDataset(context, signal))
    ? await readCheckpoint(source, tables.checkpoints, signal)
    : undefined;
  if (checkpoint === undefined) {
    return { mapping: mapping.name, state: 'new', records: 0, rejects: { waiting: 0, quarantined: 0 }, history: [] };
  }
  const [records, rejects, log] = await Promise.all([
    source.rowCount(tables.records, signal),
    source.rowCount(tables.rejects, signal),
    source.rowCount(tables.log, signal),
  ]);
  const counted =
    rejects === undefined
      ? undefined
      : await source.query({
          step: 'status',
          sql: `SELECT COUNT(*) AS n, COUNTIF(attempts >= ${QUARANTINE.attempts} OR first_time < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${QUARANTINE.days} DAY)) AS quarantined FROM ${quoted(tables.rejects)}`,
          ...(signal === undefined ? {} : { signal }),
        });
  const quarantined = Number(counted?.rows[0]?.['quarantined'] ?? 0);
  const { phase, syncId, holder, leaseExpiresAt, paused, cancel } = checkpoint;
  const now = (options.clock ?? systemClock).now();
  const watermark = watermarkOf(checkpoint.watermark);
  return {
    mapping: mapping.name,
    state: stateOf(checkpoint),
    ...(syncId === undefined ? {} : { syncId }),
    ...(phase === 'blocked' || phase === 'new' ? {} : { phase }),
    ...(holder === undefined ? {} : { holder: holderText(holder) }),
    ...(leaseExpiresAt === undefined ? {} : { leaseExpiresAt }),
    ...(checkpoint.checkpoint === undefined ? {} : { checkpoint: checkpoint.checkpoint }),
    ...(paused === undefined || !isPaused(paused, now) ? {} : { paused }),
    ...(cancel === undefined || cancel !== syncId || holder === undefined ? {} : { cancelRequested: true }),
    ...(watermark === undefined ? {} : { watermark }),
    records: records ?? 0,
    rejects: { waiting: Number(counted?.rows[0]?.['n'] ?? 0) - quarantined, quarantined },
    history: log === undefined ? [] : await readLog(source, tables, mapping.id, signal),
  };
}

function stateOf(checkpoint: Checkpoint): MappingStatus['state'] {
  if (checkpoint.holder !== undefined && !checkpoint.leaseExpired && !isGone(checkpoint.holder)) return 'running';
  switch (checkpoint.phase) {
    case 'new':
      return 'new';
    case 'done':
      return 'idle';
    case 'blocked':
      return 'blocked';
    default:
      return 'interrupted';
  }
}
