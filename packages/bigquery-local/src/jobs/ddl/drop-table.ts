// DROP TABLE, VIEW, MATERIALIZED VIEW and SNAPSHOT TABLE: the metadata row goes first, then the rows.
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { nameOf, type TableKind } from '../../catalog/tables.ts';
import type { Statement } from '../../googlesql/statement.ts';
import type { Execution } from '../execution.ts';
import { done, tableOutcome } from './outcome.ts';
import { invalidQuery } from './table-properties.ts';

type Drop = Extract<
  Statement,
  { readonly kind: 'DROP_TABLE' | 'DROP_VIEW' | 'DROP_MATERIALIZED_VIEW' | 'DROP_SNAPSHOT_TABLE' }
>;

const KINDS: Readonly<Record<Drop['kind'], TableKind>> = {
  DROP_TABLE: 'TABLE',
  DROP_VIEW: 'VIEW',
  DROP_MATERIALIZED_VIEW: 'MATERIALIZED_VIEW',
  DROP_SNAPSHOT_TABLE: 'SNAPSHOT',
};

/** The caller holds the lock of the target. */
export async function dropTable(
  execution: Execution,
  statement: Drop,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { target } = statement;
  const table = services.tables.get(target);
  if (table === undefined) {
    if (statement.ifExists) return done(execution, tableOutcome(statistics, 'SKIP', target));
    throw new BigQueryError('notFound', `Not found: Table ${nameOf(target)}`);
  }
  const wanted = KINDS[statement.kind];
  if (table.kind !== wanted)
    throw invalidQuery(
      `Cannot drop ${nameOf(target)} which has type ${table.kind}. An object of type ${wanted} was expected.`,
    );
  const outcome = tableOutcome(statistics, 'DROP', target);
  if (execution.transaction !== undefined) {
    execution.transaction.drop(table, () => execution.finish(outcome));
    return outcome;
  }
  await services.duckdb.attach(target.projectId);
  const freed = services.db.transaction(() => {
    const physicalId = services.tables.delete(target);
    execution.finish(outcome);
    return physicalId;
  });
  await services.physical.drop(target.projectId, freed);
  return outcome;
}
