// JobConfigurationTableCopy of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { checkTableId } from '../../catalog/table-rules.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import { invalidField, optionalList, optionalText } from '../../rest/bigquery/fields.ts';
import { splitDecorator } from '../partition-write.ts';
import { oneOf, parseTableReference, type CreateDisposition, type WriteDisposition } from '../query-configuration.ts';

type Body = Readonly<Record<string, unknown>>;

/** A table, or with `partition` one of its partitions: `20260101` of `t$20260101`. */
export type Decorated = { readonly ref: TableRef; readonly partition?: string };

export type CopyOperation = 'COPY' | 'SNAPSHOT' | 'RESTORE' | 'CLONE';

export type CopyConfiguration = {
  readonly sources: readonly [Decorated, ...Decorated[]];
  readonly destination: Decorated;
  readonly operation: CopyOperation;
  readonly writeDisposition: WriteDisposition;
  readonly createDisposition: CreateDisposition;
  /** Milliseconds since 1970: when a snapshot or clone that the job makes goes away. */
  readonly expirationMs: number | undefined;
};

/** "Quotas and limits: copy jobs": source tables of one job. */
const MAX_SOURCES = 1_200;

export function parseCopyConfiguration(copy: Body, projectId: string): CopyConfiguration {
  if (copy['destinationEncryptionConfiguration'] !== undefined)
    throw new BigQueryError(
      'notImplemented',
      'configuration.copy.destinationEncryptionConfiguration is not supported by the local BigQuery.',
    );
  const [first, ...more] = parseSources(copy, projectId);
  if (first === undefined)
    throw new BigQueryError('invalid', 'Required parameter is missing: configuration.copy.sourceTable');
  const destination = parseTableReference(copy, 'destinationTable', projectId);
  if (destination === undefined)
    throw new BigQueryError('invalid', 'Required parameter is missing: configuration.copy.destinationTable');
  const decorated = splitDecorator(destination);
  checkTableId(decorated.ref);
  const operation = oneOf(copy, 'operationType', ['COPY', 'SNAPSHOT', 'RESTORE', 'CLONE']) ?? 'COPY';
  const sources = [first, ...more] as const;
  if (operation !== 'COPY') {
    if (sources.length > 1) throw invalidField('sourceTables', `a ${operation} job takes exactly one source table`);
    if (first.partition !== undefined || decorated.partition !== undefined)
      throw invalidField('sourceTables', `a ${operation} job takes whole tables, not partitions`);
  }
  const expirationMs = parseExpiration(copy);
  if (expirationMs !== undefined && operation !== 'SNAPSHOT' && operation !== 'CLONE')
    throw invalidField('destinationExpirationTime', 'it is only for operationType SNAPSHOT and CLONE');
  return {
    sources,
    destination: decorated,
    operation,
    writeDisposition:
      oneOf(copy, 'writeDisposition', ['WRITE_EMPTY', 'WRITE_APPEND', 'WRITE_TRUNCATE']) ?? 'WRITE_EMPTY',
    createDisposition: oneOf(copy, 'createDisposition', ['CREATE_IF_NEEDED', 'CREATE_NEVER']) ?? 'CREATE_IF_NEEDED',
    expirationMs,
  };
}

function parseSources(copy: Body, projectId: string): Decorated[] {
  const single = parseTableReference(copy, 'sourceTable', projectId);
  const list = optionalList(copy, 'sourceTables') ?? [];
  if (single !== undefined && list.length > 0)
    throw new BigQueryError('invalid', 'A copy job has either sourceTable or sourceTables, not both.');
  if (list.length > MAX_SOURCES)
    throw invalidField('sourceTables', `a copy job has at most ${MAX_SOURCES} source tables`);
  const many = list.map((reference) => parseTableReference({ sourceTable: reference }, 'sourceTable', projectId));
  return [single, ...many].flatMap((ref) => {
    if (ref === undefined) return [];
    if (ref.tableId.includes('@'))
      throw new BigQueryError(
        'notImplemented',
        `The snapshot decorator of ${ref.tableId} is not supported by the local BigQuery.`,
      );
    return splitDecorator(ref);
  });
}

/** RFC 3339 text, as the REST API writes a google.protobuf.Timestamp. */
function parseExpiration(copy: Body): number | undefined {
  const text = optionalText(copy, 'destinationExpirationTime');
  if (text === undefined || text === '') return undefined;
  const ms = /^\d{4}-\d\d-\d\d[Tt ]/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw invalidField('destinationExpirationTime', `${text} is not a timestamp in RFC 3339`);
  return ms;
}

/** The tables as the job shows them: always a list of sources, always with their projects. */
export function wireTables({ sources, destination }: CopyConfiguration): Record<string, unknown> {
  const wire = ({ ref, partition }: Decorated): TableRef =>
    partition === undefined ? ref : { ...ref, tableId: `${ref.tableId}$${partition}` };
  return { sourceTables: sources.map(wire), destinationTable: wire(destination) };
}
