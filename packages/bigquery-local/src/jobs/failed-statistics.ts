import { dryRunOutcome, type PreparedQuery } from './query-job.ts';

/** `statistics` of a query that began and did not end: what it was; nothing of it is billed. */
export function failedStatistics(prepared: PreparedQuery): Record<string, unknown> {
  const { statistics } = dryRunOutcome(prepared);
  const { schema: _schema, ...query } = statistics['query'] as Record<string, unknown>;
  const nothing = { totalBytesProcessed: '0' };
  return { ...statistics, ...nothing, query: { ...query, ...nothing, totalBytesBilled: '0' } };
}
