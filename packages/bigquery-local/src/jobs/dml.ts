// INSERT, UPDATE, DELETE, MERGE and TRUNCATE: one DuckDB transaction under the table's lock.
import { BigQueryError } from '../bigquery-error.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { nameOf } from '../catalog/tables.ts';
import type { Statement } from '../googlesql/statement.ts';
import type { Execution } from './execution.ts';
import type { PreparedQuery } from './query-job.ts';
import { changeInPlace, type InPlace } from './write-table.ts';

type Dml = Extract<Statement, { readonly steps: unknown }>;

export async function runDml(
  execution: Execution,
  prepared: PreparedQuery,
  statement: Dml,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services, signal, transaction } = execution;
  const { target } = statement;
  const append = statement.kind === 'INSERT';
  const hold = (body: () => Promise<JobOutcome>): Promise<JobOutcome> =>
    transaction === undefined
      ? services.lock.hold(nameOf(target), signal, body)
      : transaction.hold(target, append, signal, body);
  return hold(async () => {
    const expected = prepared.lookup.found(target);
    if (expected === undefined)
      throw new BigQueryError(
        'notFound',
        `Not found: Table ${nameOf(target)} was not found in location ${prepared.location}`,
      );
    const change: InPlace = {
      ref: target,
      expected,
      body: async (session) => {
        let counts: readonly [bigint, bigint, bigint] = [0n, 0n, 0n];
        for (const step of statement.steps) {
          if (step.counts !== true) {
            await session.run(step.sql);
            continue;
          }
          const [row] = await session.rows(step.sql);
          counts = [toBigInt(row?.[0]), toBigInt(row?.[1]), toBigInt(row?.[2])];
        }
        const total = counts[0] + counts[1] + counts[2];
        return { changed: Number(total), outcome: outcomeOf(statistics, counts, total, target) };
      },
    };
    return transaction === undefined ? changeInPlace(execution, change) : transaction.change(execution, change, append);
  });
}

function toBigInt(value: unknown): bigint {
  return typeof value === 'bigint' || typeof value === 'number' ? BigInt(value) : 0n;
}

function outcomeOf(
  statistics: Record<string, unknown>,
  counts: readonly [bigint, bigint, bigint],
  total: bigint,
  target: Dml['target'],
): JobOutcome {
  const [inserted, updated, deleted] = counts.map(String);
  const query = {
    ...(statistics['query'] as Record<string, unknown>),
    numDmlAffectedRows: total.toString(),
    dmlStats: { insertedRowCount: inserted, updatedRowCount: updated, deletedRowCount: deleted },
  };
  return { statistics: { ...statistics, query }, destination: target };
}
