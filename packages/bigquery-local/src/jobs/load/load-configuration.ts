// JobConfigurationLoad of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { splitDecorator } from '../partition-write.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { checkTableId, parseSchema } from '../../catalog/table-rules.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import { optionalCount, optionalFlag, optionalList, optionalObject, optionalText } from '../../rest/bigquery/fields.ts';
import { oneOf, parseTableReference, type CreateDisposition, type WriteDisposition } from '../query-configuration.ts';

type Body = Readonly<Record<string, unknown>>;

export type LoadConfiguration = {
  readonly destination: TableRef;
  /** The partition of the destination that is written: `20260101` of `t$20260101`. */
  readonly partition: string | undefined;
  readonly format: 'CSV' | 'NEWLINE_DELIMITED_JSON' | 'PARQUET';
  /** Undefined when the caller gave none. */
  readonly schema: readonly FieldSchema[] | undefined;
  readonly autodetect: boolean;
  readonly writeDisposition: WriteDisposition;
  readonly createDisposition: CreateDisposition;
  readonly allowFieldAddition: boolean;
  readonly maxBadRecords: number;
  readonly ignoreUnknownValues: boolean;
  readonly csv: {
    /** Undefined: header rows are detected when the schema is. */
    readonly skipLeadingRows: number | undefined;
    readonly delimiter: string | undefined;
    /** Empty: no quoting. */
    readonly quote: string;
    readonly allowQuotedNewlines: boolean;
    readonly allowJaggedRows: boolean;
    readonly nullMarker: string;
    readonly encoding: 'utf-8' | 'latin-1';
  };
  readonly listInference: boolean;
  readonly description: string | undefined;
  readonly timePartitioning: Body | undefined;
  readonly clustering: readonly string[] | undefined;
};

export function parseLoadConfiguration(load: Body, projectId: string): LoadConfiguration {
  const decorated = parseTableReference(load, 'destinationTable', projectId);
  if (decorated === undefined)
    throw new BigQueryError('invalid', 'Required parameter is missing: configuration.load.destinationTable');
  const { ref: destination, partition } = splitDecorator(decorated);
  checkTableId(destination);
  const format = optionalText(load, 'sourceFormat') ?? 'CSV';
  if (format !== 'CSV' && format !== 'NEWLINE_DELIMITED_JSON' && format !== 'PARQUET') {
    throw new BigQueryError(
      'notImplemented',
      `Loading ${format} is not supported by the local BigQuery: use CSV, NEWLINE_DELIMITED_JSON or PARQUET.`,
    );
  }
  for (const name of [
    'hivePartitioningOptions',
    'decimalTargetTypes',
    'projectionFields',
    'jsonExtension',
    'rangePartitioning',
    'referenceFileSchemaUri',
  ]) {
    const value = load[name];
    if (value !== undefined && value !== null && value !== '')
      throw new BigQueryError('notImplemented', `configuration.load.${name} is not supported by the local BigQuery.`);
  }
  const schema = parseSchema(optionalObject(load, 'schema'));
  const options = (optionalList(load, 'schemaUpdateOptions') ?? []).map(String);
  if (options.includes('ALLOW_FIELD_RELAXATION'))
    throw new BigQueryError('notImplemented', 'ALLOW_FIELD_RELAXATION is not supported by the local BigQuery.');
  return {
    destination,
    partition,
    format,
    schema: schema.length === 0 ? undefined : schema,
    autodetect: optionalFlag(load, 'autodetect') ?? false,
    writeDisposition:
      oneOf(load, 'writeDisposition', ['WRITE_APPEND', 'WRITE_EMPTY', 'WRITE_TRUNCATE']) ?? 'WRITE_APPEND',
    createDisposition: oneOf(load, 'createDisposition', ['CREATE_IF_NEEDED', 'CREATE_NEVER']) ?? 'CREATE_IF_NEEDED',
    allowFieldAddition: options.includes('ALLOW_FIELD_ADDITION'),
    maxBadRecords: optionalCount(load, 'maxBadRecords') ?? 0,
    ignoreUnknownValues: optionalFlag(load, 'ignoreUnknownValues') ?? false,
    csv: {
      skipLeadingRows: optionalCount(load, 'skipLeadingRows'),
      delimiter: parseDelimiter(optionalText(load, 'fieldDelimiter')),
      quote: parseQuote(optionalText(load, 'quote')),
      allowQuotedNewlines: optionalFlag(load, 'allowQuotedNewlines') ?? false,
      allowJaggedRows: optionalFlag(load, 'allowJaggedRows') ?? false,
      nullMarker: optionalText(load, 'nullMarker') ?? '',
      encoding: parseEncoding(optionalText(load, 'encoding')),
    },
    listInference: optionalFlag(optionalObject(load, 'parquetOptions') ?? {}, 'enableListInference') ?? false,
    description: optionalText(optionalObject(load, 'destinationTableProperties') ?? {}, 'description'),
    timePartitioning: optionalObject(load, 'timePartitioning'),
    clustering: optionalList(optionalObject(load, 'clustering') ?? {}, 'fields')?.map(String),
  };
}

function parseDelimiter(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (text === 'tab' || text === '\\t') return '\t';
  if (text.length === 1) return text;
  throw new BigQueryError('invalid', `Invalid value for fieldDelimiter: ${text} is not a single character`);
}

function parseQuote(text: string | undefined): string {
  if (text === undefined) return '"';
  if (text === '' || text.length === 1) return text;
  throw new BigQueryError('invalid', `Invalid value for quote: ${text} is not a single character`);
}

function parseEncoding(text: string | undefined): 'utf-8' | 'latin-1' {
  if (text === undefined || text === '' || /^utf-?8$/i.test(text)) return 'utf-8';
  if (/^iso-8859-1$/i.test(text)) return 'latin-1';
  throw new BigQueryError(
    'notImplemented',
    `Encoding ${text} is not supported by the local BigQuery: use UTF-8 or ISO-8859-1.`,
  );
}
