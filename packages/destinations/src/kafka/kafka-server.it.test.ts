// Against a real Apache Kafka, where the machine has Java and Maven to fetch it; elsewhere these
// tests are skipped and kafka.it.test.ts is what is left.
import { Admin, Consumer } from '@platformatic/kafka';
import type { JsonObject } from '@sluice/core';
import type { DestinationSpec } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { hasKafka, startKafka } from '@sluice/testkit/servers';
import type { KafkaServer } from '@sluice/testkit/servers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allDelivered, deliver, thrownBy } from '../deliver-in-tests.ts';
import { createRegistry } from '../registry.ts';

let server: KafkaServer;

describe.skipIf(!hasKafka)('Kafka destination with Apache Kafka', () => {
  beforeAll(async () => {
    server = await startKafka();
    await using admin = adminClient();
    await admin.createTopics({ topics: ['people', 'order'], partitions: 3, replicas: 1 });
  }, 500_000);
  afterAll(async () => server[Symbol.asyncDispose]());

  function adminClient(): Admin & AsyncDisposable {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [server.broker], retries: 20, retryDelay: 500 });
    return Object.assign(admin, { [Symbol.asyncDispose]: async () => admin.close() });
  }

  function spec(fields: JsonObject = {}, settings: JsonObject = {}): DestinationSpec {
    return {
      type: 'kafka',
      action: 'produce',
      settings: { brokers: server.broker, ssl: 'disable', ...settings },
      fields: { topic: 'people', ...fields },
      mappingId: 'people',
      syncId: 's1',
    };
  }

  /** Everything that the topic holds, by key in the order of each partition. */
  async function messagesOf(topic: string, count: number) {
    const consumer = new Consumer({
      clientId: 'test',
      groupId: `g-${topic}-${count}`,
      bootstrapBrokers: [server.broker],
    });
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    const found: { key: string; value: string | undefined; operation: string | undefined; partition: number }[] = [];
    for await (const message of stream) {
      const headers = new Map([...message.headers].map(([name, value]) => [String(name), String(value)]));
      const value = (message.value as Buffer | null | undefined) ?? undefined;
      found.push({
        key: String(message.key),
        value: value?.toString(),
        operation: headers.get('operation'),
        partition: message.partition,
      });
      if (found.length >= count) break;
    }
    await stream.close();
    await consumer.close(true);
    return found;
  }

  test('keeps the promises of every destination', async () => {
    const registry = createRegistry();
    const tested = spec({ row: { name: { '@path': '$.properties.name' } } });
    const problems = await conformanceProblems({
      open: () => registry.open(tested),
      reads: registry.columns(tested),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  test('messages of a record arrive whole, in order and in one partition; a tombstone ends them', async () => {
    await using destination = await createRegistry().open(spec({ topic: 'order' }));
    const name = 'Zoë \u{1F600} \n "x"';
    const rows = Array.from({ length: 200 }, (_, index) => ({ id: `r${index % 20}`, name, step: index }));
    for (let from = 0; from < rows.length; from += 20)
      expect(await deliver(destination, 'updated', rows.slice(from, from + 20))).toEqual(allDelivered(20));
    expect(await deliver(destination, 'deleted', [{ id: 'r7' }])).toEqual(allDelivered(1));
    const found = await messagesOf('order', 201);
    const ofSeven = found.filter(({ key }) => key === 'r7');
    const steps = ofSeven.slice(0, -1).map(({ value }) => (JSON.parse(value ?? '') as { step: number }).step);
    expect(steps).toEqual([7, 27, 47, 67, 87, 107, 127, 147, 167, 187]);
    expect(ofSeven.at(-1)).toMatchObject({ value: undefined, operation: 'deleted' });
    expect(JSON.parse(ofSeven[0]?.value ?? '')).toEqual({ id: 'r7', name, step: 7 });
    expect(new Set(ofSeven.map(({ partition }) => partition)).size).toBe(1);
    expect(new Set(found.map(({ partition }) => partition)).size).toBe(3);
  });

  test('a message that the broker does not take is the only one that is refused', async () => {
    await using destination = await createRegistry().open(spec());
    const huge = await deliver(destination, 'added', [{ id: '1', name: 'ä\t'.repeat(2_500_000) }]);
    expect(huge).toMatchObject({ kind: 'failed', cause: 'rows', code: 'MESSAGE_TOO_LARGE' });
    expect(await deliver(destination, 'added', [{ id: '2', name: 'Bob' }])).toEqual(allDelivered(1));
  });

  test.each(['PLAIN', 'SCRAM-SHA-256'])('signs in by %s, and tells a wrong password', async (sasl) => {
    const settings = { brokers: server.saslBroker, sasl, user: server.user, password: server.password };
    await using destination = await createRegistry().open(spec({}, settings));
    expect(await deliver(destination, 'added', [{ id: '3', name: 'Cleo' }])).toEqual(allDelivered(1));
    const wrong = { ...settings, password: 'wrong-and-secret' };
    const thrown = await thrownBy(createRegistry().open(spec({}, wrong)));
    const tested = await createRegistry().testAuthentication(spec({}, wrong));
    expect(thrown).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' });
    expect(tested).toMatchObject({ result: 'invalid' });
    expect(JSON.stringify([thrown.message, tested])).not.toContain('wrong-and-secret');
    expect(await createRegistry().testAuthentication(spec({}, settings))).toEqual({ result: 'valid' });
  });

  test('a missing topic is named; it is made when that was asked for', async () => {
    const thrown = await thrownBy(createRegistry().open(spec({ topic: 'peopel' })));
    expect(thrown).toMatchObject({ code: 'TOPIC_NOT_FOUND' });
    await using destination = await createRegistry().open(spec({ topic: 'made', create_topic: true }));
    expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
    expect(await messagesOf('made', 1)).toMatchObject([{ key: '1', operation: 'added' }]);
  });

  test('a broker that is gone fails the batch as one to try later', async () => {
    await using destination = await createRegistry().open(spec());
    expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
    server.process.kill('SIGKILL');
    expect(await deliver(destination, 'added', [{ id: '2', name: 'Bob' }])).toMatchObject({
      kind: 'failed',
      cause: 'later',
    });
  });
});
