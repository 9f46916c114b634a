import type { Preview } from '@sluice/engine';
import { bytes, countOf } from './style.ts';
import type { Style } from './style.ts';
import { cellText, fitsWithin, records, table } from './table.ts';

/** Columns of a table that are cut to less than this tell too little; then each row gets lines of its own. */
const readableWidth = 12;

const numeric = new Set(['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC']);

export function previewLines(model: string, preview: Preview, width: number, style: Style): string[] {
  const columns = preview.columns.map((column) => ({
    title: column.name,
    align: numeric.has(column.type) ? ('right' as const) : ('left' as const),
  }));
  const rows = preview.rows.map((row) => preview.columns.map((column) => cellText(row[column.name])));
  const footer = preview.rows.length === 0 ? 'no rows' : `first ${countOf(preview.rows.length, 'row')}`;
  return [
    ...(fitsWithin(columns, rows, width, readableWidth)
      ? table(columns, rows, width, style)
      : records(columns, rows, width, style)),
    '',
    style.dim(
      `Model "${model}": ${footer}, ${countOf(preview.columns.length, 'column')}, ${preview.cached ? 'from the cache' : `${bytes(preview.bytesProcessed)} processed`}.`,
    ),
  ];
}
