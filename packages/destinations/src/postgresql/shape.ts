// What the PostgreSQL destination takes. A mapping keeps one table in step with one model:
// rows are found by a key column that carries a unique index, deleted records by their
// identifier in that column.
import type { ActionShape, DestinationShape, InputField } from '@sluice/destination-kit';

const table: Readonly<Record<string, InputField>> = {
  schema: { label: 'Schema', description: 'The schema of the table.', type: 'string', default: 'public' },
  table: {
    label: 'Table',
    description: 'An existing table. Its columns decide the types.',
    type: 'string',
    required: true,
  },
};

const row: InputField = {
  label: 'Row',
  description: "Columns of the table and their values. Default: all of the model's columns, by name.",
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
};

const BATCH = { maxRows: 20_000, maxBytes: 8_000_000 } as const;

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
    ...table,
    key: {
      label: 'Key',
      description:
        "The column, or columns, that tell rows apart, with a unique index. Deleted records are found by the model's identifier, so they need a single key column that holds it.",
      type: 'string',
      multiple: true,
      required: true,
    },
    row,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'keyed' },
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
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: false, deletes: 'none' },
};

export const postgresShape: DestinationShape = {
  name: 'PostgreSQL',
  slug: 'postgresql',
  description:
    'Keeps a table of a PostgreSQL database in step with a model: COPY into a staging table, then one statement.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      host: { label: 'Host', description: 'Name or address of the server.', type: 'string', required: true },
      port: {
        label: 'Port',
        description: 'TCP port of the server.',
        type: 'integer',
        default: 5432,
        minimum: 1,
        maximum: 65_535,
      },
      database: { label: 'Database', description: 'Name of the database.', type: 'string', required: true },
      user: { label: 'User', description: 'The role that writes.', type: 'string', required: true },
      password: { label: 'Password', description: 'Its password.', type: 'password' },
      ssl: {
        label: 'TLS',
        description:
          'verify-full: encrypted, and the certificate must be for this host. require: encrypted, certificate not checked. disable: not encrypted.',
        type: 'string',
        choices: ['verify-full', 'require', 'disable'],
        default: 'verify-full',
      },
      ca: {
        label: 'CA certificate',
        description: "PEM text of the authority that signed the server's certificate, when it is no public one.",
        type: 'text',
      },
    },
  },
  actions: { sync, append },
};
