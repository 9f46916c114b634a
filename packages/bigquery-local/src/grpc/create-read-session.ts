// CreateReadSession: checks the request and the caller, takes the snapshot, cuts it into streams.
// Sources: the Storage API's definition (CreateReadSessionRequest, ReadSession); texts as
// public reports of Google's clients show them.
import type { Principal, Resource } from '../access/decision.ts';
import { accessDenied } from '../access/denied.ts';
import { AUDIT_DATASET } from '../audit/audit-table.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { tableNotFound, type Table } from '../catalog/tables.ts';
import { authorizeStatement } from '../jobs/authorize-statement.ts';
import { rowAccessOf } from '../jobs/row-access.ts';
import { JobTableLookup } from '../jobs/table-lookup.ts';
import type { Services } from '../services.ts';
import { identifier } from '../storage/duckdb.ts';
import { serializedSchema } from './arrow/schema.ts';
import { avroSchema } from './avro/schema.ts';
import { select, type Selection } from './read-column.ts';
import type { ReadSession, ReadSessions, RowRange } from './read-sessions.ts';
import type { WireCreateReadSession, WireReadSession } from './read-wire.ts';

/** Google's limits: streams of a session, bytes of a filter. */
const MAX_STREAMS = 1_000;
const MAX_RESTRICTION_BYTES = 1_048_576;
/** A stream of fewer rows is not worth a call, unless the caller asks for so many. */
const MIN_STREAM_ROWS = 100;
const DEFAULT_STREAM_BYTES = 64 * 1024 ** 2;
const DEFAULT_MAX_STREAMS = 10;
/** What is read from DuckDB at once; a row group at most. */
const READ_BYTES = 4 * 1024 ** 2;
const MAX_READ_ROWS = 122_880;

export type CreatedSession = {
  readonly session: ReadSession;
  /** Of the columns that are read, before any restriction; 0 where row access policies hide rows. */
  readonly bytes: bigint;
};

export async function createReadSession(
  services: Services,
  sessions: ReadSessions,
  principal: Principal,
  request: WireCreateReadSession,
  signal: AbortSignal,
): Promise<CreatedSession> {
  const projectId = /^projects\/([^/]+)$/.exec(request.parent)?.[1];
  if (projectId === undefined)
    throw invalid(`Invalid resource field value in the request: parent '${request.parent}' is not projects/{project}.`);
  require(services, principal, projectId);
  const wire = request.readSession;
  const ref = tableOf(wire);
  const resource: Resource = { kind: 'table', ...ref };
  if (!services.access.decide(principal, 'bigquery.tables.getData', resource).allowed)
    throw accessDenied('bigquery.tables.getData', resource);
  const table = services.tables.get(ref);
  const dataset = services.datasets.get(ref.projectId, ref.datasetId);
  if (table === undefined || dataset === undefined) throw tableNotFound(ref);
  if ((table.kind !== 'TABLE' && table.kind !== 'SNAPSHOT') || table.physicalId === undefined)
    throw invalid('request failed: non-table entities cannot be read with the storage API');
  const options = readOptions(wire!, request);
  requireCurrent(services, table, wire!);
  const selection = select(table.properties.schema.fields, options.selectedFields);
  sessions.makeRoom();
  const unpin = services.physical.pin(table.physicalId);
  try {
    const snapshot = await snapshotOf({ services, principal, table, selection, options, signal });
    try {
      const { rows: tableRows, bytes } = await sizeOf(services, table, selection);
      const rowBytes = tableRows === 0 ? 0 : Math.ceil(Number(bytes) / tableRows);
      const { columns } = selection;
      const session = sessions.create(
        {
          projectId,
          table: ref,
          snapshot,
          columns,
          format: options.format,
          compression: options.compression,
          schema: options.format === 'ARROW' ? serializedSchema(columns) : Buffer.from(avroSchema(columns)),
          rowsPerRead: Math.min(MAX_READ_ROWS, Math.max(1, Math.floor(READ_BYTES / Math.max(1, rowBytes)))),
        },
        dataset.location,
        rangesOf(snapshot.rows, streamCount(snapshot.rows, rowBytes, request)),
      );
      // Of all rows: not for who may not know how many there are.
      return { session, bytes: rowAccessOf(services, principal, ref).kind === 'filtered' ? 0n : bytes };
    } catch (error) {
      snapshot.release();
      throw error;
    }
  } finally {
    unpin();
  }
}

function require(services: Services, principal: Principal, projectId: string): void {
  if (services.access.decide(principal, 'bigquery.readsessions.create', { kind: 'project', projectId }).allowed) return;
  throw new BigQueryError(
    'accessDenied',
    `request failed: the user does not have 'bigquery.readsessions.create' permission for 'projects/${projectId}'`,
  );
}

function tableOf(wire: WireReadSession | null): { projectId: string; datasetId: string; tableId: string } {
  const match = /^projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)$/.exec(wire?.table ?? '');
  if (match === null)
    throw invalid(
      `Invalid resource field value in the request: read_session.table '${wire?.table ?? ''}' is not projects/{project}/datasets/{dataset}/tables/{table}.`,
    );
  return { projectId: match[1]!, datasetId: match[2]!, tableId: match[3]! };
}

type Options = {
  readonly format: 'AVRO' | 'ARROW';
  readonly compression: 'LZ4_FRAME' | 'ZSTD' | undefined;
  readonly selectedFields: readonly string[];
  readonly restriction: string | undefined;
  readonly samplePercentage: number | undefined;
};

function readOptions(wire: WireReadSession, request: WireCreateReadSession): Options {
  const { dataFormat: format, readOptions: given } = wire;
  if (format === 'DATA_FORMAT_UNSPECIFIED') throw invalid('request failed: data format unspecified');
  if (format !== 'AVRO' && format !== 'ARROW')
    throw invalid(`request failed: data format ${String(format)} is unknown`);
  const { maxStreamCount, preferredMinStreamCount } = request;
  if (maxStreamCount < 0 || preferredMinStreamCount < 0)
    throw invalid('request failed: max_stream_count and preferred_min_stream_count must not be negative');
  if (maxStreamCount > 0 && preferredMinStreamCount > maxStreamCount)
    throw invalid('request failed: preferred_min_stream_count must not be greater than max_stream_count');
  const restriction = given?.rowRestriction ?? '';
  if (Buffer.byteLength(restriction) > MAX_RESTRICTION_BYTES)
    throw invalid(
      `read_session.read_options.row_restriction exceeded maximum allowed length. Maximum bytes allowed: ${MAX_RESTRICTION_BYTES}`,
    );
  const sample = given?.samplePercentage;
  if (sample !== undefined && !(sample >= 0 && sample <= 100))
    throw invalid(`request failed: sample_percentage must be between 0 and 100, not ${sample}`);
  const codec = given?.responseCompressionCodec;
  if (codec !== undefined && codec !== 'RESPONSE_COMPRESSION_CODEC_UNSPECIFIED')
    throw new BigQueryError('notImplemented', 'response_compression_codec is not supported by the local BigQuery.');
  const arrow = given?.arrowSerializationOptions;
  const avro = given?.avroSerializationOptions;
  if (avro?.enableDisplayNameAttribute === true)
    throw new BigQueryError('notImplemented', 'enable_display_name_attribute is not supported by the local BigQuery.');
  // 1 is microseconds, which is what timestamps have.
  if ((arrow?.picosTimestampPrecision ?? 0) > 1 || (avro?.picosTimestampPrecision ?? 0) > 1)
    throw new BigQueryError('notImplemented', 'picos_timestamp_precision is not supported by the local BigQuery.');
  const compression = arrow?.bufferCompression;
  return {
    format,
    compression: format === 'AVRO' || compression === 'COMPRESSION_UNSPECIFIED' ? undefined : compression,
    selectedFields: given?.selectedFields ?? [],
    restriction: restriction.trim() === '' ? undefined : restriction,
    samplePercentage: sample,
  };
}

/** The past is not kept: an earlier time is answered only when the table has not changed since. */
function requireCurrent(services: Services, table: Table, wire: WireReadSession): void {
  const time = wire.tableModifiers?.snapshotTime;
  if (time === undefined || time === null) return;
  const millis = Number(time.seconds) * 1000 + time.nanos / 1e6;
  const now = services.clock();
  if (millis > now + 1000)
    throw invalid(`request failed: snapshot_time ${new Date(millis).toISOString()} is in the future`);
  if (millis < table.modifiedMs)
    throw new BigQueryError(
      'notImplemented',
      `A snapshot_time before the last change of the table (${new Date(table.modifiedMs).toISOString()}) is not supported by the local BigQuery.`,
    );
}

type Taking = {
  readonly services: Services;
  readonly principal: Principal;
  readonly table: Table;
  readonly selection: Selection;
  readonly options: Options;
  readonly signal: AbortSignal;
};

async function snapshotOf(taking: Taking): Promise<ReadSession['snapshot']> {
  const { services, principal, table, selection, options, signal } = taking;
  const { fields } = table.properties.schema;
  const { projectId } = table.ref;
  const filtered =
    options.restriction !== undefined ||
    // Without a filter on its partitions such a table is refused as to a query.
    table.properties.requirePartitionFilter === true ||
    table.properties.timePartitioning?.requirePartitionFilter === true ||
    rowAccessOf(services, principal, table.ref).kind === 'filtered';
  const plain = {
    projectId,
    physicalId: table.physicalId!,
    columns: selection.sql((index) => `t.${identifier(fields[index]!.name)}`),
    // The audit log trims its rows by itself; a column called rowid hides DuckDB's own.
    alwaysCopy: table.ref.datasetId === AUDIT_DATASET || fields.some(({ name }) => name.toLowerCase() === 'rowid'),
    signal,
  };
  if (!filtered && options.samplePercentage === undefined) return services.snapshots.take(plain);
  const sample =
    options.samplePercentage === undefined ? '' : ` USING SAMPLE ${options.samplePercentage} PERCENT (bernoulli)`;
  using lookup = new JobTableLookup(services, {
    principal,
    defaultProject: projectId,
    defaultDataset: undefined,
    location: undefined,
  });
  const sql = await rowsSql(taking, lookup);
  const whole = fields.map((_, i) => `c${i}`).join(', ');
  return await services.snapshots.take({
    ...plain,
    rowsSql: `SELECT ${selection.sql((index) => `r.c${index}`).join(', ')} FROM (${sql}) AS r(${whole})${sample}`,
  });
}

/** The rows that the caller sees and the restriction lets through, as DuckDB SQL with all columns in order. */
async function rowsSql({ services, principal, table, options }: Taking, lookup: JobTableLookup): Promise<string> {
  const { projectId, datasetId, tableId } = table.ref;
  const path = `\`${projectId}\`.\`${datasetId}\`.\`${tableId}\``;
  const { restriction } = options;
  const analyze = async (text: string): ReturnType<Services['sql']['analyze']> => {
    try {
      return await services.sql.analyze({
        sql: text,
        lookup,
        defaultProject: projectId,
        sessionUser: principal.email,
      });
    } catch (error) {
      if (!(error instanceof BigQueryError)) throw error;
      if (restriction === undefined) throw invalid(`request failed: ${error.message}`);
      throw invalid(
        `request failed: Row filter for table ${projectId}:${datasetId}.${tableId} is invalid. Filter is '${restriction}': ${error.message}`,
      );
    }
  };
  if (restriction !== undefined) {
    // In this statement nothing but a condition can stand in the parentheses, so that none can end them early.
    const policy = await analyze(
      `CREATE ROW ACCESS POLICY row_restriction ON ${path} GRANT TO ('allUsers') FILTER USING (${restriction}\n)`,
    );
    if (policy.statement.kind !== 'CREATE_ROW_ACCESS_POLICY') throw invalid('request failed: Row filter is invalid.');
  }
  const analyzed = await analyze(
    `SELECT * FROM ${path}${restriction === undefined ? '' : ` WHERE (${restriction}\n)`}`,
  );
  authorizeStatement(services, principal, analyzed);
  if (analyzed.statement.kind !== 'SELECT' || analyzed.reads.some(({ ref }) => !sameTable(ref, table.ref)))
    throw invalid('request failed: Row filter must not read other tables.');
  return analyzed.statement.query.sql;
}

function sameTable(a: Table['ref'], b: Table['ref']): boolean {
  return a.projectId === b.projectId && a.datasetId === b.datasetId && a.tableId === b.tableId;
}

async function sizeOf(
  services: Services,
  table: Table,
  { names }: Selection,
): Promise<{ rows: number; bytes: bigint }> {
  const [rows, bytes] = await Promise.all([services.sizes.rows(table), services.sizes.bytes(table, names)]);
  return { rows: Number(rows), bytes };
}

function streamCount(rows: number, rowBytes: number, request: WireCreateReadSession): number {
  const { maxStreamCount, preferredMinStreamCount } = request;
  const most = maxStreamCount === 0 ? DEFAULT_MAX_STREAMS : Math.min(maxStreamCount, MAX_STREAMS);
  const worthwhile =
    maxStreamCount === 0 ? Math.ceil((rows * rowBytes) / DEFAULT_STREAM_BYTES) : Math.floor(rows / MIN_STREAM_ROWS);
  const wanted = Math.max(1, Math.min(most, worthwhile), Math.min(preferredMinStreamCount, MAX_STREAMS));
  return Math.min(wanted, rows);
}

/** Every row in exactly one range; none for no rows. */
export function rangesOf(rows: number, count: number): readonly RowRange[] {
  return Array.from({ length: count }, (_, i) => ({
    from: Math.floor((rows * i) / count),
    to: Math.floor((rows * (i + 1)) / count),
  }));
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalid', message);
}
