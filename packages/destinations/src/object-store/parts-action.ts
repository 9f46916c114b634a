// The action that all stores share: its fields, their checks, and how it is opened.
import type {
  ActionShape,
  DestinationShape,
  DestinationSpec,
  Diagnostic,
  InputField,
  OpenDestination,
} from '@sluice/destination-kit';
import { error, openSession, sessionColumns } from '@sluice/destination-kit';
import { OPERATION_COLUMN, RECORD_ID_COLUMN } from '../file/own-columns.ts';
import { reservedColumnProblems } from '../file/reserved-columns.ts';
import { withRow } from '../with-row.ts';
import { columnTypeProblems, columnTypesField, columnTypesOf } from './column-types.ts';
import type { PartEncoding, PartFormat } from './encode-part.ts';
import { DEFAULT_KEY, keyProblems } from './key-template.ts';
import type { ObjectStore } from './object-store.ts';
import { PartsSession } from './parts-session.ts';

/** Larger parts would be more than the engine holds back of one batch. */
const BATCH = { maxRows: 10_000, maxBytes: 16_000_000 } as const;
/** Encoding one part while another is on its way. */
const CONCURRENCY = 2;

const rowField: InputField = {
  label: 'Row',
  description: "The columns to write. Default: all of the model's columns.",
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
};

export const partsAction: ActionShape = {
  title: 'Write changes',
  description: `Writes each batch of changes as a file of its own: ${OPERATION_COLUMN} (added, updated, deleted) and ${RECORD_ID_COLUMN} first, then the row's columns. A deleted record has all its columns, each null. A batch that is sent again takes the place of itself.`,
  fields: {
    key: {
      label: 'Key',
      description: `Folders and name of each file, without the ending. Places: {mapping}, {sync}, {batch}, and of the sync's start in UTC {date}, {year}, {month}, {day}, {hour}. {batch} must be there.`,
      type: 'string',
      default: DEFAULT_KEY,
    },
    format: {
      label: 'Format',
      description:
        'ndjson: one JSON object per line. csv: RFC 4180 with a header; null is empty, an empty text is "". parquet: Apache Parquet with Snappy pages.',
      type: 'string',
      choices: [
        { label: 'Newline-delimited JSON', value: 'ndjson' },
        { label: 'CSV', value: 'csv' },
        { label: 'Parquet', value: 'parquet' },
      ],
      default: 'ndjson',
    },
    gzip: {
      label: 'Compress with gzip',
      description: 'Of NDJSON and CSV; the names end in .gz.',
      type: 'boolean',
      default: false,
    },
    column_types: columnTypesField,
    row: rowField,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'none' },
};

export function partsColumns(shape: DestinationShape, spec: DestinationSpec): ReadonlySet<string> | 'all' {
  return sessionColumns(shape, withRow(spec));
}

export function partsProblems(spec: DestinationSpec, modelColumns: readonly string[]): Diagnostic[] {
  const { key, format, gzip, column_types: types } = spec.fields;
  const problems = keyProblems(key, 'fields.key');
  for (const [name, value] of [
    ['format', format],
    ['gzip', gzip],
  ] as const) {
    if (typeof value === 'object' && value !== null)
      problems.push(error(`fields.${name}`, `${name} must be a fixed value, the same for every row`));
  }
  if (gzip === true && format === 'parquet')
    problems.push(error('fields.gzip', 'a Parquet file is packed already, page by page', 'remove gzip'));
  return [...problems, ...columnTypeProblems(types), ...reservedColumnProblems(spec, modelColumns)];
}

/** The spec must have passed validation; the store ends with the destination. */
export function openParts(shape: DestinationShape, spec: DestinationSpec, store: ObjectStore): OpenDestination {
  const { key, format = 'ndjson', gzip = false, column_types: types } = spec.fields;
  const encoding: PartEncoding = {
    format: format as PartFormat,
    gzip: gzip === true && format !== 'parquet',
    types: columnTypesOf(types),
  };
  const template = typeof key === 'string' && key !== '' ? key : DEFAULT_KEY;
  const place = { mappingId: spec.mappingId, syncId: spec.syncId, openedAt: new Date() };
  const session = new PartsSession(store, encoding, template, place);
  return openSession(shape, withRow(spec), session, { batching: { ...BATCH, concurrency: CONCURRENCY } });
}
