// What the file destination takes. Each sync writes one file into the directory:
// `<file>-<sync id>.ndjson` or `.csv`, with one line per change in the plan's order.
// `_operation` (added, updated, deleted) and `_record_id` come first, then the row's
// columns; a deleted record has all its columns, each null. After a crash a sync that is
// resumed appends to its file and may repeat the last batch, whole. Parquet files are
// `<file>-<sync id>-<batch>.parquet`; a batch that is repeated takes the place of itself.
import type { DestinationShape } from '@sluice/destination-kit';
import { columnTypesField } from '../object-store/column-types.ts';

/** Parquet has no lines to append: each batch becomes a file of its own. */
export type FileFormat = 'ndjson' | 'csv' | 'parquet';

export const fileShape: DestinationShape = {
  name: 'File',
  slug: 'file',
  description: 'Writes the changes of each sync to a file of its own, as newline-delimited JSON, CSV or Parquet.',
  authentication: {
    scheme: 'custom',
    fields: {
      directory: {
        label: 'Directory',
        description: 'An existing directory to write into. A relative path starts at the project folder.',
        type: 'string',
        required: true,
      },
      format: {
        label: 'Format',
        description:
          'ndjson: one JSON object per line. csv: RFC 4180 with a header; null is empty, an empty text is "". parquet: Apache Parquet, one file per batch.',
        type: 'string',
        choices: [
          { label: 'Newline-delimited JSON', value: 'ndjson' },
          { label: 'CSV', value: 'csv' },
          { label: 'Parquet', value: 'parquet' },
        ],
        default: 'ndjson',
      },
    },
  },
  actions: {
    append: {
      title: 'Append changes',
      description: 'Appends each change as a line: what happened, to which record, and its columns.',
      fields: {
        file: {
          label: 'File name',
          description:
            "First part of the files' names: letters, digits, dot, dash and underscore. Default: the mapping's id.",
          type: 'string',
        },
        row: {
          label: 'Row',
          description: "The columns to write. Default: all of the model's columns.",
          type: 'object',
          default: { '@path': '$.properties' },
        },
        column_types: columnTypesField,
      },
    },
  },
};
