import type { Change, JsonObject } from '@sluice/core';
import { expect, it } from 'vitest';
import { conformanceProblems } from '../conformance/promises.ts';
import type { BatchResult, DestinationSpec, Prepared } from '../destination.ts';
import type { DestinationShape } from '../segment/definition.ts';
import type { Session } from './session-runner.ts';
import { openSession, sessionColumns } from './session-runner.ts';

const shape: DestinationShape = {
  name: 'Table',
  slug: 'test-table',
  authentication: { scheme: 'custom', fields: { password: { label: 'Password', type: 'password' } } },
  actions: {
    upsert: {
      title: 'Upsert',
      description: '',
      fields: {
        id: { label: 'Id', type: 'string', required: true },
        table: { label: 'Table', type: 'string', default: 'rows' },
        batch_keys: { label: 'Keys', type: 'string', multiple: true, default: ['table'] },
      },
    },
  },
};
const spec: DestinationSpec = {
  type: 'test-table',
  action: 'upsert',
  settings: { password: 'hunter22' },
  fields: { id: { '@path': '$.properties.id' }, table: { '@path': '$.properties.kind' } },
  mappingId: 'm',
  syncId: 's',
};
const batching = { maxRows: 100, maxBytes: 1_000_000, concurrency: 1 };
const quiet = (): AbortSignal => new AbortController().signal;

function sessionOf(deliver: (batch: readonly Prepared[], signal: AbortSignal) => Promise<BatchResult>) {
  const seen = { closed: 0, flushed: 0 };
  const session: Session = {
    deliver: (batch, { signal }) => deliver(batch, signal),
    flush: async () => void (seen.flushed += 1),
    [Symbol.asyncDispose]: async () => void (seen.closed += 1),
  };
  return { seen, session };
}

const accepts = async (batch: readonly Prepared[]): Promise<BatchResult> => ({
  kind: 'rows',
  outcomes: batch.map(() => ({ outcome: 'delivered' })),
});

function change(columns: JsonObject): Change {
  return { ordinal: 0, operation: 'added', recordId: 'r', checksum: '', columns };
}

function rowOf(destination: { prepare(change: Change): Prepared | object }, columns: JsonObject): Prepared {
  return destination.prepare(change(columns)) as Prepared;
}

it('keeps the promises of the contract around a session that only sends', async () => {
  const columns = { id: 'a', kind: 'k', unused: 1 };
  expect(
    await conformanceProblems({
      open: async () => openSession(shape, spec, sessionOf(accepts).session, { batching }),
      reads: sessionColumns(shape, spec),
      columns,
    }),
  ).toEqual([]);
  expect(sessionColumns(shape, spec)).toEqual(new Set(['id', 'kind']));
});

it('maps and checks rows, fills defaults in, and separates batches by their keys', async () => {
  const destination = openSession(shape, spec, sessionOf(accepts).session, { batching });
  const row = rowOf(destination, { id: 'a', kind: 'one' });
  expect(row.payload).toMatchObject({ id: 'a', table: 'one' });
  expect(row.batchKey).not.toBe(rowOf(destination, { id: 'a', kind: 'two' }).batchKey);
  expect(destination.prepare(change({ id: null }))).toMatchObject({
    outcome: 'rejected',
    code: 'PAYLOAD_VALIDATION_FAILED',
  });
  const { table: _, ...fields } = spec.fields;
  const withDefault = openSession(shape, { ...spec, fields }, sessionOf(accepts).session, { batching });
  expect(rowOf(withDefault, { id: 'a' }).payload).toMatchObject({ id: 'a', table: 'rows' });
});

it('sorts what a session throws by the retry table, without secrets', async () => {
  const failing = async (thrown: Error): Promise<BatchResult> => {
    const { session } = sessionOf(() => Promise.reject(thrown));
    const destination = openSession(shape, spec, session, { batching });
    return destination.deliver([rowOf(destination, { id: 'a', kind: 'k' })], { signal: quiet(), idempotencyKey: 'k' });
  };
  const coded = (code: string) => Object.assign(new Error(`no way with hunter22`), { code });
  expect(await failing(coded('ECONNREFUSED'))).toEqual({
    kind: 'failed',
    cause: 'later',
    code: 'ECONNREFUSED',
    message: 'no way with [redacted]',
  });
  expect(await failing(coded('ECONNRESET'))).toMatchObject({ cause: 'later', maybeDelivered: true });
  expect(await failing(coded('SELF_SIGNED_CERT_IN_CHAIN'))).toMatchObject({ cause: 'stop' });
  expect(await failing(Object.assign(new Error('no'), { status: 403 }))).toMatchObject({ cause: 'rows' });
  expect(await failing(new Error('a defect'))).toMatchObject({ cause: 'later', maybeDelivered: true });
});

it('waits for no session past its limit or a cancel, and closes it once', async () => {
  const { session, seen } = sessionOf(() => new Promise(() => undefined));
  const destination = openSession(shape, spec, session, { batching, callTimeoutMs: 20 });
  const rows = [rowOf(destination, { id: 'a', kind: 'k' })];
  expect(await destination.deliver(rows, { signal: quiet(), idempotencyKey: 'k' })).toMatchObject({
    cause: 'later',
    code: 'REQUEST_TIMEOUT',
  });
  expect(await destination.deliver(rows, { signal: AbortSignal.abort(), idempotencyKey: 'k' })).toMatchObject({
    cause: 'later',
    code: 'REQUEST_CANCELLED',
  });
  await destination.flush();
  await destination[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
  await destination.flush();
  expect(seen).toEqual({ closed: 1, flushed: 1 });
  expect(await destination.deliver(rows, { signal: quiet(), idempotencyKey: 'k' })).toMatchObject({
    code: 'DESTINATION_CLOSED',
  });
});
