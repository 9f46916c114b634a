// What the Elasticsearch and OpenSearch destinations take: the same, but for the sign-in. A
// record is one document whose `_id` is the record's identifier.
import type { ActionShape, DestinationShape, InputField } from '@sluice/destination-kit';

const index: InputField = {
  label: 'Index',
  description: 'The index, alias or data stream to write into.',
  type: 'string',
  required: true,
};

const createIndex: InputField = {
  label: 'Create index',
  description: 'Let the server make the index at the first document when there is none, with types as it guesses them.',
  type: 'boolean',
  default: false,
};

const pipeline: InputField = {
  label: 'Ingest pipeline',
  description: 'The pipeline that documents go through. Default: that of the index.',
  type: 'string',
};

const refresh: InputField = {
  label: 'Wait until documents can be found',
  description: 'Answer only after a refresh has made the batch visible to searches. Slower.',
  type: 'boolean',
  default: false,
};

const row: InputField = {
  label: 'Row',
  description: "Fields of the document and their values. Default: all of the model's columns, by name.",
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
};

const BATCH = { maxRows: 1000, maxBytes: 4_000_000 } as const;

const sync: ActionShape = {
  title: 'Sync documents',
  description:
    'Keeps one document per record. mirror: write and delete; upsert: write; add: create what is not there; update: change fields of what is there; delete: remove.',
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
    index,
    row,
    write: {
      label: 'Write',
      description: 'replace: the row becomes the whole document. merge: fields that the row does not name stay.',
      type: 'string',
      choices: ['replace', 'merge'],
      default: 'replace',
    },
    create_index: createIndex,
    pipeline,
    refresh,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'keyed' },
};

const append: ActionShape = {
  title: 'Append changes',
  description:
    'Creates one document for each change and never updates or deletes: a history of what happened. A change that is sent again is not stored again.',
  fields: {
    index,
    operation_field: {
      label: 'Operation field',
      description: 'The field that gets added, updated or deleted. Default: none.',
      type: 'string',
    },
    record_id_field: {
      label: 'Record id field',
      description: "The field that gets the record's identifier; the row of a deleted record is null but for it.",
      type: 'string',
    },
    row,
    create_index: createIndex,
    pipeline,
    refresh,
  },
  batch: BATCH,
  capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'none' },
};

const user: InputField = { label: 'User', description: 'Name of the user. Default: none.', type: 'string' };
const password: InputField = { label: 'Password', description: 'Its password.', type: 'password' };

function shapeOf(name: string, slug: string, signIn: Readonly<Record<string, InputField>>): DestinationShape {
  return {
    name,
    slug,
    description: `Keeps documents of an ${name} index in step with a model, by the bulk API with an answer per document.`,
    authentication: {
      scheme: 'custom',
      testAuthentication: true,
      fields: {
        node: {
          label: 'URL',
          description: 'Of the cluster, for example https://search.example.com:9200.',
          type: 'string',
          required: true,
        },
        ...signIn,
        verify_certificate: {
          label: 'Check certificate',
          description: 'Whether the certificate of an https URL must be valid and for this host.',
          type: 'boolean',
          default: true,
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
}

export const elasticsearchShape = shapeOf('Elasticsearch', 'elasticsearch', {
  api_key: { label: 'API key', description: 'Its encoded form. Or give user and password.', type: 'password' },
  user,
  password,
});

export const opensearchShape = shapeOf('OpenSearch', 'opensearch', { user, password });
