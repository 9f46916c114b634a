// DDL statements: each under the lock of the table that it makes, changes or drops.
import type { JobOutcome } from '../catalog/jobs.ts';
import { nameOf } from '../catalog/tables.ts';
import type { Statement } from '../googlesql/statement.ts';
import { alterTable, type AlterStatement } from './ddl/alter-table.ts';
import { createTable, type CreateStatement } from './ddl/create-table.ts';
import { dropTable } from './ddl/drop-table.ts';
import { alterSchema, createSchema, dropSchema } from './ddl/schema.ts';
import type { Execution } from './execution.ts';
import type { PreparedQuery } from './query-job.ts';

type Ddl =
  | CreateStatement
  | AlterStatement
  | Extract<
      Statement,
      {
        readonly kind:
          | 'CREATE_SCHEMA'
          | 'ALTER_SCHEMA'
          | 'DROP_SCHEMA'
          | 'DROP_TABLE'
          | 'DROP_VIEW'
          | 'DROP_MATERIALIZED_VIEW'
          | 'DROP_SNAPSHOT_TABLE';
      }
    >;

export async function runDdl(
  execution: Execution,
  prepared: PreparedQuery,
  statement: Ddl,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { lock } = execution.services;
  switch (statement.kind) {
    case 'CREATE_TABLE':
    case 'CREATE_TABLE_AS_SELECT':
    case 'CREATE_SNAPSHOT_TABLE':
    case 'CREATE_VIEW':
    case 'CREATE_MATERIALIZED_VIEW':
      return lock.hold(nameOf(statement.target), execution.signal, () =>
        createTable(execution, prepared, statement, statistics),
      );
    case 'ALTER_TABLE':
    case 'ALTER_VIEW':
    case 'ALTER_MATERIALIZED_VIEW':
      return lock.hold(nameOf(statement.target), execution.signal, () => alterTable(execution, statement, statistics));
    case 'DROP_TABLE':
    case 'DROP_VIEW':
    case 'DROP_MATERIALIZED_VIEW':
    case 'DROP_SNAPSHOT_TABLE':
      return lock.hold(nameOf(statement.target), execution.signal, () => dropTable(execution, statement, statistics));
    case 'CREATE_SCHEMA':
      return createSchema(execution, prepared, statement, statistics);
    case 'ALTER_SCHEMA':
      return alterSchema(execution, statement, statistics);
    case 'DROP_SCHEMA':
      return dropSchema(execution, statement, statistics);
  }
}
