import type { BatchResult } from '../destination.ts';
import { expect, it } from 'vitest';
import { Receiver } from '../conformance/receiver.ts';
import type { Behaviour } from '../conformance/receiver.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition, DestinationDefinition } from '../segment/definition.ts';
import { openDefinition } from './definition-runner.ts';

// Definitions that hide from the runtime what the vendor answered.
const fields = { id: { label: 'Id', type: 'string', required: true } } as const;
const url = 'https://api.example/rows';

function hiding(performBatch: NonNullable<ActionDefinition['performBatch']>): DestinationDefinition {
  const action: ActionDefinition = { title: 'Send', description: '', fields, perform: () => undefined, performBatch };
  return { name: 'Hiding', slug: 'test-hiding', actions: { send: action } };
}

async function deliver(definition: DestinationDefinition, behaviour: Behaviour): Promise<BatchResult> {
  await using receiver = await Receiver.start();
  receiver.behaviour = behaviour;
  await using destination = openDefinition(
    definition,
    {
      type: 'test-hiding',
      action: 'send',
      settings: {},
      fields: { id: { '@path': '$.__segment_id' } },
      mappingId: 'm',
      syncId: 's',
    },
    { fetchTimeoutMs: 30_000, userAgent: 'test', connector: receiver.connector },
  );
  const rows = ['a', 'b'].map((recordId, ordinal) => {
    const row = destination.prepare({ ordinal, operation: 'added', recordId, checksum: '', columns: {} });
    if (!('payload' in row)) throw new Error(row.message);
    return row;
  });
  return await destination.deliver(rows, { signal: new AbortController().signal, idempotencyKey: 'k' });
}

const dropsTheAnswer = hiding(async (request) => {
  await request(url, { method: 'post', throwHttpErrors: false });
});
const callsEverythingABadRow = hiding(async (request, { payload }) => {
  const result = new segmentCore.MultiStatusResponse();
  try {
    await request(url, { method: 'post' });
  } catch {
    for (const row of [payload].flat()) result.pushErrorResponse({ status: 400, errormessage: 'failed', sent: row });
  }
  return result;
});
const saysNothingOfItsRows = hiding(async (request) => {
  await request(url, { method: 'post' }).catch(() => undefined);
  return new segmentCore.MultiStatusResponse();
});

it('counts no row as delivered whose answer was dropped', async () => {
  expect(await deliver(dropsTheAnswer, { kind: 'status', status: 500 })).toMatchObject({
    kind: 'failed',
    cause: 'later',
  });
  expect(await deliver(dropsTheAnswer, { kind: 'status', status: 422 })).toMatchObject({
    kind: 'failed',
    cause: 'rows',
  });
  expect(await deliver(dropsTheAnswer, { kind: 'answer' })).toMatchObject({
    outcomes: [{ outcome: 'delivered' }, { outcome: 'delivered' }],
  });
});

it.each([
  ['calls every failure a bad row', callsEverythingABadRow],
  ['says nothing of its rows', saysNothingOfItsRows],
])('keeps the rows of a definition that %s, when the vendor is down', async (_, definition) => {
  const wait = { kind: 'status', status: 429, headers: { 'retry-after': '7' } } as const;
  expect(await deliver(definition, wait)).toMatchObject({
    outcomes: [
      { outcome: 'retry', retryAfterMs: 7000 },
      { outcome: 'retry', retryAfterMs: 7000 },
    ],
  });
  expect(await deliver(definition, { kind: 'reset' })).toMatchObject({
    outcomes: [{ outcome: 'retry' }, { outcome: 'retry' }],
  });
  expect(await deliver(definition, { kind: 'status', status: 422 })).toMatchObject({
    outcomes: [{ outcome: 'rejected' }, { outcome: 'rejected' }],
  });
  expect(await deliver(definition, { kind: 'status', status: 401 })).toMatchObject({ kind: 'failed', cause: 'stop' });
});
