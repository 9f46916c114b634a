// One batch as the bytes of one part, with one outcome per row.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Prepared, RowOutcome } from '@sluice/destination-kit';
import { csvHeader, csvLine, ndjsonLine } from '../file/encode.ts';
import type { FileRow } from '../file/encode.ts';
import { UnfitValue, encodeParquetRow, parquetFile } from './parquet.ts';
import type { ParquetType } from './parquet.ts';

export type PartFormat = 'ndjson' | 'csv' | 'parquet';

export type PartEncoding = {
  readonly format: PartFormat;
  /** Never of Parquet, which packs its own pages. */
  readonly gzip: boolean;
  /** Of Parquet. */
  readonly types: ReadonlyMap<string, ParquetType>;
};

export type EncodedPart = {
  /** Undefined when no row can be written. */
  readonly body: Buffer | undefined;
  readonly outcomes: readonly RowOutcome[];
};

const CONTENT_TYPES: Readonly<Record<PartFormat, string>> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
};
const pack = promisify(gzip);

export function extensionOf({ format, gzip: packed }: PartEncoding): string {
  return `.${format}${packed ? '.gz' : ''}`;
}

export function contentTypeOf({ format, gzip: packed }: PartEncoding): string {
  return packed ? 'application/gzip' : CONTENT_TYPES[format];
}

export async function encodePart(batch: readonly Prepared[], encoding: PartEncoding): Promise<EncodedPart> {
  const rows = batch.map(rowOf);
  if (encoding.format === 'parquet') return parquetPart(rows, encoding.types);
  const text = encoding.format === 'csv' ? csvText(rows) : rows.map(ndjsonLine).join('');
  const plain = Buffer.from(text);
  return { body: encoding.gzip ? await pack(plain) : plain, outcomes: rows.map(() => ({ outcome: 'delivered' })) };
}

function parquetPart(rows: readonly FileRow[], types: ReadonlyMap<string, ParquetType>): EncodedPart {
  const encoded = rows.map((row) => encodeParquetRow(row, types));
  const good = encoded.flatMap((each) => (each instanceof UnfitValue ? [] : [each]));
  return {
    body: good.length === 0 ? undefined : parquetFile(good, types),
    outcomes: encoded.map((each) =>
      each instanceof UnfitValue
        ? { outcome: 'rejected', code: 'VALUE_UNFIT', message: each.message }
        : { outcome: 'delivered' },
    ),
  };
}

function csvText(rows: readonly FileRow[]): string {
  const columns = [...new Set(rows.flatMap(({ row }) => Object.keys(row)))];
  return csvHeader(columns) + rows.map((row) => csvLine(row, columns)).join('');
}

function rowOf({ change, payload }: Prepared): FileRow {
  const { row } = payload;
  return {
    operation: change.operation,
    recordId: change.recordId,
    row: typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {},
  };
}
