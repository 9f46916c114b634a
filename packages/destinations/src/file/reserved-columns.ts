// The two columns that every file has, and rows that would have them too.
import type { DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, mappedColumns } from '@sluice/destination-kit';
import { rowMapping } from './destination.ts';
import { OPERATION_COLUMN, RECORD_ID_COLUMN } from './own-columns.ts';

export function reservedColumnProblems({ fields }: DestinationSpec, modelColumns: readonly string[]): Diagnostic[] {
  const mapping = rowMapping(fields);
  const { row } = mapping;
  const literal = typeof row === 'object' && row !== null && !Array.isArray(row) ? Object.keys(row) : [];
  const names = mappedColumns(mapping) === 'all' ? [...literal, ...modelColumns] : literal;
  return [OPERATION_COLUMN, RECORD_ID_COLUMN]
    .filter((name) => names.includes(name))
    .map((name) =>
      error(
        'fields.row',
        `the column "${name}" is one that the destination writes itself`,
        'map the row under another name',
      ),
    );
}
