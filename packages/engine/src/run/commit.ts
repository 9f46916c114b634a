// The commit: `records_<m>` takes in exactly what was delivered, `rejects_<m>` what was
// refused. All statements are idempotent for one sync and do nothing once the sync is over
// or the lease is lost, so a commit that was killed is simply run again.
import { AppError, OPERATIONS } from '@sluice/core';
import type { JsonObject, Operation } from '@sluice/core';
import type { OutcomeName, OutcomeRange } from '../delivery/outcome-book.ts';
import { OUTCOMES, REJECTS, literal, quoted } from '../plan/state-tables.ts';
import type { StateTables } from '../plan/state-tables.ts';
import type { Source } from '../source/source.ts';
import type { OutcomeCounts, ReasonSummary } from './api.ts';
import type { CommitMethod } from './commit-method.ts';
import type { Lease } from './lease.ts';

/** Characters of outcomes in one INSERT; well below BigQuery's limit for a request. */
const MAX_INSERT_CHARS = 1_000_000;

/** Appends outcomes to the table of the sync. Each chunk runs once, whatever is retried. */
export async function saveOutcomes(input: {
  readonly source: Source;
  readonly tables: StateTables;
  readonly syncId: string;
  readonly ranges: readonly OutcomeRange[];
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { source, tables, syncId, ranges } = input;
  if (ranges.length === 0) return;
  const signal = input.signal === undefined ? {} : { signal: input.signal };
  await source.createTable(tables.outcomes(syncId), OUTCOMES, input.signal);
  let chunk: string[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    if (chunk.length === 0) return;
    await source.query({
      step: 'outcomes',
      sql: `INSERT INTO ${quoted(tables.outcomes(syncId))} (first, last, outcome, code, message)
SELECT CAST(JSON_VALUE(o, '$[0]') AS INT64), CAST(JSON_VALUE(o, '$[1]') AS INT64), JSON_VALUE(o, '$[2]'), JSON_VALUE(o, '$[3]'), JSON_VALUE(o, '$[4]')
FROM UNNEST(JSON_QUERY_ARRAY(@outcomes)) AS o`,
      params: { outcomes: { type: 'STRING', value: `[${chunk.join(',')}]` } },
      ...signal,
    });
    chunk = [];
    size = 0;
  };
  for (const range of ranges) {
    const text = JSON.stringify([range.first, range.last, range.outcome, range.code, range.message]);
    chunk.push(text);
    size += text.length + 1;
    if (size >= MAX_INSERT_CHARS) await flush();
  }
  await flush();
}

/** One row per ordinal with its outcome; a delivery wins over whatever else was recorded. */
export function outcomeRows(tables: StateTables, syncId: string): string {
  return `(SELECT
    ordinal,
    CASE WHEN COUNTIF(o.outcome = 'delivered') > 0 THEN 'delivered' ELSE MAX(o.outcome) END AS outcome,
    MAX(o.code) AS code,
    MAX(o.message) AS message
  FROM ${quoted(tables.outcomes(syncId))} AS o
  CROSS JOIN UNNEST(GENERATE_ARRAY(o.first, o.last)) AS ordinal
  GROUP BY ordinal)`;
}

type CommitInput = {
  readonly source: Source;
  readonly tables: StateTables;
  readonly syncId: string;
  readonly lease: Lease;
};

/** Bytes processed. */
export async function commitRecords(input: CommitInput & { readonly method: CommitMethod }): Promise<number> {
  if (input.method.kind === 'merge') return mergeRecords(input);
  try {
    return await replaceRecords(input, input.method.jobKey);
  } catch (thrown) {
    // A job that may still run must not meet another one; one that has failed has changed nothing.
    if (input.lease.lost.aborted || isOpen(thrown)) throw thrown;
    return mergeRecords(input);
  }
}

function isOpen(thrown: unknown): boolean {
  return !(thrown instanceof AppError) || thrown.kind === 'unavailable' || thrown.kind === 'internal';
}

/**
 * One job per commit, whoever runs the commit: the same text under the same key. So a commit
 * that was killed is waited for and not run beside itself; and it does nothing once the sync
 * is no longer being committed.
 */
async function replaceRecords({ source, tables, syncId }: CommitInput, jobKey: string): Promise<number> {
  const answer = await source.query({
    step: 'commit_records',
    jobKey,
    labels: { sluice_sync: syncId },
    mayWait: true,
    destination: tables.records,
    clusterBy: ['record_id'],
    maxRows: 0,
    sql: `SELECT
  COALESCE(c.record_id, r.record_id) AS record_id,
  IF(c.record_id IS NULL, r.checksum, c.checksum) AS checksum,
  IF(c.record_id IS NULL, r.sent, c.sent) AS sent
FROM ${quoted(tables.records)} AS r
FULL OUTER JOIN (
  SELECT p.record_id, p.checksum, p.sent, p.operation
  FROM ${quoted(tables.plan(syncId))} AS p
  JOIN ${outcomeRows(tables, syncId)} AS d
  ON p.ordinal = d.ordinal
  WHERE d.outcome IN ('delivered', 'skipped')
) AS c
ON r.record_id = c.record_id
CROSS JOIN (
  SELECT IF(COUNT(*) = 1, TRUE, ERROR('this sync is not being committed any more')) AS held
  FROM ${quoted(tables.checkpoints)}
  WHERE sync_id = ${literal(syncId)} AND phase = 'committing'
) AS lease
WHERE lease.held AND IFNULL(c.operation, '') <> 'deleted'`,
  });
  return answer.bytesProcessed;
}

async function mergeRecords({ source, tables, syncId, lease }: CommitInput): Promise<number> {
  const answer = await source.query({
    step: 'commit_records',
    labels: { sluice_sync: syncId },
    mayWait: true,
    sql: `MERGE ${quoted(tables.records)} AS r
USING (
  SELECT p.record_id, p.checksum, p.sent, p.operation
  FROM ${quoted(tables.plan(syncId))} AS p
  JOIN ${outcomeRows(tables, syncId)} AS d
  ON p.ordinal = d.ordinal
  CROSS JOIN ${lease.fenceSql()} AS lease
  WHERE d.outcome IN ('delivered', 'skipped')
) AS c
ON r.record_id = c.record_id
WHEN MATCHED AND c.operation = 'deleted' THEN DELETE
WHEN MATCHED THEN UPDATE SET checksum = c.checksum, sent = c.sent
WHEN NOT MATCHED AND c.operation <> 'deleted' THEN INSERT (record_id, checksum, sent) VALUES (c.record_id, c.checksum, c.sent)`,
  });
  return answer.bytesProcessed;
}

/**
 * Rejected changes count one more attempt (once per sync; a new checksum starts again at
 * one); changes that were delivered, or are no longer pending, leave the table.
 */
export async function commitRejects(input: {
  source: Source;
  tables: StateTables;
  syncId: string;
  lease: Lease;
  /** The sync recorded outcomes at all; without, only what is no longer pending leaves. */
  hasOutcomes: boolean;
  /** The plan holds every pending change: a rejected record that it lacks is not pending any more. */
  whole: boolean;
}): Promise<number> {
  const { source, tables, syncId, lease } = input;
  if (!input.hasOutcomes && !input.whole) return 0;
  await source.createTable(tables.rejects, REJECTS);
  const outcomes = input.hasOutcomes
    ? `SELECT p.record_id, p.checksum, p.operation, d.outcome, d.code, d.message
    FROM ${quoted(tables.plan(syncId))} AS p
    JOIN ${outcomeRows(tables, syncId)} AS d
    ON p.ordinal = d.ordinal
    WHERE d.outcome IN ('delivered', 'skipped', 'rejected')`
    : '';
  const gone = input.whole
    ? `SELECT x.record_id, x.checksum, x.operation, 'gone' AS outcome, x.code, x.message
    FROM ${quoted(tables.rejects)} AS x
    LEFT JOIN ${quoted(tables.plan(syncId))} AS p
    ON x.record_id = p.record_id
    WHERE p.record_id IS NULL`
    : '';
  const answer = await source.query({
    step: 'commit_rejects',
    sql: `MERGE ${quoted(tables.rejects)} AS r
USING (
  SELECT e.record_id, e.checksum, e.operation, e.outcome, e.code, e.message
  FROM (
    ${[outcomes, gone].filter((part) => part !== '').join('\n    UNION ALL\n    ')}
  ) AS e
  CROSS JOIN ${lease.fenceSql()} AS lease
) AS c
ON r.record_id = c.record_id
WHEN MATCHED AND c.outcome <> 'rejected' THEN DELETE
WHEN MATCHED AND r.sync_id = ${literal(syncId)} THEN UPDATE SET code = c.code, message = c.message
WHEN MATCHED THEN UPDATE SET
  attempts = IF(r.checksum = c.checksum, r.attempts + 1, 1),
  first_time = IF(r.checksum = c.checksum, r.first_time, CURRENT_TIMESTAMP()),
  last_time = CURRENT_TIMESTAMP(),
  checksum = c.checksum, operation = c.operation, code = c.code, message = c.message, sync_id = ${literal(syncId)}
WHEN NOT MATCHED AND c.outcome = 'rejected' THEN
  INSERT (record_id, checksum, operation, attempts, first_time, last_time, code, message, sync_id)
  VALUES (c.record_id, c.checksum, c.operation, 1, CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP(), c.code, c.message, ${literal(syncId)})`,
  });
  return answer.bytesProcessed;
}

/** What became of a sync's changes, read back from the warehouse: for a sync of several runs. */
export async function readOutcomes(
  source: Source,
  tables: StateTables,
  syncId: string,
  signal?: AbortSignal,
): Promise<{ counts: Record<Operation, OutcomeCounts>; reasons: ReasonSummary[] }> {
  const withSignal = signal === undefined ? {} : { signal };
  const answer = await source.query({
    step: 'read_outcomes',
    sql: `SELECT p.operation, d.outcome, IF(d.outcome IN ('rejected', 'deferred'), d.code, NULL) AS code, IF(d.outcome IN ('rejected', 'deferred'), d.message, NULL) AS message,
  COUNT(*) AS n, ARRAY_AGG(p.record_id LIMIT 10) AS sample_ids
FROM ${quoted(tables.plan(syncId))} AS p
JOIN ${outcomeRows(tables, syncId)} AS d
ON p.ordinal = d.ordinal
GROUP BY 1, 2, 3, 4
ORDER BY n DESC
LIMIT 1000`,
    ...withSignal,
  });
  const counts = emptyCounts();
  const reasons: ReasonSummary[] = [];
  for (const row of answer.rows) {
    const outcome = row['outcome'] as OutcomeName;
    counts[row['operation'] as Operation][outcome] += Number(row['n']);
    if (outcome === 'rejected' || outcome === 'deferred') reasons.push(reasonOf(outcome, row));
  }
  return { counts, reasons };
}

function reasonOf(outcome: 'rejected' | 'deferred', row: JsonObject): ReasonSummary {
  return {
    outcome,
    code: (row['code'] ?? '') as string,
    message: (row['message'] ?? '') as string,
    count: Number(row['n']),
    sampleIds: (row['sample_ids'] ?? []) as string[],
  };
}

type MutableCounts = { -readonly [K in keyof OutcomeCounts]: number };

export function emptyCounts(): Record<Operation, MutableCounts> {
  const zero = (): MutableCounts => ({ delivered: 0, rejected: 0, deferred: 0, skipped: 0 });
  return Object.fromEntries(OPERATIONS.map((operation) => [operation, zero()])) as Record<Operation, MutableCounts>;
}
