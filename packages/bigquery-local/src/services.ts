// Everything that the REST routes and the jobs work with, made once per server.
import type { AccessControl } from './access/decision.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Identity } from './auth/identity.ts';
import type { CloudStorage } from './cloud-storage/cloud-storage.ts';
import type { Authorizations } from './catalog/authorizations.ts';
import type { CatalogDatabase } from './catalog/database.ts';
import type { Datasets } from './catalog/datasets.ts';
import type { Jobs } from './catalog/jobs.ts';
import type { RoutinePolicies } from './catalog/routine-policies.ts';
import type { Routines } from './catalog/routines.ts';
import type { RowAccessPolicies } from './catalog/row-access-policies.ts';
import type { TablePolicies } from './catalog/table-policies.ts';
import type { Tables } from './catalog/tables.ts';
import type { GoogleSql } from './googlesql/statement.ts';
import type { ServerLog } from './rest/server-log.ts';
import type { DataDirectory } from './storage/data-directory.ts';
import type { DuckDb } from './storage/duckdb.ts';
import type { PhysicalTables } from './storage/physical-tables.ts';
import type { Snapshots } from './storage/snapshots.ts';
import type { TableLock } from './storage/table-lock.ts';
import type { TableRows } from './storage/table-rows.ts';
import type { TableSizes } from './storage/table-sizes.ts';

export type Services = {
  readonly directory: DataDirectory;
  readonly db: CatalogDatabase;
  readonly identity: Identity;
  readonly access: AccessControl;
  readonly audit: AuditLog;
  readonly datasets: Datasets;
  readonly tables: Tables;
  readonly tablePolicies: TablePolicies;
  readonly rowAccessPolicies: RowAccessPolicies;
  readonly routines: Routines;
  readonly routinePolicies: RoutinePolicies;
  readonly authorizations: Authorizations;
  /** E-mails of the groups that a principal is in, directly or not. */
  readonly groupsOf: (email: string) => readonly string[];
  readonly jobs: Jobs;
  readonly cloudStorage: CloudStorage;
  readonly duckdb: DuckDb;
  readonly physical: PhysicalTables;
  readonly sizes: TableSizes;
  readonly rows: TableRows;
  readonly snapshots: Snapshots;
  readonly lock: TableLock;
  readonly sql: GoogleSql;
  readonly log: ServerLog;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
};
