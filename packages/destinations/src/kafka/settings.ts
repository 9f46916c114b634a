// From the settings of a connection and the fields of a mapping to what the session needs.
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withLiteralDefaults, withSettingDefaults } from '@sluice/destination-kit';
import type { ProducerOptions } from '@platformatic/kafka';
import { compatibilityPartitioner } from '@platformatic/kafka';
import { settingText, tlsOptions } from '../connection-settings.ts';
import { kafkaShape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

export type KafkaProducerOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer>;

export type Target = {
  readonly topic: string;
  readonly tombstones: boolean;
  readonly operationHeader: string;
  readonly createTopic: boolean;
};

export function producerOptions({ settings }: ConnectionSpec): KafkaProducerOptions {
  const values = withSettingDefaults(kafkaShape.authentication?.fields, settings);
  const { brokers, sasl, user, password } = values;
  const tls = tlsOptions(values);
  return {
    clientId: 'sluice',
    bootstrapBrokers: brokersOf(settingText(brokers)),
    // Retries of the producer itself cannot store a message twice, nor change the order.
    idempotent: true,
    acks: -1,
    // NOTE: the library takes 0 and 1 for no limit when the producer is idempotent.
    retries: 3,
    retryDelay: 250,
    connectTimeout: CONNECT_TIMEOUT_MS,
    timeout: REQUEST_TIMEOUT_MS,
    autocreateTopics: false,
    partitioner: compatibilityPartitioner,
    ...(tls === undefined ? {} : { tls: { ...tls }, tlsServerName: true }),
    ...(sasl === 'none'
      ? {}
      : {
          sasl: {
            mechanism: sasl as 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
            username: settingText(user),
            password: settingText(password),
          },
        }),
  };
}

export function brokersOf(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** The spec must have passed validation. */
export function targetOf(spec: DestinationSpec): Target {
  const action = kafkaShape.actions[spec.action];
  if (action === undefined) throw new TypeError(`Kafka has no action ${spec.action}`);
  const fields = withLiteralDefaults(action, spec.fields);
  return {
    topic: settingText(fields['topic']),
    tombstones: fields['deleted'] !== 'event',
    operationHeader: settingText(fields['operation_header']),
    createTopic: fields['create_topic'] === true,
  };
}

/** With the row's default, which is a path and so not among the fixed ones. */
export function withRow(spec: DestinationSpec): DestinationSpec {
  return { ...spec, fields: { row: { '@path': '$.properties' }, ...spec.fields } };
}

export function connectionProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { brokers, sasl, user, password } = settings;
  const named = brokersOf(settingText(brokers));
  const wrong = named.find((each) => !/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/.test(each));
  if (typeof brokers === 'string' && brokers !== '' && (named.length === 0 || wrong !== undefined))
    problems.push(error('settings.brokers', `"${wrong ?? brokers}" is no address of a broker`, 'write host:port'));
  const signsIn = settingText(sasl) !== '' && sasl !== 'none';
  if (signsIn && (settingText(user) === '' || settingText(password) === ''))
    problems.push(error('settings.user', `${settingText(sasl)} wants a user and a password`));
  if (!signsIn && settingText(password) !== '')
    problems.push(error('settings.sasl', 'there is a password but no way to sign in', 'set settings.sasl'));
  return problems;
}

/** The topic is one for the whole mapping. */
export function targetProblems({ fields }: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const field of ['topic', 'deleted', 'operation_header', 'create_topic']) {
    const value = fields[field];
    if (typeof value === 'object' && value !== null)
      problems.push(error(`fields.${field}`, `${field} must be a fixed value, the same for every row`));
  }
  const { topic } = fields;
  if (typeof topic === 'string' && !/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/.test(topic))
    problems.push(
      error('fields.topic', `"${topic}" cannot be a topic`, 'letters, digits, dots, dashes and underscores'),
    );
  return problems;
}
