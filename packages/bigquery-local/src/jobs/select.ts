// SELECT: the rows go into a destination table, or into an anonymous table of the caller
// that lives for 24 hours and serves as the query cache ("Using cached query results").
import { createHash, randomUUID } from 'node:crypto';
import type { Principal } from '../access/decision.ts';
import { accessDenied } from '../access/denied.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { checkColumnNames } from '../catalog/table-rules.ts';
import { ingestionTimeOf, nameOf, type Table, type TableProperties } from '../catalog/tables.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import type { CompiledQuery, TableRef } from '../googlesql/statement.ts';
import { sameType, typeName } from '../googlesql/types.ts';
import { fieldOf, typeOfField } from '../googlesql/values/schema.ts';
import { fittedRows } from '../googlesql/values/type-parameters.ts';
import type { Services } from '../services.ts';
import { identifier } from '../storage/duckdb.ts';
import { missingDataset } from './authorize-statement.ts';
import { leftOutDefaults, withDefaults } from './default-values.ts';
import { checkLayout, requireSameLayout } from './destination-layout.ts';
import type { Execution } from './execution.ts';
import type { QueryConfiguration } from './query-configuration.ts';
import { fillPartition, partitionedProperties, writePartition } from './partition-write.ts';
import type { PreparedQuery } from './query-job.ts';
import { withSchemaUpdates } from './schema-update.ts';
import { visibleTable } from './table-lookup.ts';
import { changeInPlace, commitTable, commitTruncated, fill, insertInto } from './write-table.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export async function runSelect(
  execution: Execution,
  prepared: PreparedQuery,
  query: CompiledQuery,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const fields = query.columns.map(fieldOf);
  requireDistinctNames(fields);
  const { destination } = prepared.configuration;
  if (destination === undefined) return runAnonymous(execution, prepared, query, fields, statistics);
  const key = nameOf(destination);
  return execution.services.lock.hold(key, execution.signal, () =>
    runInto(execution, prepared, query, fields, destination, statistics),
  );
}

/** Name of the anonymous table of a result; the hidden dataset belongs to one user. */
export function anonymousTable(projectId: string, principal: Principal, location: string, key: string): TableRef {
  const owner = createHash('sha1')
    .update(JSON.stringify([projectId, principal.email, location]))
    .digest('hex');
  return { projectId, datasetId: `_${owner}`, tableId: `anon${key}` };
}

/** Equal for the same text and parameters of one user over the same versions of all tables. */
export function cacheKey(prepared: PreparedQuery, principal: Principal, projectId: string): string {
  const { configuration, analyzed, lookup } = prepared;
  const versions = analyzed.reads.map((read) => [nameOf(read.ref), lookup.found(read.ref)?.version ?? -1]);
  const routines = (analyzed.routines ?? []).map(({ ref }) => [ref, lookup.routineVersion(ref)]);
  const text = JSON.stringify([
    principal.email,
    projectId,
    configuration.sql,
    configuration.defaultDataset,
    parametersText(configuration),
    versions,
    routines,
    prepared.temporaryRoutines,
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 48);
}

export function cachedResult(services: Services, ref: TableRef): Table | undefined {
  const table = services.tables.get(ref);
  return table?.physicalId === undefined ? undefined : table;
}

async function runAnonymous(
  execution: Execution,
  prepared: PreparedQuery,
  query: CompiledQuery,
  fields: readonly FieldSchema[],
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services, principal, projectId } = execution;
  const cacheable = query.deterministic && prepared.configuration.useQueryCache && prepared.lookup.cacheable;
  const key = cacheable ? cacheKey(prepared, principal, projectId) : randomUUID().replaceAll('-', '');
  const ref = anonymousTable(projectId, principal, prepared.location, key);
  const { physicalId, rows } = await fill(execution, projectId, fields, query.sql);
  if (services.datasets.get(projectId, ref.datasetId) === undefined) {
    const properties = { access: [{ role: 'OWNER', userByEmail: principal.email }] };
    try {
      services.datasets.insert({
        projectId,
        datasetId: ref.datasetId,
        location: prepared.location,
        hiddenOwner: principal.email,
        properties,
      });
    } catch (error) {
      if (!(error instanceof BigQueryError) || error.reason !== 'duplicate') throw error;
    }
  }
  const outcome: JobOutcome = { statistics, destination: ref, schema: { fields }, totalRows: String(rows) };
  const expirationMs = services.clock() + DAY_MS;
  const table = await commitTable(
    services,
    { ref, kind: 'TABLE', physicalId, expirationMs, properties: { schema: { fields } } },
    'replace',
    () => execution.finish(outcome),
  );
  services.rows.filled(table, rows);
  return outcome;
}

async function runInto(
  execution: Execution,
  prepared: PreparedQuery,
  query: CompiledQuery,
  fields: readonly FieldSchema[],
  ref: TableRef,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services } = execution;
  const { writeDisposition, createDisposition, partition } = prepared.configuration;
  checkColumnNames(fields);
  const old = services.tables.get(ref);
  const outcome = (total: number): JobOutcome => ({
    statistics,
    destination: ref,
    schema: { fields },
    totalRows: String(total),
  });
  if (old === undefined) {
    const dataset = services.datasets.get(ref.projectId, ref.datasetId);
    if (dataset === undefined)
      throw new BigQueryError('notFound', `Not found: Dataset ${ref.projectId}:${ref.datasetId}`);
    if (createDisposition === 'CREATE_NEVER') throw new BigQueryError('notFound', `Not found: Table ${nameOf(ref)}`);
    checkLayout(prepared.configuration.layout, fields);
    const given = withLayout({ schema: { fields } }, prepared.configuration);
    const layout = partition === undefined ? given : partitionedProperties(given);
    const { physicalId, rows } =
      partition === undefined
        ? await fill(execution, ref.projectId, fields, query.sql, ingestionTimeOf(layout))
        : await fillPartition(execution, ref.projectId, layout, partition, query.sql);
    const defaultMs = dataset.properties.defaultTableExpirationMs;
    const expirationMs = defaultMs === undefined ? undefined : services.clock() + Number(defaultMs);
    await commitTable(services, { ref, kind: 'TABLE', physicalId, expirationMs, properties: layout }, 'create', () =>
      execution.finish(outcome(rows)),
    );
    return outcome(rows);
  }
  if (old.kind !== 'TABLE') throw new BigQueryError('invalid', `Cannot write to ${nameOf(ref)}: it is a ${old.kind}.`);
  const truncates = writeDisposition === 'WRITE_TRUNCATE' && partition === undefined;
  if (truncates || old.physicalId === undefined) {
    checkLayout(prepared.configuration.layout, fields);
    const properties = withLayout({ ...old.properties, schema: { fields } }, prepared.configuration);
    const { physicalId, rows } =
      partition === undefined
        ? await fill(execution, ref.projectId, fields, query.sql, ingestionTimeOf(properties))
        : await fillPartition(execution, ref.projectId, properties, partition, query.sql);
    await commitTruncated(services, old, physicalId, properties, () => execution.finish(outcome(rows)));
    return outcome(rows);
  }
  if (writeDisposition === 'WRITE_EMPTY' && partition === undefined && (await services.sizes.rows(old)) > 0n)
    throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(ref)}`);
  requireSameLayout(old, prepared.configuration.layout);
  const { schemaUpdates } = prepared.configuration;
  return withSchemaUpdates(execution, old, fields, schemaUpdates, false, (table) =>
    append(execution, prepared, query, fields, table, outcome),
  );
}

async function append(
  execution: Execution,
  prepared: PreparedQuery,
  query: CompiledQuery,
  fields: readonly FieldSchema[],
  table: Table,
  outcome: (total: number) => JobOutcome,
): Promise<JobOutcome> {
  const { writeDisposition, partition } = prepared.configuration;
  requireAppendable(table, fields);
  const names = fields.map((field) => field.name);
  const leftOut = await leftOutDefaults(execution.services, execution.principal.email, table, names);
  const own = new Map(table.properties.schema.fields.map((field) => [field.name.toLowerCase(), field]));
  // What the table says of its columns counts, not what the query gives.
  const ownFields = fields.map((field) => own.get(field.name.toLowerCase()) ?? field);
  const rowsSql = withDefaults(fittedRows(query.sql, ownFields, typeOfField), leftOut);
  if (partition !== undefined)
    return writePartition(execution, {
      table,
      partition,
      disposition: writeDisposition,
      columns: [...names, ...leftOut.names],
      sql: rowsSql,
      outcome,
    });
  const columns = [...names, ...leftOut.names].map(identifier).join(', ');
  return changeInPlace(execution, {
    ref: table.ref,
    expected: table,
    body: async (session, name) => {
      const rows = await insertInto(session, name, columns, rowsSql);
      return { changed: rows, outcome: outcome(rows) };
    },
  });
}

function withLayout(properties: TableProperties, configuration: QueryConfiguration): TableProperties {
  const { layout } = configuration;
  if (layout.timePartitioning === undefined && layout.rangePartitioning === undefined)
    return { ...properties, ...layout };
  const { timePartitioning: _time, rangePartitioning: _range, ...rest } = properties;
  return { ...rest, ...layout };
}

/** Appended columns must be in the table with the same type, and no required one may be missing. */
export function requireAppendable(table: Table, fields: readonly FieldSchema[]): void {
  const mismatch = (what: string): BigQueryError =>
    new BigQueryError('invalid', `Provided Schema does not match Table ${nameOf(table.ref)}. ${what}`);
  const existing = new Map(table.properties.schema.fields.map((field) => [field.name.toLowerCase(), field]));
  for (const field of fields) {
    const known = existing.get(field.name.toLowerCase());
    if (known === undefined) throw mismatch(`Cannot add fields (field: ${field.name})`);
    if (!sameType(typeOfField(known), typeOfField(field))) {
      throw mismatch(
        `Field ${field.name} has changed type from ${typeName(typeOfField(known))} to ${typeName(typeOfField(field))}`,
      );
    }
  }
  const given = new Set(fields.map((field) => field.name.toLowerCase()));
  for (const field of existing.values()) {
    if (field.mode === 'REQUIRED' && field.defaultValueExpression === undefined && !given.has(field.name.toLowerCase()))
      throw mismatch(`Missing required field: ${field.name}`);
  }
}

/** 403 when the caller may not make, or write, the destination ("Write query results": `tables.create` for a new table, `tables.updateData` to write, append or overwrite). */
export function authorizeDestination(services: Services, principal: Principal, ref: TableRef): void {
  const dataset = { kind: 'dataset', projectId: ref.projectId, datasetId: ref.datasetId } as const;
  const table = { kind: 'table', ...ref } as const;
  const require = (permission: string, resource: typeof dataset | typeof table): void => {
    if (services.access.decide(principal, permission, resource).allowed) return;
    throw missingDataset(services, principal, resource) ?? accessDenied(permission, resource);
  };
  if (visibleTable(services, principal, ref) === undefined) require('bigquery.tables.create', dataset);
  require('bigquery.tables.updateData', table);
}

function requireDistinctNames(fields: readonly FieldSchema[]): void {
  const seen = new Set<string>();
  for (const { name } of fields) {
    const key = name.toLowerCase();
    if (seen.has(key))
      throw new BigQueryError(
        'invalidQuery',
        `Duplicate column names in the result are not supported when a destination table is present. Found duplicate(s): ${name}`,
        { location: 'query' },
      );
    seen.add(key);
  }
}

function parametersText(configuration: QueryConfiguration): string {
  const { parameters } = configuration;
  if (parameters === undefined) return '';
  const values = parameters.mode === 'NAMED' ? [...parameters.values] : parameters.values;
  return JSON.stringify(values, (_key, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
