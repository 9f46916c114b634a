// A load job: read the uploaded file with DuckDB's readers, convert every value to the
// table's types, and commit all of its rows at once or none.
import { accessDenied } from '../../access/denied.ts';
import type { Permission, Resource } from '../../access/decision.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { ingestionTimeOf, nameOf, type Table, type TableProperties } from '../../catalog/tables.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { fittedRows } from '../../googlesql/values/type-parameters.ts';
import { identifier, type Session } from '../../storage/duckdb.ts';
import { missingDataset } from '../authorize-statement.ts';
import { leftOutDefaults, withDefaults } from '../default-values.ts';
import type { Execution } from '../execution.ts';
import { fillPartition, partitionedProperties, writePartition } from '../partition-write.ts';
import { requireAppendable } from '../select.ts';
import { visibleTable } from '../table-lookup.ts';
import { changeInPlace, commitTable, commitTruncated, fill, insertInto, StaleTable } from '../write-table.ts';
import { csvSource } from './csv.ts';
import { jsonSource } from './json.ts';
import type { LoadConfiguration } from './load-configuration.ts';
import { parquetSource } from './parquet.ts';
import type { BadRow, LoadFile, LoadSource } from './source.ts';

/** 403 when the caller may not make, or write, the destination. */
export function authorizeLoad(execution: Execution, configuration: LoadConfiguration): void {
  const { services, principal } = execution;
  const { destination: ref } = configuration;
  const require = (permission: Permission, resource: Resource): void => {
    if (services.access.decide(principal, permission, resource).allowed) return;
    throw missingDataset(services, principal, resource) ?? accessDenied(permission, resource);
  };
  if (visibleTable(services, principal, ref) === undefined)
    require('bigquery.tables.create', { kind: 'dataset', projectId: ref.projectId, datasetId: ref.datasetId });
  // "Loading data": create to make the table, updateData and update to fill it.
  require('bigquery.tables.updateData', { kind: 'table', ...ref });
  require('bigquery.tables.update', { kind: 'table', ...ref });
}

export async function runLoad(
  execution: Execution,
  configuration: LoadConfiguration,
  files: readonly LoadFile[],
): Promise<JobOutcome> {
  const { services, signal } = execution;
  const { destination: ref } = configuration;
  const inputBytes = files.reduce((sum, { size }) => sum + size, 0);
  return services.lock.hold(nameOf(ref), signal, async () => {
    const dataset = services.datasets.get(ref.projectId, ref.datasetId);
    if (dataset === undefined)
      throw new BigQueryError('notFound', `Not found: Dataset ${ref.projectId}:${ref.datasetId}`);
    const old = services.tables.get(ref);
    if (old !== undefined && old.kind !== 'TABLE')
      throw new BigQueryError('invalid', `Cannot load into ${nameOf(ref)}: it is a ${old.kind}.`);
    if (old === undefined && configuration.createDisposition === 'CREATE_NEVER')
      throw new BigQueryError('notFound', `Not found: Table ${nameOf(ref)}`);
    if (
      old !== undefined &&
      configuration.writeDisposition === 'WRITE_EMPTY' &&
      configuration.partition === undefined &&
      (await services.sizes.rows(old)) > 0n
    ) {
      throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(ref)}`);
    }
    const source = await services.duckdb.use({ signal, timeoutMs: 600_000 }, (session) =>
      openSource(session, configuration, files, old),
    );
    const skipped = await countBadRows(execution, configuration, source);
    const outcome = (rows: number): JobOutcome => ({
      statistics: {
        load: {
          inputFiles: String(files.length),
          inputFileBytes: String(inputBytes),
          outputRows: String(rows),
          badRecords: String(skipped),
        },
      },
      destination: ref,
    });
    const sql = skipped > 0 ? source.selectGood! : source.select();
    try {
      return await write({
        execution,
        configuration,
        source,
        old,
        sql,
        outcome,
        defaultExpirationMs: dataset.properties.defaultTableExpirationMs,
      });
    } catch (error) {
      throw await explain(execution, source, files, error);
    }
  });
}

type Write = {
  readonly execution: Execution;
  readonly configuration: LoadConfiguration;
  readonly source: LoadSource;
  readonly old: Table | undefined;
  readonly sql: string;
  readonly defaultExpirationMs: string | undefined;
  outcome(rows: number): JobOutcome;
};

async function write(load: Write): Promise<JobOutcome> {
  const { execution, configuration, source, old, sql } = load;
  const { services } = execution;
  const { destination: ref } = configuration;
  const { partition } = configuration;
  const truncates = configuration.writeDisposition === 'WRITE_TRUNCATE' && partition === undefined;
  if (old?.physicalId === undefined || truncates) {
    const given = { ...old?.properties, ...layoutOf(configuration), schema: { fields: source.fields } };
    const properties = partition === undefined ? given : partitionedProperties(given);
    const { physicalId, rows } =
      partition === undefined
        ? await fill(execution, ref.projectId, source.fields, sql, ingestionTimeOf(properties))
        : await fillPartition(execution, ref.projectId, properties, partition, sql);
    const outcome = load.outcome(rows);
    if (old !== undefined) {
      await commitTruncated(services, old, physicalId, properties, () => execution.finish(outcome));
      return outcome;
    }
    const expirationMs =
      load.defaultExpirationMs === undefined ? undefined : services.clock() + Number(load.defaultExpirationMs);
    await commitTable(services, { ref, kind: 'TABLE', physicalId, expirationMs, properties }, 'create', () =>
      execution.finish(outcome),
    );
    return outcome;
  }
  const target = configuration.allowFieldAddition ? await addNewFields(execution, old, source.fields) : old;
  requireAppendable(target, source.fields);
  const names = source.fields.map((field) => field.name);
  const leftOut = await leftOutDefaults(services, execution.principal.email, target, names);
  const rowsSql = withDefaults(fittedRows(sql, fieldsOf(target, source.fields), typeOfField), leftOut);
  if (partition !== undefined)
    return writePartition(execution, {
      table: target,
      partition,
      disposition: configuration.writeDisposition,
      columns: [...names, ...leftOut.names],
      sql: rowsSql,
      outcome: (rows) => load.outcome(rows),
    });
  const columns = [...names, ...leftOut.names].map(identifier).join(', ');
  return changeInPlace(execution, {
    ref,
    expected: target,
    body: async (session, name) => {
      const rows = await insertInto(session, name, columns, rowsSql);
      return { changed: rows, outcome: load.outcome(rows) };
    },
  });
}

/** The table's own fields of these names, in their order: they say what a value must look like. */
function fieldsOf(table: Table, given: readonly FieldSchema[]): FieldSchema[] {
  const own = new Map(table.properties.schema.fields.map((field) => [field.name.toLowerCase(), field]));
  return given.map((field) => own.get(field.name.toLowerCase()) ?? field);
}

function layoutOf(configuration: LoadConfiguration): Partial<TableProperties> {
  const { description, timePartitioning, clustering } = configuration;
  return {
    ...(description === undefined ? {} : { description }),
    ...(timePartitioning === undefined
      ? {}
      : { timePartitioning: timePartitioning as NonNullable<TableProperties['timePartitioning']> }),
    ...(clustering === undefined ? {} : { clustering: { fields: clustering } }),
  };
}

async function addNewFields(execution: Execution, table: Table, fields: readonly FieldSchema[]): Promise<Table> {
  const { services } = execution;
  const known = new Set(table.properties.schema.fields.map((field) => field.name.toLowerCase()));
  const added = fields.filter((field) => !known.has(field.name.toLowerCase()));
  if (added.length === 0) return table;
  await services.duckdb.use({ signal: execution.signal }, (session) =>
    session.transaction(() => services.physical.addColumns(session, table, added)),
  );
  return services.tables.update(table.ref, {
    properties: { ...table.properties, schema: { fields: [...table.properties.schema.fields, ...added] } },
  });
}

async function openSource(
  session: Session,
  configuration: LoadConfiguration,
  files: readonly LoadFile[],
  old: Table | undefined,
): Promise<LoadSource> {
  // Without a schema of its own, a load into an existing table uses the table's.
  const keepsTable = old !== undefined && configuration.writeDisposition !== 'WRITE_TRUNCATE';
  const schema =
    configuration.schema ??
    (keepsTable && !configuration.autodetect && configuration.format !== 'PARQUET'
      ? old.properties.schema.fields
      : undefined);
  const usable = schema !== undefined && schema.length > 0 ? schema : undefined;
  switch (configuration.format) {
    case 'CSV':
      return csvSource(session, configuration, files, usable);
    case 'NEWLINE_DELIMITED_JSON':
      return jsonSource(session, configuration, files, usable);
    default:
      return parquetSource(session, configuration, files, usable);
  }
}

async function countBadRows(
  execution: Execution,
  configuration: LoadConfiguration,
  source: LoadSource,
): Promise<number> {
  const { maxBadRecords } = configuration;
  if (maxBadRecords === 0 || source.badRows === undefined) return 0;
  const bad = await execution.services.duckdb.use({ signal: execution.signal }, (session) =>
    source.badRows!(session, maxBadRecords + 1),
  );
  const rows = new Set(bad.map(({ row }) => row)).size;
  if (rows > maxBadRecords) throw tooManyErrors(bad);
  return rows;
}

/** Names the rows and columns that did not convert, where the reader's own text does not. */
async function explain(
  execution: Execution,
  source: LoadSource,
  files: readonly LoadFile[],
  error: unknown,
): Promise<unknown> {
  if (
    !(error instanceof BigQueryError) ||
    error instanceof StaleTable ||
    execution.signal.aborted ||
    source.badRows === undefined
  )
    return error;
  if (!['invalid', 'invalidQuery', 'internalError'].includes(error.reason)) return error;
  try {
    const bad = await execution.services.duckdb.use({ signal: execution.signal, timeoutMs: 600_000 }, (session) =>
      source.badRows!(session, 5),
    );
    return bad.length === 0 ? readError(error, files) : tooManyErrors(bad);
  } catch {
    return readError(error, files);
  }
}

/** The reader's own text, without its advice and with the names of the files in place of their paths. */
function readError(error: BigQueryError, files: readonly LoadFile[]): BigQueryError {
  let named = error.message;
  for (const { path, name } of files) {
    for (const written of [`file "${path}"`, `file ${path}`, `"${path}"`, path])
      named = named.replaceAll(written, name);
  }
  const text = named
    .split('\nPossible fixes:')[0]!
    .replace(/Original Line: ([^\n]{0,100})[^\n]*/, 'Original Line: $1')
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
  return new BigQueryError('invalid', `Error while reading data, error message: ${text}`, { cause: error });
}

function tooManyErrors(bad: readonly BadRow[]): BigQueryError {
  const rows = new Set(bad.map(({ row }) => row)).size;
  const first = bad[0]!;
  const details = bad.slice(0, 5).map(({ row, column, value, type }) => ({
    reason: 'invalid',
    message: `Error while reading data, error message: Could not parse '${value}' as ${type} for field ${column} (row ${row})`,
  }));
  return new BigQueryError(
    'invalid',
    `Error while reading data, error message: table encountered too many errors, giving up. Rows: ${first.row}; errors: ${rows}. First error: could not parse '${first.value}' as ${first.type} for field ${first.column} in row ${first.row}. Please look into the errors[] collection for more details.`,
    { details },
  );
}
