// What the Redis destination takes. A record is one key, named after the record's
// identifier, or one member of a set, or one entry of a stream per change.
import type { ActionShape, DestinationShape, InputField } from '@sluice/destination-kit';
import { tlsFields } from '../connection-settings.ts';

/** Stands for the identifier in the name of a key. */
export const ID_PLACEHOLDER = '{id}';

const key: InputField = {
  label: 'Key',
  description: `Names the key of a record: a fixed text in which ${ID_PLACEHOLDER} stands for the record's identifier, for example customer:{id}.`,
  type: 'string',
  required: true,
};

const ttl: InputField = {
  label: 'Time to live',
  description: 'Seconds after which the key goes away unless it is written again. Default: it stays.',
  type: 'integer',
  minimum: 1,
};

const row: InputField = {
  label: 'Row',
  description: "Names and values to store. Default: all of the model's columns, by name.",
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
};

const syncMode: NonNullable<ActionShape['syncMode']> = {
  default: 'mirror',
  choices: [
    { label: 'Mirror', value: 'mirror' },
    { label: 'Upsert', value: 'upsert' },
    { label: 'Add', value: 'add' },
    { label: 'Update', value: 'update' },
    { label: 'Delete', value: 'delete' },
  ],
};

const BATCH = { maxRows: 1000, maxBytes: 4_000_000 } as const;
const KEYED = { perRowOutcomes: true, idempotent: true, deletes: 'keyed', ordered: true } as const;

const hash: ActionShape = {
  title: 'Sync hashes',
  description:
    'Keeps one hash per record: a field per column. A null removes its field; fields that the row does not name stay. Lists and objects are JSON.',
  syncMode,
  fields: { key, row, ttl_seconds: ttl },
  batch: BATCH,
  capabilities: KEYED,
};

const json: ActionShape = {
  title: 'Sync JSON texts',
  description: 'Keeps one text per record, the row as JSON. What the key held before is replaced, whatever it was.',
  syncMode,
  fields: { key, row, ttl_seconds: ttl },
  batch: BATCH,
  capabilities: KEYED,
};

const text: ActionShape = {
  title: 'Sync texts',
  description:
    'Keeps one text per record, a single value. What the key held before is replaced, whatever it was; a null removes the key.',
  syncMode,
  fields: {
    key,
    value: { label: 'Value', description: 'The text to store.', type: 'string', required: false, allowNull: true },
    ttl_seconds: ttl,
  },
  batch: BATCH,
  capabilities: KEYED,
};

const set: ActionShape = {
  title: 'Sync members of a set',
  description: 'Keeps the identifiers of the records as the members of one set.',
  fields: {
    key: {
      label: 'Key',
      description: 'The key of the set, the same for every record.',
      type: 'string',
      required: true,
    },
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'membership', ordered: true },
};

const stream: ActionShape = {
  title: 'Append changes to a stream',
  description:
    'Adds one entry per change: the fields _operation (added, updated, deleted) and _record_id, then those of the row that are not null.',
  fields: {
    key: {
      label: 'Key',
      description: 'The key of the stream, the same for every change.',
      type: 'string',
      required: true,
    },
    row,
    max_length: {
      label: 'Length',
      description: 'About how many entries the stream keeps; older ones go. Default: all.',
      type: 'integer',
      minimum: 1,
    },
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: false, deletes: 'none', ordered: true },
};

export const redisShape: DestinationShape = {
  name: 'Redis',
  slug: 'redis',
  description: 'Keeps hashes, texts or a set of a Redis or Valkey server in step with a model, or appends to a stream.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      host: { label: 'Host', description: 'Name or address of the server.', type: 'string', required: true },
      port: {
        label: 'Port',
        description: 'TCP port of the server.',
        type: 'integer',
        default: 6379,
        minimum: 1,
        maximum: 65_535,
      },
      database: {
        label: 'Database',
        description: 'Number of the database.',
        type: 'integer',
        default: 0,
        minimum: 0,
      },
      user: {
        label: 'User',
        description: 'Name in the access control list. Default: the default user.',
        type: 'string',
      },
      password: { label: 'Password', description: 'Its password.', type: 'password' },
      ...tlsFields,
    },
  },
  actions: { hash, json, text, set, stream },
};
