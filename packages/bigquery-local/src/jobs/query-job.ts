// A query job: analyse, check access, then run the statement and keep what it gives.
// Statistics follow JobStatistics2 of the BigQuery REST v2 reference.
import { BigQueryError } from '../bigquery-error.ts';
import type { Principal } from '../access/decision.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { routineNameOf } from '../catalog/routines.ts';
import { nameOf } from '../catalog/tables.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import type { AnalyzedStatement, TableRef, TemporaryRoutine } from '../googlesql/statement.ts';
import { fieldOf } from '../googlesql/values/schema.ts';
import type { Services } from '../services.ts';
import { authorizeStatement } from './authorize-statement.ts';
import { runDcl } from './dcl.ts';
import { runDdl } from './ddl.ts';
import { runDml } from './dml.ts';
import type { Execution } from './execution.ts';
import { systemVariablesOf } from './script/system-variables.ts';
import type { StatementContext } from './statement-context.ts';
import type { QueryConfiguration } from './query-configuration.ts';
import { runRoutineStatement } from './routine-statement.ts';
import { runRowAccessStatement } from './row-access-statement.ts';
import { anonymousTable, authorizeDestination, cacheKey, cachedResult, runSelect } from './select.ts';
import { JobTableLookup } from './table-lookup.ts';
import { StaleTable } from './write-table.ts';

const MAX_ATTEMPTS = 10;

/** A statement that is analysed and allowed. Dispose it when it is done: it pins tables. */
export type PreparedQuery = Disposable & {
  readonly configuration: QueryConfiguration;
  readonly temporaryRoutines: readonly TemporaryRoutine[];
  readonly analyzed: AnalyzedStatement;
  readonly lookup: JobTableLookup;
  readonly location: string;
  readonly bytesProcessed: bigint;
  readonly context: StatementContext | undefined;
};

export type PrepareRequest = {
  readonly services: Services;
  readonly principal: Principal;
  readonly projectId: string;
  /** As asked for by the caller. */
  readonly location: string | undefined;
  readonly configuration: QueryConfiguration;
  /** Made by earlier statements of the same script or session. */
  readonly temporaryRoutines?: readonly TemporaryRoutine[];
  readonly context?: StatementContext | undefined;
};

export async function prepareQuery(request: PrepareRequest): Promise<PreparedQuery> {
  const { services, principal, projectId, configuration, context } = request;
  const { defaultDataset } = configuration;
  const lookup = new JobTableLookup(services, {
    principal,
    defaultProject: projectId,
    defaultDataset,
    location: request.location,
    temporary: context?.temporary,
  });
  try {
    const analyzed = await analyze(request, lookup);
    const denial = lookup.denialOfNamed;
    if (denial !== undefined) throw denial;
    authorizeStatement(services, principal, analyzed);
    const { statement } = analyzed;
    if (statement.kind === 'SELECT') {
      if (configuration.destination !== undefined) authorizeDestination(services, principal, configuration.destination);
    } else if (configuration.destination !== undefined && statement.kind !== 'CREATE_TABLE_AS_SELECT') {
      throw new BigQueryError('invalidQuery', 'Cannot set destination table in jobs with DDL or DML statements', {
        location: 'query',
      });
    }
    // Not before the caller may know of them.
    for (const ref of targetsOf(analyzed, configuration)) {
      const dataset = services.datasets.get(ref.projectId, ref.datasetId);
      if (dataset !== undefined) lookup.requireLocation(ref, dataset.location);
    }
    return {
      configuration,
      temporaryRoutines: request.temporaryRoutines ?? [],
      analyzed,
      lookup,
      location: lookup.location ?? defaultLocation(services, defaultDataset) ?? 'US',
      bytesProcessed: await bytesOf(services, analyzed, lookup, context),
      context,
      [Symbol.dispose]: () => lookup[Symbol.dispose](),
    };
  } catch (error) {
    lookup[Symbol.dispose]();
    throw error;
  }
}

async function analyze(request: PrepareRequest, lookup: JobTableLookup): Promise<AnalyzedStatement> {
  const { configuration, context } = request;
  try {
    return await request.services.sql.analyze({
      sql: configuration.sql,
      lookup,
      defaultProject: request.projectId,
      ...(configuration.defaultDataset === undefined ? {} : { defaultDataset: configuration.defaultDataset }),
      ...(configuration.parameters === undefined ? {} : { parameters: configuration.parameters }),
      sessionUser: request.principal.email,
      systemVariables: context?.systemVariables ?? systemVariablesOf(request),
      ...(context === undefined ? {} : { variables: context.variables }),
      ...(context?.outputTypes === undefined ? {} : { outputTypes: context.outputTypes }),
      ...(context?.temporary === undefined ? {} : { temporary: context.temporary }),
      ...(request.temporaryRoutines === undefined ? {} : { temporaryRoutines: request.temporaryRoutines }),
    });
  } catch (error) {
    // What is wrong with a statement could tell of columns that the caller must not know of.
    throw lookup.denial ?? error;
  }
}

/** Runs it; analyses again when another job replaced the table that it changes. */
export async function runQuery(execution: Execution, first: PreparedQuery): Promise<JobOutcome> {
  const { services, principal, projectId } = execution;
  const { configuration, location, temporaryRoutines, context } = first;
  const once = await unlessStale(() => runPrepared(execution, first));
  if (once !== undefined) return once;
  for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt++) {
    using again = await prepareQuery({
      services,
      principal,
      projectId,
      location,
      configuration,
      temporaryRoutines,
      ...(context === undefined ? {} : { context }),
    });
    const outcome = await unlessStale(() => runPrepared(execution, again));
    if (outcome !== undefined) return outcome;
  }
  throw new BigQueryError('backendError', 'The table was replaced again and again by other jobs. Try again.');
}

async function unlessStale(run: () => Promise<JobOutcome>): Promise<JobOutcome | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof StaleTable) return undefined;
    throw error;
  }
}

async function runPrepared(execution: Execution, prepared: PreparedQuery): Promise<JobOutcome> {
  const { statement } = prepared.analyzed;
  const { maximumBytesBilled } = prepared.configuration;
  const statistics = statisticsOf(prepared);
  const billed = billedBytes(prepared);
  if (maximumBytesBilled !== undefined && billed > maximumBytesBilled) {
    throw new BigQueryError(
      'bytesBilledLimitExceeded',
      `Query exceeded limit for bytes billed: ${maximumBytesBilled}. ${billed} or higher required.`,
    );
  }
  switch (statement.kind) {
    case 'SELECT':
      return runSelect(execution, prepared, statement.query, statistics);
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
    case 'TRUNCATE_TABLE':
      return runDml(execution, prepared, statement, statistics);
    case 'GRANT':
    case 'REVOKE':
      return runDcl(execution, statement, statistics);
    case 'CREATE_ROW_ACCESS_POLICY':
    case 'DROP_ROW_ACCESS_POLICY':
      return runRowAccessStatement(execution, statement, statistics);
    case 'CREATE_FUNCTION':
    case 'CREATE_TABLE_FUNCTION':
    case 'CREATE_PROCEDURE':
    case 'DROP_FUNCTION':
    case 'DROP_TABLE_FUNCTION':
    case 'DROP_PROCEDURE':
      return runRoutineStatement(execution, statement, statistics);
    case 'CREATE_TEMP_FUNCTION':
      throw new BigQueryError(
        'invalidQuery',
        'CREATE TEMPORARY FUNCTION statements must be followed by an actual query.',
        { location: 'query' },
      );
    default:
      return runDdl(execution, prepared, statement, statistics);
  }
}

/** What a dry run answers. */
export function dryRunOutcome(prepared: PreparedQuery): JobOutcome {
  const fields = outputFields(prepared.analyzed);
  const statistics = statisticsOf(prepared);
  const query = {
    ...(statistics['query'] as Record<string, unknown>),
    totalBytesBilled: '0',
    ...(fields === undefined ? {} : { schema: { fields } }),
  };
  return { statistics: { ...statistics, query }, ...(fields === undefined ? {} : { schema: { fields } }) };
}

function outputFields(analyzed: AnalyzedStatement): readonly FieldSchema[] | undefined {
  const { statement } = analyzed;
  return statement.kind === 'SELECT' ? statement.query.columns.map(fieldOf) : undefined;
}

/** The result of an equal query of the same user over the same table versions, if it is still there. */
export function findCached(
  services: Services,
  prepared: PreparedQuery,
  principal: Principal,
  projectId: string,
): { table: TableRef; outcome: JobOutcome } | undefined {
  const { statement } = prepared.analyzed;
  const { configuration } = prepared;
  if (
    statement.kind !== 'SELECT' ||
    !statement.query.deterministic ||
    !configuration.useQueryCache ||
    !prepared.lookup.cacheable ||
    configuration.destination !== undefined
  )
    return undefined;
  const key = cacheKey(prepared, principal, projectId);
  const table = cachedResult(services, anonymousTable(projectId, principal, prepared.location, key));
  if (table === undefined) return undefined;
  const statistics = statisticsOf(prepared);
  const query = {
    ...(statistics['query'] as Record<string, unknown>),
    cacheHit: true,
    totalBytesProcessed: '0',
    totalBytesBilled: '0',
  };
  return {
    table: table.ref,
    outcome: {
      statistics: { ...statistics, totalBytesProcessed: '0', query },
      destination: table.ref,
      schema: table.properties.schema,
    },
  };
}

function statisticsOf(prepared: PreparedQuery): Record<string, unknown> {
  const processed = prepared.bytesProcessed.toString();
  const routines = new Map((prepared.analyzed.routines ?? []).map(({ ref }) => [routineNameOf(ref), ref]));
  const referenced = new Map(prepared.analyzed.reads.map((read) => [nameOf(read.ref), read.ref]));
  return {
    totalBytesProcessed: processed,
    ...(prepared.lookup.rowLevelSecurity ? { rowLevelSecurityStatistics: { rowLevelSecurityApplied: true } } : {}),
    query: {
      statementType: prepared.analyzed.statement.kind,
      totalBytesProcessed: processed,
      totalBytesBilled: billedBytes(prepared).toString(),
      cacheHit: false,
      ...(referenced.size === 0 ? {} : { referencedTables: [...referenced.values()] }),
      ...(routines.size === 0 ? {} : { referencedRoutines: [...routines.values()] }),
    },
  };
}

const MB = 1024n * 1024n;

/** "Pricing": at least 10 MB for each table that is read, rounded up to whole megabytes. */
function billedBytes(prepared: PreparedQuery): bigint {
  const tables = new Set(
    prepared.analyzed.reads.filter((read) => read.kind === 'TABLE').map((read) => nameOf(read.ref)),
  );
  const least = BigInt(tables.size) * 10n * MB;
  const rounded = ((prepared.bytesProcessed + MB - 1n) / MB) * MB;
  return rounded > least ? rounded : least;
}

async function bytesOf(
  services: Services,
  analyzed: AnalyzedStatement,
  lookup: JobTableLookup,
  context: StatementContext | undefined,
): Promise<bigint> {
  const columns = new Map<string, { ref: TableRef; names: Set<string> }>();
  for (const read of analyzed.reads) {
    if (read.kind !== 'TABLE') continue;
    const entry = columns.get(nameOf(read.ref)) ?? { ref: read.ref, names: new Set<string>() };
    for (const column of read.columns) entry.names.add(column);
    columns.set(nameOf(read.ref), entry);
  }
  let total = 0n;
  for (const { ref, names } of columns.values()) {
    const table = lookup.found(ref) ?? services.tables.get(ref);
    // No other connection sees a table that the transaction itself has made.
    if (table === undefined || context?.transaction?.made(table.physicalId) === true) continue;
    total += await services.sizes.bytes(table, [...names]);
  }
  return total;
}

function targetsOf(
  analyzed: AnalyzedStatement,
  configuration: QueryConfiguration,
): readonly { projectId: string; datasetId: string }[] {
  const { statement } = analyzed;
  const targets: { projectId: string; datasetId: string }[] = [];
  if (configuration.destination !== undefined) targets.push(configuration.destination);
  if ('on' in statement) {
    if (statement.on.kind !== 'PROJECT') targets.push(statement.on);
  } else if ('target' in statement && statement.kind !== 'CREATE_SCHEMA') targets.push(statement.target);
  return targets;
}

function defaultLocation(
  services: Services,
  dataset: { projectId: string; datasetId: string } | undefined,
): string | undefined {
  return dataset === undefined ? undefined : services.datasets.get(dataset.projectId, dataset.datasetId)?.location;
}
