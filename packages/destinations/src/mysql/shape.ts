// What the MySQL destination takes. A mapping keeps one table in step with one model: rows
// are found by key columns that carry a unique index, deleted records by their identifier
// in a single key column.
import type { ActionShape, DestinationShape, InputField } from '@sluice/destination-kit';
import { tlsFields } from '../connection-settings.ts';

const table: InputField = {
  label: 'Table',
  description: 'The table to write into. Its columns decide the types.',
  type: 'string',
  required: true,
};

const columnTypes: InputField = {
  label: 'Column types',
  description:
    'Columns and their MySQL types, for example {"id": "bigint", "name": "varchar(200)"}. A table that is missing is made of them, columns that the table lacks are added. Default: nothing is made.',
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

const BATCH = { maxRows: 5000, maxBytes: 4_000_000 } as const;

const sync: ActionShape = {
  title: 'Sync rows',
  description:
    'Keeps the rows of a table in step with the model. mirror: insert, update and delete; upsert: insert and update; add: insert what is not there; update: change what is there; delete: remove.',
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
    table,
    key: {
      label: 'Key',
      description:
        "The column, or columns, that tell rows apart, with a unique index. Deleted records are found by the model's identifier, so they need a single key column that holds it.",
      type: 'string',
      multiple: true,
      required: true,
    },
    row,
    column_types: columnTypes,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'keyed' },
};

const append: ActionShape = {
  title: 'Append changes',
  description: 'Inserts one row for each change and never updates or deletes: a history of what happened.',
  fields: {
    table,
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
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: false, deletes: 'none' },
};

export const mysqlShape: DestinationShape = {
  name: 'MySQL',
  slug: 'mysql',
  description: 'Keeps a table of a MySQL or MariaDB database in step with a model, a batch in a transaction.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      host: { label: 'Host', description: 'Name or address of the server.', type: 'string', required: true },
      port: {
        label: 'Port',
        description: 'TCP port of the server.',
        type: 'integer',
        default: 3306,
        minimum: 1,
        maximum: 65_535,
      },
      database: { label: 'Database', description: 'Name of the database.', type: 'string', required: true },
      user: { label: 'User', description: 'The account that writes.', type: 'string', required: true },
      password: { label: 'Password', description: 'Its password.', type: 'password' },
      ...tlsFields,
    },
  },
  actions: { sync, append },
};
