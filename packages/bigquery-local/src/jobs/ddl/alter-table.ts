// ALTER TABLE, ALTER VIEW and ALTER MATERIALIZED VIEW. All actions of a statement take effect
// together: where columns change, the rows are written again under a new physical name, and
// the one metadata row is the commit.
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { checkTableId } from '../../catalog/table-rules.ts';
import { ingestionTimeOf, nameOf, type Table, type TableKind } from '../../catalog/tables.ts';
import type { Statement } from '../../googlesql/statement.ts';
import { identifier } from '../../storage/duckdb.ts';
import { PARTITION_TIME, PhysicalTables } from '../../storage/physical-tables.ts';
import type { Execution } from '../execution.ts';
import { fill } from '../write-table.ts';
import { done, tableOutcome } from './outcome.ts';
import { TableDraft } from './table-draft.ts';
import { wrongKind } from './table-properties.ts';

export type AlterStatement = Extract<
  Statement,
  { readonly kind: 'ALTER_TABLE' | 'ALTER_VIEW' | 'ALTER_MATERIALIZED_VIEW' }
>;

const KINDS: Readonly<Record<AlterStatement['kind'], readonly TableKind[]>> = {
  ALTER_TABLE: ['TABLE', 'SNAPSHOT'],
  ALTER_VIEW: ['VIEW'],
  ALTER_MATERIALIZED_VIEW: ['MATERIALIZED_VIEW'],
};

/** The caller holds the lock of the target. */
export async function alterTable(
  execution: Execution,
  statement: AlterStatement,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { target, actions } = statement;
  const table = services.tables.get(target);
  if (table === undefined) {
    if (statement.ifExists) return done(execution, tableOutcome(statistics, 'SKIP', target));
    throw new BigQueryError('notFound', `Not found: Table ${nameOf(target)}`);
  }
  const changesMore = actions.some(({ kind }) => kind !== 'set_options');
  if (!KINDS[statement.kind].includes(table.kind) || (table.kind === 'SNAPSHOT' && changesMore))
    throw wrongKind(target, table.kind);
  const filters = services.rowAccessPolicies.list(target).map(({ filter }) => filter);
  const draft = new TableDraft(table, filters, services.clock());
  for (const action of actions) draft.apply(action);
  const { newTableId } = draft;
  if (newTableId !== undefined) checkTableId({ ...target, tableId: newTableId });
  const outcome = tableOutcome(statistics, 'ALTER', target);
  const physicalId =
    draft.rewrites && table.physicalId !== undefined ? await rewrite(execution, table, draft) : undefined;
  try {
    services.db.transaction(() => {
      services.tables.update(target, {
        properties: draft.properties,
        ...(draft.expirationMs === undefined ? {} : { expirationMs: draft.expirationMs }),
        ...(physicalId === undefined ? {} : { physicalId }),
      });
      if (newTableId !== undefined) services.tables.rename(target, newTableId);
      execution.finish(outcome);
    });
  } catch (error) {
    await services.physical.drop(target.projectId, physicalId);
    throw error;
  }
  if (physicalId !== undefined) await services.physical.drop(target.projectId, table.physicalId);
  return outcome;
}

async function rewrite(execution: Execution, table: Table, draft: TableDraft): Promise<string> {
  const unit = ingestionTimeOf(table.properties);
  const list = unit === undefined ? draft.selectList : `${draft.selectList}, ${identifier(PARTITION_TIME)}`;
  const sql = `SELECT ${list} FROM ${PhysicalTables.nameOf(table.ref.projectId, table.physicalId!)}`;
  const { physicalId } = await fill(execution, table.ref.projectId, draft.fields, sql, unit, unit !== undefined);
  return physicalId;
}
