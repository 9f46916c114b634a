// JobConfigurationLoad of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { splitDecorator } from '../partition-write.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { checkTableId, parseSchema } from '../../catalog/table-rules.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import { optionalCount, optionalFlag, optionalList, optionalObject, optionalText } from '../../rest/bigquery/fields.ts';
import { isTimeZone, offsetMinutes } from '../../googlesql/values/time-zone.ts';
import { parseLayout, type DestinationLayout } from '../destination-layout.ts';
import { parseSchemaUpdates, type SchemaUpdates } from '../schema-update.ts';
import type { NameMap } from './column-names.ts';
import type { Encoding } from './prepare-files.ts';
import type { TimeFormats } from './source.ts';
import { oneOf, parseTableReference, type CreateDisposition, type WriteDisposition } from '../query-configuration.ts';

type Body = Readonly<Record<string, unknown>>;

export type LoadConfiguration = {
  readonly destination: TableRef;
  /** The partition of the destination that is written: `20260101` of `t$20260101`. */
  readonly partition: string | undefined;
  readonly format: LoadFormat;
  /** Undefined when the caller gave none. */
  readonly schema: readonly FieldSchema[] | undefined;
  readonly autodetect: boolean;
  readonly writeDisposition: WriteDisposition;
  readonly createDisposition: CreateDisposition;
  readonly schemaUpdates: SchemaUpdates;
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
    /** Texts that are NULL when they are not quoted. */
    readonly nullMarkers: readonly string[];
    readonly encoding: Encoding;
    readonly preserveAsciiControlCharacters: boolean;
  };
  /** Formats of dates and times, by type; `zone` is the time zone of timestamps that name none. */
  readonly times: Omit<TimeFormats, 'nowMicros'> | undefined;
  readonly nameMap: NameMap;
  /** Types for decimals of Parquet and Avro files, in BigQuery's order. */
  readonly decimalTypes: readonly DecimalType[];
  readonly avroLogicalTypes: boolean;
  readonly listInference: boolean;
  readonly description: string | undefined;
  readonly layout: DestinationLayout;
};

export type LoadFormat = (typeof FORMATS)[number];
export type DecimalType = (typeof DECIMAL_TYPES)[number];

const FORMATS = ['CSV', 'NEWLINE_DELIMITED_JSON', 'PARQUET', 'AVRO'] as const;
const DECIMAL_TYPES = ['NUMERIC', 'BIGNUMERIC', 'STRING'] as const;

/** Of JobConfigurationLoad: refused by name. */
const UNSUPPORTED = [
  'hivePartitioningOptions',
  'projectionFields',
  'jsonExtension',
  'referenceFileSchemaUri',
  'sourceColumnMatch',
  'destinationEncryptionConfiguration',
  'createSession',
  'connectionProperties',
  'copyFilesOnly',
  'schemaInline',
];

export function parseLoadConfiguration(load: Body, projectId: string): LoadConfiguration {
  const decorated = parseTableReference(load, 'destinationTable', projectId);
  if (decorated === undefined)
    throw new BigQueryError('invalid', 'Required parameter is missing: configuration.load.destinationTable');
  const { ref: destination, partition } = splitDecorator(decorated);
  checkTableId(destination);
  const format = optionalText(load, 'sourceFormat') ?? 'CSV';
  if (!isFormat(format))
    throw new BigQueryError(
      'notImplemented',
      `Loading ${format} is not supported by the local BigQuery: use ${FORMATS.join(', ')}.`,
    );
  for (const name of UNSUPPORTED) {
    const value = load[name];
    const empty =
      value === undefined ||
      value === null ||
      value === '' ||
      value === false ||
      (Array.isArray(value) && value.length === 0) ||
      (typeof value === 'string' && value.endsWith('_UNSPECIFIED'));
    if (!empty)
      throw new BigQueryError('notImplemented', `configuration.load.${name} is not supported by the local BigQuery.`);
  }
  const schema = parseSchema(optionalObject(load, 'schema'));
  const writeDisposition =
    oneOf(load, 'writeDisposition', ['WRITE_APPEND', 'WRITE_EMPTY', 'WRITE_TRUNCATE']) ?? 'WRITE_APPEND';
  return {
    destination,
    partition,
    format,
    schema: schema.length === 0 ? undefined : schema,
    autodetect: optionalFlag(load, 'autodetect') ?? false,
    writeDisposition,
    createDisposition: oneOf(load, 'createDisposition', ['CREATE_IF_NEEDED', 'CREATE_NEVER']) ?? 'CREATE_IF_NEEDED',
    schemaUpdates: parseSchemaUpdates(load, writeDisposition, partition !== undefined),
    maxBadRecords: optionalCount(load, 'maxBadRecords') ?? 0,
    ignoreUnknownValues: optionalFlag(load, 'ignoreUnknownValues') ?? false,
    csv: {
      skipLeadingRows: optionalCount(load, 'skipLeadingRows'),
      delimiter: parseDelimiter(optionalText(load, 'fieldDelimiter')),
      quote: parseQuote(optionalText(load, 'quote')),
      allowQuotedNewlines: optionalFlag(load, 'allowQuotedNewlines') ?? false,
      allowJaggedRows: optionalFlag(load, 'allowJaggedRows') ?? false,
      nullMarkers: parseNullMarkers(load),
      encoding: parseEncoding(optionalText(load, 'encoding')),
      preserveAsciiControlCharacters: optionalFlag(load, 'preserveAsciiControlCharacters') ?? false,
    },
    times: parseTimes(load),
    nameMap: parseNameMap(load),
    decimalTypes: parseDecimalTypes(load),
    avroLogicalTypes: optionalFlag(load, 'useAvroLogicalTypes') ?? false,
    listInference: optionalFlag(optionalObject(load, 'parquetOptions') ?? {}, 'enableListInference') ?? false,
    description: optionalText(optionalObject(load, 'destinationTableProperties') ?? {}, 'description'),
    layout: parseLayout(load),
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

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  'UTF-8': 'utf-8',
  UTF8: 'utf-8',
  'ISO-8859-1': 'latin-1',
  'UTF-16LE': 'utf-16le',
  'UTF-16BE': 'utf-16be',
  'UTF-32LE': 'utf-32le',
  'UTF-32BE': 'utf-32be',
};

function parseEncoding(text: string | undefined): Encoding {
  const encoding = text === undefined || text === '' ? 'utf-8' : ENCODINGS[text.toUpperCase()];
  if (encoding !== undefined) return encoding;
  throw new BigQueryError(
    'invalid',
    `Invalid value for encoding: ${text} is not one of UTF-8, ISO-8859-1, UTF-16BE, UTF-16LE, UTF-32BE, UTF-32LE`,
  );
}

function parseNullMarkers(load: Body): readonly string[] {
  const single = optionalText(load, 'nullMarker');
  const several = optionalList(load, 'nullMarkers')?.map(String) ?? [];
  if (single !== undefined && several.length > 0)
    throw new BigQueryError('invalid', 'Only one of nullMarker and nullMarkers should be specified.');
  return several.length > 0 ? several : [single ?? ''];
}

/** `dateFormat`, `datetimeFormat`, `timeFormat`, `timestampFormat` and `timeZone`. */
function parseTimes(load: Body): LoadConfiguration['times'] {
  const given = Object.entries({
    DATE: optionalText(load, 'dateFormat'),
    DATETIME: optionalText(load, 'datetimeFormat'),
    TIME: optionalText(load, 'timeFormat'),
    TIMESTAMP: optionalText(load, 'timestampFormat'),
    zone: optionalText(load, 'timeZone'),
  }).filter(([, text]) => text !== undefined && text !== '');
  if (given.length === 0) return undefined;
  const times = Object.fromEntries(given) as Omit<TimeFormats, 'nowMicros'>;
  if (times.zone !== undefined && offsetMinutes(times.zone) === undefined && !isTimeZone(times.zone))
    throw new BigQueryError('invalid', `Invalid value for timeZone: ${times.zone} is not a time zone`);
  return times;
}

function parseNameMap(load: Body): NameMap {
  const map = oneOf(load, 'columnNameCharacterMap', ['COLUMN_NAME_CHARACTER_MAP_UNSPECIFIED', 'STRICT', 'V1', 'V2']);
  return map === undefined || map === 'COLUMN_NAME_CHARACTER_MAP_UNSPECIFIED' ? 'DEFAULT' : map;
}

/** "The order of the types in this field is ignored." Without it: NUMERIC. */
function parseDecimalTypes(load: Body): readonly DecimalType[] {
  const given = optionalList(load, 'decimalTargetTypes')?.map(String) ?? [];
  for (const type of given) {
    if (!DECIMAL_TYPES.some((known) => known === type))
      throw new BigQueryError(
        'invalid',
        `Invalid value for decimalTargetTypes: ${type} is not one of ${DECIMAL_TYPES.join(', ')}`,
      );
  }
  return given.length === 0 ? ['NUMERIC'] : DECIMAL_TYPES.filter((type) => given.includes(type));
}

function isFormat(text: string): text is LoadFormat {
  return FORMATS.some((format) => format === text);
}
