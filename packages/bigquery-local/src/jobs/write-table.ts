// Changes of a table's rows, by queries, DML, loads and streaming inserts: into a fresh
// physical table that then takes the old one's place, or in place within one DuckDB
// transaction. Either way a crash leaves the change done or not done.
import { BigQueryError } from '../bigquery-error.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import { nameOf, Tables, type NewTable, type Table, type TableProperties, type TimeUnit } from '../catalog/tables.ts';
import type { TableRef } from '../googlesql/statement.ts';
import type { Session } from '../storage/duckdb.ts';
import { identifier, literal } from '../storage/duckdb.ts';
import { COMMITTED_JOBS, PARTITION_TIME, PhysicalTables } from '../storage/physical-tables.ts';
import type { Services } from '../services.ts';
import type { Execution } from './execution.ts';

/** The table changed between analysis and execution: analyse again. */
export class StaleTable extends Error {
  override readonly name = 'StaleTable';
}

type Runner = Pick<Execution, 'services' | 'signal' | 'timeoutMs' | 'transaction'>;

/**
 * Makes a physical table and fills it. The caller commits it to the catalog, or drops it.
 * `ingestionTime` is the unit of a table that is partitioned by it. `selectSql` gives the
 * fields in order, and behind them the partition of each row where `keepsPartitions`.
 */
export async function fill(
  run: Runner,
  projectId: string,
  fields: readonly FieldSchema[],
  selectSql: string | undefined,
  ingestionTime?: TimeUnit,
  keepsPartitions = false,
): Promise<{ physicalId: string; rows: number }> {
  const { services, signal, transaction } = run;
  if (transaction !== undefined && selectSql !== undefined)
    return transaction.copyOut(run, projectId, fields, selectSql);
  await services.duckdb.attach(projectId);
  const physicalId = Tables.newPhysicalId();
  const name = PhysicalTables.nameOf(projectId, physicalId);
  const rows = await services.duckdb.use({ signal, ...timeout(run) }, (session) => {
    // One statement where there is nothing that only a declared column has.
    if (selectSql !== undefined && ingestionTime === undefined && fields.every(({ mode }) => mode !== 'REQUIRED'))
      return services.physical.createAs(session, projectId, physicalId, fields, selectSql);
    return session.transaction(async () => {
      await services.physical.create(session, projectId, physicalId, fields, ingestionTime);
      if (selectSql === undefined) return 0;
      const columns = [...fields.map((field) => field.name), ...(keepsPartitions ? [PARTITION_TIME] : [])];
      return insertInto(session, name, columns.map(identifier).join(', '), selectSql);
    });
  });
  return { physicalId, rows };
}

export async function insertInto(
  session: Session,
  name: string,
  columns: string | undefined,
  selectSql: string,
): Promise<number> {
  const [row] = await session.rows(
    `INSERT INTO ${name}${columns === undefined ? '' : ` (${columns})`} SELECT * FROM (${selectSql}) AS filled`,
  );
  return Number(row?.[0] ?? 0);
}

function timeout(run: Pick<Execution, 'timeoutMs'>): { timeoutMs?: number } {
  return run.timeoutMs === undefined ? {} : { timeoutMs: run.timeoutMs };
}

/** Commits a filled table to the catalog in place of what was there; drops it when that fails. */
export async function commitTable(
  services: Services,
  table: NewTable & { readonly physicalId?: string },
  mode: 'create' | 'replace',
  alsoCommit: (table: Table) => void,
): Promise<Table> {
  const { projectId } = table.ref;
  try {
    const done = services.db.transaction(() => {
      const put = services.tables.put(table, mode);
      alsoCommit(put.table);
      return put;
    });
    await services.physical.drop(projectId, done.freed);
    return done.table;
  } catch (error) {
    await services.physical.drop(projectId, table.physicalId);
    throw error;
  }
}

/** Swaps in a freshly filled physical table; the table keeps its metadata but for `properties`. */
export async function commitTruncated(
  services: Services,
  old: Table,
  physicalId: string,
  properties: TableProperties,
  alsoCommit: (table: Table) => void,
): Promise<Table> {
  const { projectId } = old.ref;
  try {
    const table = services.db.transaction(() => {
      const updated = services.tables.update(old.ref, { properties, physicalId });
      // WRITE_TRUNCATE leaves a table without row access policies.
      services.rowAccessPolicies.dropAll(old.ref);
      alsoCommit(updated);
      return updated;
    });
    await services.physical.drop(projectId, old.physicalId);
    return table;
  } catch (error) {
    await services.physical.drop(projectId, physicalId);
    throw error;
  }
}

export type InPlace = {
  readonly ref: TableRef;
  /** The table as the statement was compiled for it; checked again under the lock. */
  readonly expected: Table;
  /** Runs inside the transaction; says how many rows it changed. */
  body(session: Session, name: string): Promise<{ readonly changed: number; readonly outcome: JobOutcome }>;
};

/**
 * Changes rows in place. The caller holds the table's lock. With `jobId` a note of the
 * outcome is committed with the rows, for `recoverJobs` after a crash in between.
 */
export async function changeInPlace(
  run: Runner & Partial<Pick<Execution, 'finish' | 'jobId' | 'projectId'>>,
  change: InPlace,
): Promise<JobOutcome> {
  const { services, signal } = run;
  const { ref, expected } = change;
  const table = services.tables.get(ref);
  if (table === undefined) throw new BigQueryError('notFound', `Not found: Table ${nameOf(ref)}`);
  if (table.physicalId === undefined)
    throw new BigQueryError('invalid', `${nameOf(ref)} is not a table whose rows can be changed.`);
  if (
    table.physicalId !== expected.physicalId ||
    JSON.stringify(table.properties.schema) !== JSON.stringify(expected.properties.schema)
  )
    throw new StaleTable();
  await services.duckdb.attach(ref.projectId);
  using _changing = await services.snapshots.beforeChange(ref.projectId, table.physicalId);
  services.tables.beginWrite(ref);
  let mayBeCommitted = false;
  let result: { readonly changed: number; readonly outcome: JobOutcome };
  try {
    result = await services.duckdb.use({ signal, ...timeout(run) }, (session) =>
      session.transaction(async () => {
        const done = await change.body(session, PhysicalTables.nameOf(ref.projectId, table.physicalId!));
        if (run.jobId !== undefined && done.changed > 0) {
          await session.run(
            `INSERT INTO ${PhysicalTables.nameOf(ref.projectId, COMMITTED_JOBS)} VALUES (${literal(run.projectId ?? ref.projectId)}, ${literal(run.jobId)}, ${literal(JSON.stringify(done.outcome))})`,
          );
        }
        mayBeCommitted = done.changed > 0;
        return done;
      }),
    );
  } catch (error) {
    services.tables.endWrite(ref, mayBeCommitted);
    throw error;
  }
  services.db.transaction(() => {
    services.tables.endWrite(ref, result.changed > 0);
    run.finish?.(result.outcome);
  });
  return result.outcome;
}
