// JobConfigurationExtract of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { parseGsUris, type GsUri } from '../../cloud-storage/job-files.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import { optionalFlag, optionalText } from '../../rest/bigquery/fields.ts';
import { oneOf, parseTableReference } from '../query-configuration.ts';

type Body = Readonly<Record<string, unknown>>;

export type ExtractConfiguration = {
  readonly source: TableRef;
  readonly destinations: readonly GsUri[];
  readonly format: ExtractFormat;
  readonly compression: Compression;
  readonly delimiter: string;
  readonly printHeader: boolean;
  readonly avroLogicalTypes: boolean;
};

type ExtractFormat = keyof typeof COMPRESSIONS;
type Compression = (typeof COMPRESSIONS)[ExtractFormat][number];

/** "Export formats and compression types". */
const COMPRESSIONS = {
  CSV: ['NONE', 'GZIP'],
  NEWLINE_DELIMITED_JSON: ['NONE', 'GZIP'],
  PARQUET: ['NONE', 'SNAPPY', 'GZIP', 'ZSTD'],
  AVRO: ['NONE', 'DEFLATE', 'SNAPPY'],
} as const;

export function parseExtractConfiguration(extract: Body, projectId: string): ExtractConfiguration {
  if (extract['sourceModel'] !== undefined)
    throw new BigQueryError('notImplemented', 'Extracting a model is not supported by the local BigQuery.');
  const source = parseTableReference(extract, 'sourceTable', projectId);
  if (source === undefined)
    throw new BigQueryError('invalid', 'Required parameter is missing: configuration.extract.sourceTable');
  const format = optionalText(extract, 'destinationFormat') ?? 'CSV';
  if (!isFormat(format))
    throw new BigQueryError(
      'notImplemented',
      `Extracting to ${format} is not supported by the local BigQuery: use ${Object.keys(COMPRESSIONS).join(', ')}.`,
    );
  const compression = oneOf(extract, 'compression', ['NONE', 'GZIP', 'DEFLATE', 'SNAPPY', 'ZSTD']) ?? 'NONE';
  if (!COMPRESSIONS[format].some((known) => known === compression))
    throw new BigQueryError('invalid', `Compression ${compression} is not supported for the format ${format}.`);
  const single = extract['destinationUri'];
  const destinations = parseGsUris(
    extract['destinationUris'] ?? (single === undefined ? undefined : [single]),
    'configuration.extract.destinationUris',
  );
  if (destinations.length > 1 && destinations.some(({ name }) => !name.includes('*')))
    throw new BigQueryError('invalid', 'Each of several destinationUris must include a * to shard the export.');
  return {
    source,
    destinations,
    format,
    compression,
    delimiter: parseDelimiter(optionalText(extract, 'fieldDelimiter')),
    printHeader: optionalFlag(extract, 'printHeader') ?? true,
    avroLogicalTypes: optionalFlag(extract, 'useAvroLogicalTypes') ?? false,
  };
}

function isFormat(text: string): text is ExtractFormat {
  return Object.hasOwn(COMPRESSIONS, text);
}

function parseDelimiter(text: string | undefined): string {
  if (text === undefined || text === '') return ',';
  if (text === 'tab' || text === '\\t') return '\t';
  if (text.length === 1) return text;
  throw new BigQueryError('invalid', `Invalid value for fieldDelimiter: ${text} is not a single character`);
}
