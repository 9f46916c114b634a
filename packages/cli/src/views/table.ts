// A table of text for a terminal: aligned, never wider than it, headers above a rule.
import { printable, truncate, widthOf } from './style.ts';
import type { Style } from './style.ts';

export type TableColumn = { readonly title: string; readonly align?: 'left' | 'right' };

const minWidth = 4;
const maxWidth = 60;
const gap = '  ';

/** Lines of the table. Columns that do not fit at their least width are named in a last line. */
export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number,
  style: Style,
): string[] {
  const cells = rows.map((row) => columns.map((_, index) => printable(row[index] ?? '')));
  const natural = naturalWidths(columns, cells);
  let shown = columns.length;
  while (shown > 1 && leastWidth(natural.slice(0, shown)) > width) shown--;
  const widths = fit(natural.slice(0, shown), width);
  const line = (texts: readonly string[]): string =>
    widths
      .map((cellWidth, index) => {
        const text = truncate(texts[index] ?? '', cellWidth);
        const padding = ' '.repeat(Math.max(0, cellWidth - widthOf(text)));
        return columns[index]?.align === 'right' ? padding + text : text + padding;
      })
      .join(gap)
      .trimEnd();
  const lines = [
    style.bold(line(columns.map((column) => column.title))),
    style.dim(widths.map((cellWidth) => '─'.repeat(cellWidth)).join(gap)),
    ...cells.map(line),
  ];
  const hidden = columns.slice(shown).map((column) => column.title);
  if (hidden.length > 0) lines.push(style.dim(truncate(`… and ${hidden.length} more: ${hidden.join(', ')}`, width)));
  return lines;
}

/** Whether the table shows every column, none cut to less than `least` cells. */
export function fitsWithin(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number,
  least: number,
): boolean {
  const cells = rows.map((row) => row.map(printable));
  return leastWidth(naturalWidths(columns, cells), least) <= width;
}

/** One block of `title  value` lines per row, for rows of many columns. */
export function records(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number,
  style: Style,
): string[] {
  const titles = columns.map((column) => truncate(printable(column.title), Math.max(minWidth, Math.floor(width / 2))));
  const titleWidth = Math.max(0, ...titles.map(widthOf));
  return rows.flatMap((row, rowIndex) => [
    ...(rowIndex === 0 ? [] : ['']),
    style.dim(truncate(`── row ${rowIndex + 1} ${'─'.repeat(Math.max(0, titleWidth - 4))}`, width)),
    ...titles.map((title, index) => {
      const value = truncate(printable(row[index] ?? ''), Math.max(minWidth, width - titleWidth - gap.length));
      return `${style.bold(title)}${' '.repeat(titleWidth - widthOf(title))}${gap}${value}`.trimEnd();
    }),
  ]);
}

function naturalWidths(columns: readonly TableColumn[], cells: readonly (readonly string[])[]): number[] {
  return columns.map((column, index) =>
    Math.min(maxWidth, Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[index] ?? '')), 1)),
  );
}

function leastWidth(natural: readonly number[], least = minWidth): number {
  return natural.reduce((sum, cell) => sum + Math.min(cell, least), 0) + gap.length * (natural.length - 1);
}

/** Takes from the widest columns until the table fits. */
function fit(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, cell) => sum + cell, 0) + gap.length * (widths.length - 1) - width;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= minWidth) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

/** A JSON value as the text of a cell. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
