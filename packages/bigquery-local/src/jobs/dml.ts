// INSERT, UPDATE, DELETE, MERGE and TRUNCATE: one DuckDB transaction under the table's lock.
import { BigQueryError } from '../bigquery-error.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { nameOf } from '../catalog/tables.ts';
import type { Statement } from '../googlesql/statement.ts';
import type { Execution } from './execution.ts';
import type { PreparedQuery } from './query-job.ts';
import { changeInPlace } from './write-table.ts';

type Dml = Extract<Statement, { readonly steps: unknown }>;

export async function runDml(
  execution: Execution,
  prepared: PreparedQuery,
  statement: Dml,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services, signal } = execution;
  const { target } = statement;
  return services.lock.hold(nameOf(target), signal, () => {
    const expected = prepared.lookup.found(target);
    if (expected === undefined)
      throw new BigQueryError(
        'notFound',
        `Not found: Table ${nameOf(target)} was not found in location ${prepared.location}`,
      );
    return changeInPlace(execution, {
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
    });
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
