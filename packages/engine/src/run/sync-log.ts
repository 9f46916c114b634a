// `sync_log`: the customer's own record in the warehouse, one row per sync.
import { LOG, quoted } from '../plan/state-tables.ts';
import type { StateTables } from '../plan/state-tables.ts';
import { sumOutcomes } from '../report/report.ts';
import type { QueryParameter, Source } from '../source/source.ts';
import type { MappingConfig, MappingStatus, SyncReport, SyncState } from './api.ts';

/** Appends the row. The job's key names the sync and its state: a repeated call writes nothing. */
export async function writeLog(
  source: Source,
  tables: StateTables,
  mapping: MappingConfig,
  report: SyncReport,
): Promise<void> {
  await source.createTable(tables.log, LOG);
  const sums = sumOutcomes(report.outcomes);
  const { outcomes, reasons, invalid, guards, phases, error, message, bytesProcessed, resumed } = report;
  const details = { outcomes, reasons, invalid, guards, phases, error, message, bytesProcessed, resumed };
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
  const names = LOG.columns.map((column) => column.name);
  await source.query({
    step: 'log',
    jobKey: `${mapping.id}_${report.syncId}_log_${report.state}_${report.finishedAt}`,
    sql: `INSERT INTO ${quoted(tables.log)} (${names.join(', ')})\nVALUES (${names.map(value).join(', ')})`,
    params,
  });
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
    sql: `SELECT sync_id, state, started_at, finished_at, added, updated, deleted, delivered, rejected, deferred, invalid
FROM ${quoted(tables.log)}
WHERE mapping_id = @mapping
ORDER BY finished_at DESC
LIMIT 10`,
    params: { mapping: { type: 'STRING', value: mappingId } },
    ...(signal === undefined ? {} : { signal }),
  });
  return answer.rows.map((row) => {
    const number = (name: string): number => Number(row[name] ?? 0);
    return {
      syncId: row['sync_id'] as string,
      state: row['state'] as SyncState,
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
