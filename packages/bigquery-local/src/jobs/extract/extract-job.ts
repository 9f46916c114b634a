// An extract job: the rows of a table to objects of Cloud Storage. The file is made whole
// beside the spooled uploads and then committed as an object, so no reader sees a part.
// NOTE One file for each URI: `*` becomes 000000000000. BigQuery splits at 1 GB.
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { accessDenied } from '../../access/denied.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { nameOf, type Table } from '../../catalog/tables.ts';
import { callerOf } from '../../cloud-storage/cloud-storage.ts';
import { requireDestination, writeObject, type GsUri } from '../../cloud-storage/job-files.ts';
import { encodeChunk } from '../../googlesql/values/encode.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { identifier, literal, type Session } from '../../storage/duckdb.ts';
import { PhysicalTables } from '../../storage/physical-tables.ts';
import { missingDataset } from '../authorize-statement.ts';
import type { Execution } from '../execution.ts';
import { requireAllRows } from '../row-access.ts';
import type { ExtractConfiguration } from './extract-configuration.ts';
import { parquetValue } from './parquet-value.ts';
import { csvLines, jsonLines } from './text-rows.ts';

/** "You can export up to 1 GB of table data to a single file." */
const MAX_SINGLE_FILE_BYTES = 1024 ** 3;

const CONTENT_TYPES = {
  CSV: 'text/csv',
  NEWLINE_DELIMITED_JSON: 'application/json',
  PARQUET: 'application/octet-stream',
} as const;

export async function runExtract(execution: Execution, configuration: ExtractConfiguration): Promise<JobOutcome> {
  const { services, principal, signal } = execution;
  const table = authorizedSource(execution, configuration);
  const caller = callerOf(services.access, principal);
  const destinations = configuration.destinations.map(shardOf);
  for (const destination of destinations) requireDestination(services.cloudStorage, caller, destination);
  const path = join(services.directory.spool, `extract-${randomUUID()}`);
  try {
    const unpin = services.physical.pin(table.physicalId!);
    try {
      await services.duckdb.attach(table.ref.projectId);
      await services.duckdb.use({ signal }, (session) => writeFile(session, table, configuration, path, signal));
    } finally {
      unpin();
    }
    const { size } = await stat(path);
    const single = configuration.destinations.find(({ name }) => !name.includes('*'));
    if (size > MAX_SINGLE_FILE_BYTES && single !== undefined)
      throw new BigQueryError(
        'invalid',
        `Table ${nameOf(table.ref)} too large to be exported to a single file. Specify a uri including a * to shard export. See 'Exporting data into one or more files' in https://cloud.google.com/bigquery/docs/exporting-data.`,
      );
    const contentType =
      configuration.compression === 'GZIP' && configuration.format !== 'PARQUET'
        ? 'application/gzip'
        : CONTENT_TYPES[configuration.format];
    for (const destination of destinations)
      await writeObject(services.cloudStorage, caller, destination, { path, contentType }, signal);
  } finally {
    await rm(path, { force: true });
  }
  const counts = destinations.map(() => '1');
  return {
    statistics: {
      extract: { destinationUriFileCounts: counts, inputBytes: String(await services.sizes.bytes(table)) },
    },
  };
}

function authorizedSource(execution: Execution, { source }: ExtractConfiguration): Table {
  const { services, principal } = execution;
  const resource = { kind: 'table', ...source } as const;
  if (!services.access.decide(principal, 'bigquery.tables.export', resource).allowed)
    throw missingDataset(services, principal, resource) ?? accessDenied('bigquery.tables.export', resource);
  const table = services.tables.get(source);
  if (table === undefined) throw new BigQueryError('notFound', `Not found: Table ${nameOf(source)}`);
  if (table.physicalId === undefined)
    throw new BigQueryError(
      'invalid',
      `${nameOf(source)} is not allowed for this operation because it is currently a ${table.kind}.`,
    );
  requireAllRows(services, principal, source);
  return table;
}

function shardOf(destination: GsUri): GsUri {
  const name = destination.name.replace('*', '000000000000');
  return { ...destination, name, uri: `gs://${destination.bucket}/${name}` };
}

async function writeFile(
  session: Session,
  table: Table,
  configuration: ExtractConfiguration,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { fields } = table.properties.schema;
  const from = PhysicalTables.nameOf(table.ref.projectId, table.physicalId!);
  if (configuration.format === 'PARQUET') {
    const columns = fields.map((field) => {
      const column = identifier(field.name);
      return `${parquetValue(column, typeOfField(field), 0)} AS ${column}`;
    });
    const codec = configuration.compression === 'NONE' ? 'uncompressed' : configuration.compression.toLowerCase();
    await session.run(
      `COPY (SELECT ${columns.join(', ')} FROM ${from}) TO ${literal(path)} (FORMAT parquet, COMPRESSION ${codec})`,
    );
    return;
  }
  const select = `SELECT ${fields.map((field) => identifier(field.name)).join(', ')} FROM ${from}`;
  const lines = Readable.from(textChunks(session, select, table, configuration));
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  await (configuration.compression === 'GZIP'
    ? pipeline(lines, createGzip(), file, { signal })
    : pipeline(lines, file, { signal }));
}

async function* textChunks(
  session: Session,
  select: string,
  table: Table,
  { format, delimiter, printHeader }: ExtractConfiguration,
): AsyncGenerator<string> {
  const { fields } = table.properties.schema;
  const types = fields.map(typeOfField);
  let line = jsonLines(fields);
  if (format === 'CSV') {
    const csv = csvLines(fields, delimiter);
    line = csv.line;
    if (printHeader) yield `${csv.header}\n`;
  }
  for await (const chunk of session.chunks(select)) {
    const rows = encodeChunk(chunk, types, { useInt64Timestamp: true });
    yield rows.map((row) => `${line(row)}\n`).join('');
  }
}
