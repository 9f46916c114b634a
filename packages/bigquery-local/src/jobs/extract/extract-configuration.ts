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
  readonly format: 'CSV' | 'NEWLINE_DELIMITED_JSON' | 'PARQUET';
  readonly compression: 'NONE' | 'GZIP' | 'SNAPPY' | 'ZSTD';
  readonly delimiter: string;
  readonly printHeader: boolean;
};

export function parseExtractConfiguration(extract: Body, projectId: string): ExtractConfiguration {
  if (extract['sourceModel'] !== undefined)
    throw new BigQueryError('notImplemented', 'Extracting a model is not supported by the local BigQuery.');
  const source = parseTableReference(extract, 'sourceTable', projectId);
  if (source === undefined)
    throw new BigQueryError('invalid', 'Required parameter is missing: configuration.extract.sourceTable');
  const format = optionalText(extract, 'destinationFormat') ?? 'CSV';
  if (format !== 'CSV' && format !== 'NEWLINE_DELIMITED_JSON' && format !== 'PARQUET')
    throw new BigQueryError(
      'notImplemented',
      `Extracting to ${format} is not supported by the local BigQuery: use CSV, NEWLINE_DELIMITED_JSON or PARQUET.`,
    );
  const compression = oneOf(extract, 'compression', ['NONE', 'GZIP', 'SNAPPY', 'ZSTD']) ?? 'NONE';
  if (format !== 'PARQUET' && (compression === 'SNAPPY' || compression === 'ZSTD'))
    throw new BigQueryError('invalid', `Compression ${compression} is not supported for the format ${format}.`);
  const single = extract['destinationUri'];
  return {
    source,
    destinations: parseGsUris(
      extract['destinationUris'] ?? (single === undefined ? undefined : [single]),
      'configuration.extract.destinationUris',
    ),
    format,
    compression,
    delimiter: parseDelimiter(optionalText(extract, 'fieldDelimiter')),
    printHeader: optionalFlag(extract, 'printHeader') ?? true,
  };
}

function parseDelimiter(text: string | undefined): string {
  if (text === undefined || text === '') return ',';
  if (text === 'tab' || text === '\\t') return '\t';
  if (text.length === 1) return text;
  throw new BigQueryError('invalid', `Invalid value for fieldDelimiter: ${text} is not a single character`);
}
