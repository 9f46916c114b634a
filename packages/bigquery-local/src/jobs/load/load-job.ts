// A load job: read the uploaded file with DuckDB's readers, convert every value to the
// table's types, and commit all of its rows at once or none.
import { accessDenied } from '../../access/denied.ts';
import type { Permission, Resource } from '../../access/decision.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { ErrorProto, JobOutcome } from '../../catalog/jobs.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { ingestionTimeOf, nameOf, type Table, type TableProperties } from '../../catalog/tables.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { fittedRows } from '../../googlesql/values/type-parameters.ts';
import { identifier, type Session } from '../../storage/duckdb.ts';
import { missingDataset } from '../authorize-statement.ts';
import { leftOutDefaults, withDefaults } from '../default-values.ts';
import { checkLayout, requireSameLayout, type DestinationLayout } from '../destination-layout.ts';
import type { Execution } from '../execution.ts';
import { fillPartition, partitionedProperties, writePartition } from '../partition-write.ts';
import { withSchemaUpdates } from '../schema-update.ts';
import { requireAppendable } from '../select.ts';
import { visibleTable } from '../table-lookup.ts';
import { changeInPlace, commitTable, commitTruncated, fill, insertInto, StaleTable } from '../write-table.ts';
import { avroRows, avroSource, type AvroRows } from './avro.ts';
import { csvSource } from './csv.ts';
import { jsonSource } from './json.ts';
import type { LoadConfiguration } from './load-configuration.ts';
import { parquetSource } from './parquet.ts';
import { prepareFiles } from './prepare-files.ts';
import type { BadRow, LoadFile, LoadSource, TextFiles } from './source.ts';

/** Bad rows that one job may leave out: their numbers are kept until it ends. */
const MAX_BAD_ROWS = 100_000;

/** Errors that a job lists. */
const MAX_ERRORS = 5;

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
  await using data = await openData(execution, configuration, files);
  return await services.lock.hold(nameOf(ref), signal, async () => {
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
      openSource(session, execution, configuration, data, old),
    );
    const { skipped, errors } = await findBadRows(execution, configuration, source);
    const inputBytes = files.reduce((sum, { size }) => sum + size, 0);
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
      ...(errors.length === 0 ? {} : { errors }),
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
      throw await explain(execution, source, data.files, error);
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
    const { layout } = configuration;
    checkLayout(layout, source.fields);
    const kept = old === undefined || !isPartitioned(layout) ? old?.properties : withoutPartitions(old.properties);
    const given = { ...kept, ...descriptionOf(configuration), ...layout, schema: { fields: source.fields } };
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
  requireSameLayout(old, configuration.layout);
  // A Parquet or Avro file, or a schema of the table's own, says nothing against REQUIRED.
  const checksModes = configuration.format === 'CSV' || configuration.format === 'NEWLINE_DELIMITED_JSON';
  return withSchemaUpdates(execution, old, source.fields, configuration.schemaUpdates, checksModes, (target) =>
    append(load, target),
  );
}

async function append(load: Write, target: Table): Promise<JobOutcome> {
  const { execution, configuration, source, sql } = load;
  const { partition } = configuration;
  requireAppendable(target, source.fields);
  const names = source.fields.map((field) => field.name);
  const leftOut = await leftOutDefaults(execution.services, execution.principal.email, target, names);
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
    ref: target.ref,
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

function descriptionOf({ description }: LoadConfiguration): Pick<TableProperties, 'description'> {
  return description === undefined ? {} : { description };
}

function isPartitioned({ timePartitioning, rangePartitioning }: DestinationLayout): boolean {
  return timePartitioning !== undefined || rangePartitioning !== undefined;
}

function withoutPartitions(properties: TableProperties): TableProperties {
  const { timePartitioning: _time, rangePartitioning: _range, ...rest } = properties;
  return rest;
}

type Data = AsyncDisposable & TextFiles & { readonly avro?: AvroRows };

/** The files as their readers take them, until the load is over. */
async function openData(
  { services, signal }: Execution,
  configuration: LoadConfiguration,
  files: readonly LoadFile[],
): Promise<Data> {
  const { spool } = services.directory;
  const { csv } = configuration;
  switch (configuration.format) {
    case 'CSV': {
      const { delimiter = ',', quote, preserveAsciiControlCharacters } = csv;
      // "Auto-detection: quoted new lines": they are no end of a row.
      const allowQuotedNewlines = csv.allowQuotedNewlines || configuration.autodetect;
      const scanned = { delimiter, quote, allowQuotedNewlines, preserveAsciiControlCharacters };
      return prepareFiles(files, { encoding: csv.encoding, csv: scanned }, spool, signal);
    }
    case 'NEWLINE_DELIMITED_JSON':
      return prepareFiles(files, { encoding: 'utf-8' }, spool, signal);
    case 'AVRO': {
      const avro = await avroRows(files, configuration, spool, signal);
      return { ...avro, avro, [Symbol.asyncDispose]: () => avro[Symbol.asyncDispose]() };
    }
    case 'PARQUET':
      return { files, longestRowBytes: 0, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
}

async function openSource(
  session: Session,
  execution: Execution,
  configuration: LoadConfiguration,
  data: Data,
  old: Table | undefined,
): Promise<LoadSource> {
  // Without a schema of its own, a load into an existing table uses the table's.
  const keepsTable = old !== undefined && configuration.writeDisposition !== 'WRITE_TRUNCATE';
  const schema =
    configuration.schema ??
    (keepsTable && !configuration.autodetect && configuration.format !== 'PARQUET' && configuration.format !== 'AVRO'
      ? old.properties.schema.fields
      : undefined);
  const usable = schema !== undefined && schema.length > 0 ? schema : undefined;
  const { times } = configuration;
  const formats = times === undefined ? undefined : { ...times, nowMicros: BigInt(execution.services.clock()) * 1000n };
  switch (configuration.format) {
    case 'CSV':
      return csvSource(session, configuration, data, usable, formats);
    case 'NEWLINE_DELIMITED_JSON':
      return jsonSource(session, configuration, data, usable, formats);
    case 'AVRO':
      return avroSource(session, data.avro!, usable);
    case 'PARQUET':
      return parquetSource(session, configuration, data.files, usable);
  }
}

async function findBadRows(
  execution: Execution,
  configuration: LoadConfiguration,
  source: LoadSource,
): Promise<{ readonly skipped: number; readonly errors: readonly ErrorProto[] }> {
  const { maxBadRecords } = configuration;
  if (maxBadRecords === 0 || source.badRows === undefined) return { skipped: 0, errors: [] };
  const limit = Math.min(maxBadRecords + 1, MAX_BAD_ROWS);
  const bad = await execution.services.duckdb.use({ signal: execution.signal }, (session) =>
    source.badRows!(session, limit),
  );
  const rows = new Set(bad.map(({ row }) => row)).size;
  if (rows > maxBadRecords || rows >= MAX_BAD_ROWS) throw tooManyErrors(bad);
  return { skipped: rows, errors: bad.slice(0, MAX_ERRORS).map(errorOf) };
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
    source.badRows === undefined ||
    // Ours, not the reader's: it says already what is wrong.
    error.cause === undefined
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
  const details = bad.slice(0, MAX_ERRORS).map(errorOf);
  return new BigQueryError(
    'invalid',
    `Error while reading data, error message: table encountered too many errors, giving up. Rows: ${first.row}; errors: ${rows}. First error: could not parse '${first.value}' as ${first.type} for field ${first.column} in row ${first.row}. Please look into the errors[] collection for more details.`,
    { details },
  );
}

function errorOf({ row, column, value, type }: BadRow): ErrorProto {
  return {
    reason: 'invalid',
    message: `Error while reading data, error message: Could not parse '${value}' as ${type} for field ${column} (row ${row})`,
  };
}
