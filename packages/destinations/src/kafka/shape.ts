// What the Kafka destination takes: one message per change, by an idempotent producer that
// waits for all replicas in sync.
import type { DestinationShape } from '@sluice/destination-kit';
import { tlsFields } from '../connection-settings.ts';

export const kafkaShape: DestinationShape = {
  name: 'Kafka',
  slug: 'kafka',
  description:
    'Sends one message per change to a topic, in the order of the plan, acknowledged by all replicas in sync.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      brokers: {
        label: 'Brokers',
        description: 'Addresses of some brokers: host:port, separated by commas.',
        type: 'string',
        required: true,
      },
      sasl: {
        label: 'SASL',
        description: 'How to sign in.',
        type: 'string',
        choices: ['none', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
        default: 'none',
      },
      user: { label: 'User', description: 'Name for SASL.', type: 'string' },
      password: { label: 'Password', description: 'Its password.', type: 'password' },
      ...tlsFields,
    },
  },
  actions: {
    produce: {
      title: 'Send messages',
      description:
        'Sends each change as a message: the key is the record identifier, the value the row as JSON, a header says what happened. Messages of one key stay in order.',
      fields: {
        topic: { label: 'Topic', description: 'The topic to write into.', type: 'string', required: true },
        row: {
          label: 'Row',
          description: "Names and values of the message. Default: all of the model's columns, by name.",
          type: 'object',
          additionalProperties: true,
          default: { '@path': '$.properties' },
        },
        deleted: {
          label: 'Deleted records',
          description:
            'tombstone: a message without a value, which removes the key from a compacted topic. event: a message like any other, its columns null.',
          type: 'string',
          choices: ['tombstone', 'event'],
          default: 'tombstone',
        },
        headers: {
          label: 'Headers',
          description: 'Headers of the message, as texts.',
          type: 'object',
          additionalProperties: true,
        },
        operation_header: {
          label: 'Operation header',
          description: 'Name of the header that gets added, updated or deleted.',
          type: 'string',
          default: 'operation',
        },
        partition: {
          label: 'Partition',
          description: "Number of the partition. Default: by the hash of the key, as Kafka's Java client does it.",
          type: 'integer',
          minimum: 0,
        },
        create_topic: {
          label: 'Create topic',
          description: 'Ask the cluster to make the topic when there is none, with the numbers that it has set.',
          type: 'boolean',
          default: false,
        },
      },
      // A broker takes 1 MB per partition and request unless it is told otherwise.
      batch: { maxRows: 1000, maxBytes: 750_000 },
      capabilities: { perRowOutcomes: false, idempotent: false, deletes: 'keyed', ordered: true },
    },
  },
};
