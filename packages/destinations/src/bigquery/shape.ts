// What the BigQuery destination takes. The changes of a whole sync are loaded into a staging
// table and reach the target by one statement, so that readers see all of them or none.
import type { ActionShape, DestinationShape, InputField } from '@sluice/destination-kit';

const table: Readonly<Record<string, InputField>> = {
  dataset: { label: 'Dataset', description: 'The dataset of the table.', type: 'string', required: true },
  table: {
    label: 'Table',
    description: 'The table to write into. Its columns decide the types.',
    type: 'string',
    required: true,
  },
};

const staging: InputField = {
  label: 'Staging dataset',
  description:
    'The dataset in which a table for the changes under way is made and removed; in the same location. Default: the dataset of the table.',
  type: 'string',
};

const columnTypes: InputField = {
  label: 'Column types',
  description:
    'Columns and their types, for example {"id": "INT64", "tags": "ARRAY<STRING>"}. A table that is missing is made of them, columns that the table lacks are added. Default: nothing is made.',
  type: 'object',
  additionalProperties: true,
};

const row: InputField = {
  label: 'Row',
  description: "Columns of the table and their values. Default: all of the model's columns, by name.",
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
};

/** Few load jobs: a table takes 1,500 of them per day. */
const BATCH = { maxRows: 50_000, maxBytes: 10_000_000 } as const;

const sync: ActionShape = {
  title: 'Sync rows',
  description:
    'Keeps the rows of a table in step with the model, by one MERGE per sync. mirror: insert, update and delete; upsert: insert and update; add: insert what is not there; update: change what is there; delete: remove.',
  syncMode: {
    default: 'mirror',
    choices: [
      { label: 'Mirror', value: 'mirror' },
      { label: 'Upsert', value: 'upsert' },
      { label: 'Add', value: 'add' },
      { label: 'Update', value: 'update' },
      { label: 'Delete', value: 'delete' },
    ],
  },
  fields: {
    ...table,
    key: {
      label: 'Key',
      description:
        "The column, or columns, that tell rows apart. Deleted records are found by the model's identifier, so they need a single key column that holds it. The MERGE scans the whole table unless it is clustered by the key.",
      type: 'string',
      multiple: true,
      required: true,
    },
    row,
    column_types: columnTypes,
    staging_dataset: staging,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'keyed', transactions: true },
};

const append: ActionShape = {
  title: 'Append changes',
  description: 'Inserts one row for each change and never updates or deletes: a history of what happened.',
  fields: {
    ...table,
    operation_column: {
      label: 'Operation column',
      description: 'The column that gets added, updated or deleted. Default: none.',
      type: 'string',
    },
    record_id_column: {
      label: 'Record id column',
      description: "The column that gets the record's identifier; the row of a deleted record is null but for it.",
      type: 'string',
    },
    row,
    column_types: columnTypes,
    staging_dataset: staging,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: false, deletes: 'none', transactions: true },
};

export const bigqueryShape: DestinationShape = {
  name: 'BigQuery',
  slug: 'bigquery',
  description: 'Keeps a BigQuery table in step with a model: load jobs into a staging table, then one statement.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      project: {
        label: 'Project',
        description: 'Id of the project that holds the dataset and runs the jobs.',
        type: 'string',
        required: true,
      },
      credentials: {
        label: 'Service account key',
        description:
          'The JSON key of a service account that may run jobs in the project and edit data in the dataset (roles BigQuery Job User and BigQuery Data Editor).',
        type: 'password',
        required: true,
      },
      endpoint: {
        label: 'Endpoint',
        description:
          'URL of another server with the same API, for example a local BigQuery. Default: https://bigquery.googleapis.com.',
        type: 'string',
      },
    },
  },
  actions: { sync, append },
};
