// Starts and stops one local BigQuery on one data directory.
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AppError } from '@sluice/core';
import type { FastifyInstance } from 'fastify';
import { createAccessControl } from './access/access-control.ts';
import { isServiceAccountEmail } from './access/members.ts';
import { AuditLog } from './audit/audit-log.ts';
import { AuditTable } from './audit/audit-table.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import { createPolicyReader, IDENTITY_MIGRATIONS, openIdentity, type Identity } from './auth/identity.ts';
import { bucketMigrations, Buckets } from './catalog/buckets.ts';
import { Authorizations, AUTHORIZATIONS_MIGRATION } from './catalog/authorizations.ts';
import { CatalogDatabase } from './catalog/database.ts';
import { renameDatasetMember } from './catalog/dataset-members.ts';
import { datasetMigrations, Datasets } from './catalog/datasets.ts';
import { jobMigrations, Jobs } from './catalog/jobs.ts';
import { RoutinePolicies, ROUTINE_POLICIES_MIGRATION } from './catalog/routine-policies.ts';
import { Routines, ROUTINES_MIGRATION } from './catalog/routines.ts';
import { ROW_ACCESS_POLICIES_MIGRATION, RowAccessPolicies } from './catalog/row-access-policies.ts';
import { TABLE_POLICIES_MIGRATION, TablePolicies } from './catalog/table-policies.ts';
import { tableMigrations, Tables } from './catalog/tables.ts';
import type { CloudStorage } from './cloud-storage/cloud-storage.ts';
import { ObjectFiles } from './cloud-storage/object-files.ts';
import { createGrpcServer, READ_OPERATIONS } from './grpc/server.ts';
import { registerFunctions } from './googlesql/functions/register.ts';
import { createGoogleSql } from './googlesql/google-sql.ts';
import { JobService } from './jobs/job-service.ts';
import { recover } from './jobs/recovery.ts';
import { Housekeeping } from './jobs/housekeeping.ts';
import { bigqueryRoutes } from './rest/bigquery/routes.ts';
import { discoveryRoutes } from './rest/discovery/discovery.ts';
import { directoryRoutes } from './rest/directory/routes.ts';
import { iamCredentialsRoutes } from './rest/iam-credentials/routes.ts';
import { iamRoutes } from './rest/iam/routes.ts';
import { oauth2Routes } from './rest/oauth2/routes.ts';
import { storageRoutes } from './rest/cloud-storage/register.ts';
import { resourceManagerRoutes } from './rest/resource-manager/routes.ts';
import { createRestServer } from './rest/server.ts';
import { silentLog, type ServerLog } from './rest/server-log.ts';
import type { Services } from './services.ts';
import { checkStartOptions } from './start-options.ts';
import { DataDirectory } from './storage/data-directory.ts';
import { DuckDb } from './storage/duckdb.ts';
import { PhysicalTables } from './storage/physical-tables.ts';
import { Snapshots } from './storage/snapshots.ts';
import { TableLock } from './storage/table-lock.ts';
import { TableRows } from './storage/table-rows.ts';
import { TableSizes } from './storage/table-sizes.ts';

export type StartOptions = {
  /** Created when missing. One server at a time may use it. */
  readonly dataDir: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Of the Storage Read API (gRPC). Default 0 = any free port. */
  readonly grpcPort?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** With `owner`: a project that is created when the data directory does not hold it. */
  readonly project?: string;
  /** E-mail of the user who becomes owner of `project`. */
  readonly owner?: string;
  /** E-mail of the principal for requests without credentials; nobody when it is left out. */
  readonly anonymousAs?: string;
  readonly log?: ServerLog;
  /** Largest upload of a load job. Default 10 GiB. */
  readonly maxUploadBytes?: number;
  /** Largest object of Cloud Storage. Default 10 GiB. */
  readonly maxObjectBytes?: number;
  /** Memory of queries and loads together. Default: half of the machine's, at most 4 GiB. */
  readonly memoryBytes?: number;
};

export type RunningBigQuery = {
  /** `http://127.0.0.1:1234` */
  readonly restUrl: string;
  /** Of the Storage Read API, without TLS: `127.0.0.1:1235`. */
  readonly grpcAddress: string;
  /** Names of the API methods that are served: `bigquery.datasets.get`. */
  readonly operations: readonly string[];
  close(): Promise<void>;
};

const DEFAULT_MAX_UPLOAD_BYTES = 10 * 1024 ** 3;

/** AppError when an option is wrong, the data directory cannot be used or the port is taken; an option that is wrong creates nothing. */
export async function startBigQuery(options: StartOptions): Promise<RunningBigQuery> {
  checkStartOptions(options);
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(new DataDirectory(options.dataDir));
  const db = resources.use(
    new CatalogDatabase(directory.catalogFile, [
      ...IDENTITY_MIGRATIONS,
      ...datasetMigrations,
      ...tableMigrations,
      ...jobMigrations,
      ...bucketMigrations,
      TABLE_POLICIES_MIGRATION,
      ROW_ACCESS_POLICIES_MIGRATION,
      ROUTINES_MIGRATION,
      ROUTINE_POLICIES_MIGRATION,
      AUTHORIZATIONS_MIGRATION,
    ]),
  );
  const identity = openIdentity(db, directory.path);
  const clock = Date.now;
  const datasets = new Datasets(db, clock);
  const tables = new Tables(db, clock);
  const routines = new Routines(db, clock);
  const authorizations = new Authorizations(db, datasets, tables, routines, clock);
  const tablePolicies = new TablePolicies(db, tables);
  const routinePolicies = new RoutinePolicies(db, routines);
  const rowAccessPolicies = new RowAccessPolicies(db, tables, clock);
  const buckets = new Buckets(db);
  identity.renamedMembers.apply([
    (member, newName) => renameDatasetMember(db, datasets, member, newName),
    (member, newName) => tablePolicies.renameMember(member, newName),
    (member, newName) => routinePolicies.renameMember(member, newName),
    (member, newName) => rowAccessPolicies.renameMember(member, newName),
    (member, newName) => buckets.renameMember(member, newName),
  ]);
  const policies = createPolicyReader(identity, {
    datasetAccess: (projectId, datasetId) => datasets.datasetAccess(projectId, datasetId),
    tablePolicy: (projectId, datasetId, tableId) => tablePolicies.find(projectId, datasetId, tableId),
    routinePolicy: (...path) => routinePolicies.find(...path),
    bucketPolicy: (bucket) => buckets.find(bucket)?.policy,
  });
  if (options.project !== undefined) ensureProject(identity, options.project, options.owner);
  const duckdb = resources.use(
    await DuckDb.create({
      directory,
      ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
      prepare: registerFunctions,
    }),
  );
  const physical = new PhysicalTables(duckdb);
  const lock = new TableLock();
  const log = options.log ?? silentLog;
  const audit = resources.use(
    new AuditLog(new AuditTable({ projects: identity.projects, datasets, tables, duckdb, physical, lock, clock }), {
      log,
      clock,
    }),
  );
  const files = new ObjectFiles(join(directory.path, 'storage'), options.maxObjectBytes ?? DEFAULT_MAX_UPLOAD_BYTES);
  files.removeOrphans(buckets.files());
  const cloudStorage: CloudStorage = { db, identity, buckets, files, clock };
  const services: Services = {
    directory,
    db,
    identity,
    access: createAccessControl(policies, {
      sink: (...decided) => audit.record(...decided),
    }),
    audit,
    datasets,
    tables,
    tablePolicies,
    routinePolicies,
    rowAccessPolicies,
    routines,
    authorizations,
    groupsOf: (email) => policies.groupsOf?.(email) ?? [],
    jobs: new Jobs(db),
    cloudStorage,
    duckdb,
    physical,
    sizes: new TableSizes(duckdb, physical),
    rows: new TableRows(duckdb, physical),
    snapshots: new Snapshots(duckdb, physical),
    lock,
    sql: resources.use(await createGoogleSql({})),
    log,
    clock,
  };
  await recover(services);
  const jobs = resources.use(new JobService(services));
  resources.use(new Housekeeping(services));
  const stopping = new AbortController();
  const routes = bigqueryRoutes(services, jobs);
  const authenticator = createAuthenticator({
    identity,
    ...(options.anonymousAs === undefined ? {} : { anonymousAs: options.anonymousAs }),
  });
  const otherRoutes = [
    ...iamRoutes(identity),
    ...iamCredentialsRoutes(identity),
    ...directoryRoutes(identity),
    ...resourceManagerRoutes(identity),
    ...oauth2Routes(identity),
    ...discoveryRoutes(routes),
  ];
  const app = await createRestServer({
    access: services.access,
    audit,
    authenticator,
    bigqueryRoutes: routes,
    otherRoutes,
    cloudStorage,
    uploads: {
      jobs,
      spool: { directory: directory.spool, maxBytes: options.maxUploadBytes ?? DEFAULT_MAX_UPLOAD_BYTES },
    },
    log: services.log,
    stopping: stopping.signal,
  });
  resources.defer(async () => {
    stopping.abort(new Error('The server is shutting down.'));
    await app.close();
  });
  const grpc = resources.use(
    await createGrpcServer({
      services,
      authenticator,
      host: options.host ?? '127.0.0.1',
      port: options.grpcPort ?? 0,
      stopping: stopping.signal,
    }),
  );
  await listen(app, options);
  const address = app.server.address() as AddressInfo;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const reachable = host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host;
  const restUrl = `http://${reachable}:${address.port}`;
  directory.publish(restUrl);
  const owned = resources.move();
  let closing: Promise<void> | undefined;
  return {
    restUrl,
    grpcAddress: `${reachable}:${grpc.port}`,
    operations: [
      ...READ_OPERATIONS,
      ...new Set([...routes, ...otherRoutes, ...storageRoutes(cloudStorage)].map(({ operation }) => operation)),
    ],
    close: () => (closing ??= owned.disposeAsync()),
  };
}

async function listen(app: FastifyInstance, options: StartOptions): Promise<void> {
  const host = options.host ?? '127.0.0.1';
  try {
    await app.listen({ port: options.port, host });
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'EADDRINUSE') throw cause;
    throw new AppError(`Port ${options.port} on ${host} is in use.`, {
      code: 'PORT_IN_USE',
      kind: 'conflict',
      where: `${host}:${options.port}`,
      fix: 'Stop the process that uses it, or choose another port (0 = any free one).',
      cause,
    });
  }
}

function ensureProject(identity: Identity, projectId: string, owner: string | undefined): void {
  if (identity.projects.find(projectId) !== undefined) return;
  if (owner === undefined) {
    throw new AppError(`Project ${projectId} does not exist in this data directory.`, {
      code: 'PROJECT_WITHOUT_OWNER',
      kind: 'invalid',
      where: `project ${projectId}`,
      fix: 'Name the user who shall own it, to create it.',
    });
  }
  if (!isServiceAccountEmail(owner)) identity.users.register(owner, new Date());
  identity.projects.create({ projectId }, owner, new Date());
}
