// `sync_log`: the customer's own record in the warehouse, one row per sync and, where the
// mapping asks for it, one per rejected row. Samples of what was sent are left out.
import { LOG, quoted } from '../plan/state-tables.ts';
import type { StateTables } from '../plan/state-tables.ts';
import { sumOutcomes } from '../report/report.ts';
import type { QueryParameter, Source } from '../source/source.ts';
import type { EndState, MappingStatus, SyncKind, SyncReport } from './api.ts';
import { outcomeRows } from './commit.ts';
import type { Run } from './run.ts';

/** Appends the row. The job's key names the sync and its state: a repeated call writes nothing. */
export async function writeLog(
  { context: { source, tables }, mapping, version }: Pick<Run, 'context' | 'mapping' | 'version'>,
  report: SyncReport,
): Promise<void> {
  await source.createTable(tables.log, LOG);
  const sums = sumOutcomes(report.outcomes);
  const { kind, outcomes, invalid, guards, phases, error, message, bytesProcessed, bytesEstimated, resumed } = report;
  const reasons = report.reasons.map(({ samples: _samples, ...reason }) => reason);
  const { maybeDelivered, incremental, capped } = report;
  const details = {
    kind,
    version,
    outcomes,
    reasons,
    invalid,
    guards,
    phases,
    error,
    message,
    bytesProcessed,
    bytesEstimated,
    maybeDelivered,
    incremental,
    capped,
    resumed,
  };
  const texts = {
    sync_id: report.syncId,
    mapping_id: mapping.id,
    mapping: report.mapping,
    model: report.model,
    destination: report.destination,
    state: report.state,
    started_at: report.startedAt,
    finished_at: report.finishedAt,
    report: JSON.stringify(details),
  };
  const numbers = {
    added: report.plan.added,
    updated: report.plan.updated,
    deleted: report.plan.deleted,
    delivered: sums.delivered,
    rejected: sums.rejected,
    deferred: sums.deferred,
    invalid: report.plan.invalid,
  };
  const params: Record<string, QueryParameter> = {};
  for (const [name, value] of Object.entries(texts)) params[name] = { type: 'STRING', value };
  for (const [name, value] of Object.entries(numbers)) params[name] = { type: 'INT64', value };
  const value = (name: string): string => (name.endsWith('_at') ? `CAST(@${name} AS TIMESTAMP)` : `@${name}`);
  const names = LOG.columns.map((column) => column.name).filter((name) => name in params);
  await source.query({
    step: 'log',
    jobKey: `${mapping.id}_${report.syncId}_log_${report.state}_${report.finishedAt}`,
    sql: `INSERT INTO ${quoted(tables.log)} (${names.join(', ')})\nVALUES (${names.map(value).join(', ')})`,
    params,
  });
}

/** Appends one row per rejected change of the sync, with what the destination said. */
export async function writeRejectedRows(
  { context: { source, tables }, mapping, syncId }: Pick<Run, 'context' | 'mapping' | 'syncId'>,
  startedAt: string,
): Promise<void> {
  await source.createTable(tables.log, LOG);
  await source.query({
    step: 'log_rows',
    jobKey: `${mapping.id}_${syncId}_log_rows`,
    sql: `INSERT INTO ${quoted(tables.log)} (sync_id, mapping_id, mapping, model, destination, state, started_at, finished_at, record_id, operation, code, message)
SELECT @sync, @id, @mapping, @model, @destination, 'rejected', CAST(@started AS TIMESTAMP), CURRENT_TIMESTAMP(), p.record_id, p.operation, d.code, d.message
FROM ${quoted(tables.plan(syncId))} AS p
JOIN ${outcomeRows(tables, syncId)} AS d
ON p.ordinal = d.ordinal
WHERE d.outcome = 'rejected'`,
    params: {
      sync: { type: 'STRING', value: syncId },
      id: { type: 'STRING', value: mapping.id },
      mapping: { type: 'STRING', value: mapping.name },
      model: { type: 'STRING', value: mapping.model.name },
      destination: { type: 'STRING', value: mapping.destination.name },
      started: { type: 'STRING', value: startedAt },
    },
  });
}

/** Version of the mapping with which a sync was planned; undefined when the log does not know the sync. */
export async function versionOfSync(
  source: Source,
  tables: StateTables,
  mappingId: string,
  syncId: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if ((await source.rowCount(tables.log, signal)) === undefined) return undefined;
  const answer = await source.query({
    step: 'read_log',
    sql: `SELECT JSON_VALUE(report, '$.version') AS version
FROM ${quoted(tables.log)}
WHERE mapping_id = @mapping AND sync_id = @sync AND record_id IS NULL
ORDER BY finished_at DESC
LIMIT 1`,
    params: { mapping: { type: 'STRING', value: mappingId }, sync: { type: 'STRING', value: syncId } },
    ...(signal === undefined ? {} : { signal }),
  });
  const version = answer.rows[0]?.['version'];
  return typeof version === 'string' ? version : undefined;
}

/** The last syncs of a mapping, newest first, at most 10. */
export async function readLog(
  source: Source,
  tables: StateTables,
  mappingId: string,
  signal?: AbortSignal,
): Promise<MappingStatus['history']> {
  const answer = await source.query({
    step: 'read_log',
    sql: `SELECT sync_id, state, started_at, finished_at, added, updated, deleted, delivered, rejected, deferred, invalid, JSON_VALUE(report, '$.kind') AS kind
FROM ${quoted(tables.log)}
WHERE mapping_id = @mapping AND record_id IS NULL
ORDER BY finished_at DESC
LIMIT 10`,
    params: { mapping: { type: 'STRING', value: mappingId } },
    ...(signal === undefined ? {} : { signal }),
  });
  return answer.rows.map((row) => {
    const number = (name: string): number => Number(row[name] ?? 0);
    return {
      syncId: row['sync_id'] as string,
      state: row['state'] as EndState,
      kind: (row['kind'] ?? 'sync') as SyncKind,
      startedAt: row['started_at'] as string,
      finishedAt: row['finished_at'] as string,
      added: number('added'),
      updated: number('updated'),
      deleted: number('deleted'),
      delivered: number('delivered'),
      rejected: number('rejected'),
      deferred: number('deferred'),
      invalid: number('invalid'),
    };
  });
}
