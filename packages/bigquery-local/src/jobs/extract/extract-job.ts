// An extract job: the rows of a table to objects of Cloud Storage. The files are made whole
// beside the spooled uploads and then committed as objects, so no reader sees a part of one.
// Source: "Exporting table data"; JobConfigurationExtract of the REST v2 reference.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { stat } from 'node:fs/promises';
import { accessDenied } from '../../access/denied.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { nameOf, type Table } from '../../catalog/tables.ts';
import { callerOf } from '../../cloud-storage/cloud-storage.ts';
import { requireDestination, writeObject } from '../../cloud-storage/job-files.ts';
import { encodeChunk } from '../../googlesql/values/encode.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { identifier, literal, type Session } from '../../storage/duckdb.ts';
import { PhysicalTables } from '../../storage/physical-tables.ts';
import { missingDataset } from '../authorize-statement.ts';
import type { Execution } from '../execution.ts';
import { requireAllRows } from '../row-access.ts';
import { AvroFormat } from './avro-file.ts';
import type { ExtractConfiguration } from './extract-configuration.ts';
import { MAX_FILE_BYTES, OutFiles, type Encoder } from './out-files.ts';
import { parquetValue } from './parquet-value.ts';
import { csvLines, jsonLines } from './text-rows.ts';

const CONTENT_TYPES = {
  CSV: 'text/csv',
  NEWLINE_DELIMITED_JSON: 'application/json',
  PARQUET: 'application/octet-stream',
  AVRO: 'application/octet-stream',
} as const;

/** `maxFileBytes`: of one file, before it is packed. */
export async function runExtract(
  execution: Execution,
  configuration: ExtractConfiguration,
  maxFileBytes = MAX_FILE_BYTES,
): Promise<JobOutcome> {
  const { services, principal, signal } = execution;
  const { format, destinations } = configuration;
  const table = authorizedSource(execution, configuration);
  const caller = callerOf(services.access, principal);
  const gzip = configuration.compression === 'GZIP' && format !== 'PARQUET';
  await using out = new OutFiles(destinations, {
    directory: services.directory.spool,
    gzip,
    maxFileBytes,
    table: nameOf(table.ref),
  });
  for (const destination of destinations)
    requireDestination(services.cloudStorage, caller, { ...destination, name: firstShard(destination.name) });
  const inputBytes = await services.sizes.bytes(table);
  const unpin = services.physical.pin(table.physicalId!);
  try {
    await services.duckdb.attach(table.ref.projectId);
    await services.duckdb.use({ signal }, (session) =>
      format === 'PARQUET'
        ? writeParquet(session, table, configuration, out, Math.ceil(Number(inputBytes) / maxFileBytes))
        : writeRows(session, table, configuration, out),
    );
  } finally {
    unpin();
  }
  const contentType = gzip ? 'application/gzip' : CONTENT_TYPES[format];
  for (const { path, destination } of out.files)
    await writeObject(services.cloudStorage, caller, destination, { path, contentType }, signal);
  return {
    statistics: {
      extract: { destinationUriFileCounts: out.counts.map(String), inputBytes: inputBytes.toString() },
    },
  };
}

function firstShard(name: string): string {
  return name.replace('*', '000000000000');
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

/** `wanted`: files of at most the size that a file may have, by the size of the table. */
async function writeParquet(
  session: Session,
  table: Table,
  configuration: ExtractConfiguration,
  out: OutFiles,
  wanted: number,
): Promise<void> {
  const from = PhysicalTables.nameOf(table.ref.projectId, table.physicalId!);
  const columns = table.properties.schema.fields.map((field) => {
    const column = identifier(field.name);
    return `${parquetValue(column, typeOfField(field), 0)} AS ${column}`;
  });
  const codec = configuration.compression === 'NONE' ? 'uncompressed' : configuration.compression.toLowerCase();
  const uris = configuration.destinations.length;
  const shards = out.isSharded(0) ? Math.max(uris, wanted) : 1;
  for (let shard = 0; shard < shards; shard++) {
    const uri = shard % uris;
    const path = out.next(uri);
    const rows =
      shards === 1
        ? from
        : `(SELECT * FROM ${from} QUALIFY (row_number() OVER () - 1) % ${shards} = ${shard}) AS shard`;
    await session.run(
      `COPY (SELECT ${columns.join(', ')} FROM ${rows}) TO ${literal(path)} (FORMAT parquet, COMPRESSION ${codec})`,
    );
    out.checkSize(uri, (await stat(path)).size);
  }
}

async function writeRows(
  session: Session,
  table: Table,
  configuration: ExtractConfiguration,
  out: OutFiles,
): Promise<void> {
  const { fields } = table.properties.schema;
  const from = PhysicalTables.nameOf(table.ref.projectId, table.physicalId!);
  if (configuration.format === 'AVRO') {
    const { compression, avroLogicalTypes } = configuration;
    const codec = compression === 'NONE' ? 'null' : compression === 'SNAPPY' ? 'snappy' : 'deflate';
    const avro = new AvroFormat(fields, codec, avroLogicalTypes);
    await out.write(session.chunks(`SELECT ${avro.selectList} FROM ${from}`), {
      begin: () => {
        const { header, block } = avro.begin();
        return { header, part: block };
      },
    });
    return;
  }
  const columns = fields.map((field) => identifier(field.name)).join(', ');
  await out.write(session.chunks(`SELECT ${columns} FROM ${from}`), textEncoder(table, configuration));
}

function textEncoder(table: Table, { format, delimiter, printHeader }: ExtractConfiguration): Encoder<DuckDBDataChunk> {
  const { fields } = table.properties.schema;
  const types = fields.map(typeOfField);
  const csv = format === 'CSV' ? csvLines(fields, delimiter) : undefined;
  const line = csv?.line ?? jsonLines(fields);
  const header = Buffer.from(csv !== undefined && printHeader ? `${csv.header}\n` : '');
  const part = (chunk: DuckDBDataChunk): Uint8Array => {
    const rows = encodeChunk(chunk, types, { useInt64Timestamp: true });
    return Buffer.from(rows.map((row) => `${line(row)}\n`).join(''));
  };
  return { begin: () => ({ header, part }) };
}
