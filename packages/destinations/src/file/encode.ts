// One change as the text of one line.
import { stringify } from 'csv-stringify/sync';
import type { JsonObject, JsonValue } from '@sluice/core';
import { OPERATION_COLUMN, RECORD_ID_COLUMN } from './own-columns.ts';

export type FileRow = { readonly operation: string; readonly recordId: string; readonly row: JsonObject };

export function ndjsonLine({ operation, recordId, row }: FileRow): string {
  return `${JSON.stringify({ [OPERATION_COLUMN]: operation, [RECORD_ID_COLUMN]: recordId, ...row })}\n`;
}

export function csvHeader(columns: readonly string[]): string {
  return csvText([[OPERATION_COLUMN, RECORD_ID_COLUMN, ...columns]]);
}

export function csvLine({ operation, recordId, row }: FileRow, columns: readonly string[]): string {
  return csvText([[operation, recordId, ...columns.map((column) => cell(row[column]))]]);
}

// Texts are quoted and null is bare, so that "" and null stay apart; lists and objects are JSON.
function csvText(rows: readonly (readonly unknown[])[]): string {
  return stringify(rows as unknown[][], {
    quoted_string: true,
    record_delimiter: 'unix',
    cast: { boolean: (value) => (value ? 'true' : 'false') },
  });
}

function cell(value: JsonValue | undefined): string | number | boolean | null {
  if (value === undefined) return null;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}
