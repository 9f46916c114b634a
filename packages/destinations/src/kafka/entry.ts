// The Kafka destination for the registry.
import { AppError } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { openSession, sessionColumns } from '@sluice/destination-kit';
import { settingText } from '../connection-settings.ts';
import type { DestinationEntry, OpenOptions } from '../entry.ts';
import { authenticationOf } from './errors.ts';
import { KafkaSession, openProducer, partitionsOf } from './session.ts';
import { connectionProblems, producerOptions, targetOf, targetProblems, withRow } from './settings.ts';
import { kafkaShape } from './shape.ts';

export const kafkaEntry: DestinationEntry = {
  type: kafkaShape.slug,
  name: kafkaShape.name,
  origin: 'native',
  shape: () => kafkaShape,
  checkConnection: connectionProblems,
  check: targetProblems,
  columns: (spec) => sessionColumns(kafkaShape, withRow(spec)),
  open,
  testAuthentication,
};

async function open(spec: DestinationSpec): Promise<OpenDestination> {
  const target = targetOf(spec);
  const options = producerOptions(spec);
  const producer = openProducer(options);
  try {
    const partitions = await partitionsOf(producer, target);
    const batch = kafkaShape.actions[spec.action]?.batch ?? { maxRows: 1000, maxBytes: 750_000 };
    const session = new KafkaSession(options, target, producer, partitions);
    // One batch at a time keeps the plan's order.
    return openSession(kafkaShape, withRow(spec), session, { batching: { ...batch, concurrency: 1 } });
  } catch (thrown) {
    await producer.close(true).catch(() => undefined);
    if (thrown instanceof AppError) throw thrown;
    const { result, code, message } = authenticationOf(thrown);
    throw new AppError(`Kafka cannot be used at ${settingText(spec.settings['brokers'])}: ${message}`, {
      code,
      kind: result === 'invalid' ? 'unauthenticated' : 'unavailable',
      origin: 'destination',
      where: 'settings',
      fix: 'check brokers, sasl, user, password and ssl of the destination, that the brokers accept this machine, and that the addresses which they name can be reached from here',
      cause: thrown,
    });
  }
}

async function testAuthentication(
  spec: ConnectionSpec,
  _options: OpenOptions,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  const producer = openProducer(producerOptions(spec));
  const abort = (): void => {
    producer.close(true).catch(() => undefined);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await producer.metadata({ topics: [] });
    return { result: 'valid' };
  } catch (error) {
    return authenticationOf(error);
  } finally {
    signal.removeEventListener('abort', abort);
    await producer.close(true).catch(() => undefined);
  }
}
