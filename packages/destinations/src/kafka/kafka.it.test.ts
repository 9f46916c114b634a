// What the producer sends, and failures on demand: against a stand-in for a broker. The same
// destination against Apache Kafka: kafka-server.it.test.ts.
import type { JsonObject } from '@sluice/core';
import type { DestinationSpec } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allDelivered, deliver, thrownBy } from '../deliver-in-tests.ts';
import { createRegistry } from '../registry.ts';
import { BrokerUnderTest } from './broker-under-test.ts';

let broker: BrokerUnderTest;

beforeEach(async () => {
  broker = await BrokerUnderTest.start();
  broker.topics.set('people', 3);
});
afterEach(async () => broker[Symbol.asyncDispose]());

function spec(fields: JsonObject = {}, settings: JsonObject = {}): DestinationSpec {
  return {
    type: 'kafka',
    action: 'produce',
    settings: { brokers: `127.0.0.1:${broker.port}`, ssl: 'disable', ...settings },
    fields: { topic: 'people', ...fields },
    mappingId: 'people',
    syncId: 's1',
  };
}

const recordsOf = () => broker.batches.flatMap(({ records }) => records);

describe('Kafka destination', () => {
  test('keeps the promises of every destination', async () => {
    const registry = createRegistry();
    const tested = spec({ row: { name: { '@path': '$.properties.name' } } });
    expect(registry.validate(tested, ['name'])).toEqual([]);
    const problems = await conformanceProblems({
      open: () => registry.open(tested),
      reads: registry.columns(tested),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  test('sends key, value and headers by an idempotent producer that waits for all replicas', async () => {
    await using destination = await createRegistry().open(
      spec({ headers: { source: 'crm', name: { '@path': '$.properties.name' }, none: null } }),
    );
    const rows = [
      { id: '1', name: 'Zoë \u{1F600}', big: '9007199254740993' },
      { id: '2', name: 'Bob', big: null },
    ];
    expect(await deliver(destination, 'added', rows)).toEqual(allDelivered(2));
    expect(await deliver(destination, 'updated', rows.slice(0, 1))).toEqual(allDelivered(1));
    expect(await deliver(destination, 'deleted', rows.slice(0, 1))).toEqual(allDelivered(1));
    const ofFirst = recordsOf().filter(({ key }) => key === '1');
    expect(ofFirst).toEqual([
      {
        key: '1',
        partition: expect.any(Number) as number,
        value: JSON.stringify(rows[0]),
        headers: { operation: 'added', source: 'crm', name: 'Zoë \u{1F600}' },
      },
      expect.objectContaining({ value: JSON.stringify(rows[0]) }),
      expect.objectContaining({ value: null, headers: { operation: 'deleted', source: 'crm' } }),
    ]);
    expect(new Set(ofFirst.map(({ partition }) => partition)).size).toBe(1);
    for (const batch of broker.batches) expect(batch).toMatchObject({ acks: -1, transactionalId: null });
    expect(new Set(broker.batches.map(({ producerId }) => producerId)).size).toBe(1);
    // The sequence of each partition has no gap.
    const next = new Map<number, number>();
    for (const { records, baseSequence } of broker.batches) {
      const partition = records[0]?.partition ?? -1;
      expect(baseSequence).toBe(next.get(partition) ?? 0);
      next.set(partition, baseSequence + records.length);
    }
    expect(broker.autocreate).not.toContain(true);
  });

  // As Utils.toPositive(Utils.murmur2(key)) % 3 of Apache Kafka's Java client has it.
  test.each([
    ['1', 0],
    ['customer-42', 0],
    ['a', 1],
    ['Zürich', 1],
    ['9007199254740993', 0],
  ])('puts the key %s where the Java client puts it', async (id, partition) => {
    await using destination = await createRegistry().open(spec());
    await deliver(destination, 'added', [{ id }]);
    expect(recordsOf().map((record) => record.partition)).toEqual([partition]);
  });

  test('deleted records may be events, and the partition may be given', async () => {
    await using destination = await createRegistry().open(
      spec({ deleted: 'event', operation_header: '', partition: { '@path': '$.properties.part' } }),
    );
    const result = await deliver(destination, 'added', [
      { id: '1', part: 2 },
      { id: '2', part: 3 },
      { id: '3', part: null },
    ]);
    expect(result).toMatchObject({
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', message: expect.stringContaining('3 partitions') as string },
        { outcome: 'delivered' },
      ],
    });
    expect(await deliver(destination, 'deleted', [{ id: '1', part: 2 }])).toEqual(allDelivered(1));
    const ofFirst = recordsOf().filter(({ key }) => key === '1');
    expect(ofFirst).toMatchObject([
      { partition: 2, headers: {} },
      { value: '{"id":null,"part":null}', headers: {} },
    ]);
  });

  test.each<[string, number | 'reset', object]>([
    ['a message that is too large', 10, { cause: 'rows', code: 'MESSAGE_TOO_LARGE' }],
    ['a topic that is forbidden', 29, { cause: 'stop', code: 'TOPIC_AUTHORIZATION_FAILED' }],
    ['an invalid record', 87, { cause: 'rows', code: 'INVALID_RECORD' }],
  ])('%s fails the batch as it should, and the next one goes through', async (_, fault, expected) => {
    await using destination = await createRegistry().open(spec());
    broker.faults.push(fault);
    expect(await deliver(destination, 'added', [{ id: '1' }])).toMatchObject({ kind: 'failed', ...expected });
    expect(await deliver(destination, 'added', [{ id: '1' }])).toEqual(allDelivered(1));
    expect(broker.batches).toMatchObject([{ baseSequence: 0 }]);
  });

  test('short troubles are tried again with the same sequence, long ones later', async () => {
    await using destination = await createRegistry().open(spec());
    broker.faults.push('reset', 19);
    expect(await deliver(destination, 'added', [{ id: '1' }])).toEqual(allDelivered(1));
    expect(broker.batches).toHaveLength(1);
    broker.faults.push(...Array.from({ length: 12 }, () => 19));
    expect(await deliver(destination, 'added', [{ id: '1' }])).toMatchObject({
      kind: 'failed',
      cause: 'later',
      code: 'NOT_ENOUGH_REPLICAS',
      maybeDelivered: true,
    });
  });

  test('cancelling ends a batch that nobody answers', async () => {
    await using destination = await createRegistry().open(spec());
    broker.faults.push('silent');
    const cancel = new AbortController();
    const result = deliver(destination, 'added', [{ id: '1' }], { signal: cancel.signal });
    setTimeout(() => cancel.abort(), 200);
    expect(await result).toMatchObject({ kind: 'failed', cause: 'later' });
    expect(await deliver(destination, 'added', [{ id: '1' }])).toEqual(allDelivered(1));
  });

  test('a text that is none rejects its row', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [{ id: 'half \ud800' }, { id: '2' }]);
    expect(result).toMatchObject({
      outcomes: [{ outcome: 'rejected', code: 'VALUE_UNFIT' }, { outcome: 'delivered' }],
    });
  });

  test('a topic that is missing is named, or made when that was asked for', async () => {
    const thrown = await thrownBy(createRegistry().open(spec({ topic: 'peopel' })));
    expect(thrown).toMatchObject({ code: 'TOPIC_NOT_FOUND', message: expect.stringContaining('"peopel"') as string });
    await using destination = await createRegistry().open(spec({ topic: 'made', create_topic: true }));
    expect(await deliver(destination, 'added', [{ id: '1' }])).toEqual(allDelivered(1));
    expect(broker.topics.get('made')).toBe(1);
  });

  test('an address where nobody listens is told', async () => {
    const thrown = await thrownBy(createRegistry().open(spec({}, { brokers: '127.0.0.1:1' })));
    expect(thrown).toMatchObject({ code: 'ECONNREFUSED', fix: expect.stringContaining('brokers') as string });
    const registry = createRegistry();
    expect(await registry.testAuthentication(spec({}, { brokers: '127.0.0.1:1' }))).toMatchObject({
      result: 'unavailable',
    });
    expect(await registry.testAuthentication(spec())).toEqual({ result: 'valid' });
  });

  test.each([
    [{ topic: 'no topic' }, {}, 'fields.topic'],
    [{ topic: { '@path': '$.properties.id' } }, {}, 'fields.topic'],
    [{ deleted: 'gone' }, {}, 'fields.deleted'],
    [{}, { brokers: 'localhost' }, 'settings.brokers'],
    [{}, { sasl: 'PLAIN' }, 'settings.user'],
    [{}, { password: 'secret' }, 'settings.sasl'],
  ])(
    'the fields %j and settings %j are refused before anything is sent',
    (fields: JsonObject, settings: JsonObject, path) => {
      const problems = createRegistry().validate(spec(fields, settings), ['id']);
      expect(problems.map((problem) => problem.path)).toContain(path);
    },
  );
});
