import type { Change } from '@sluice/core';
import type { BatchResult, OpenDestination, Prepared } from '@sluice/destination-kit';
import { expect, test } from 'vitest';
import { OutcomeBook } from '../delivery/outcome-book.ts';
import type { MappingConfig } from '../run/api.ts';
import { Witness } from './witness.ts';

const mapping = {
  destination: { name: 'd', type: 't', action: 'a', settings: { apiKey: 'top-secret-key' }, fields: {} },
} as unknown as MappingConfig;
const change = (ordinal: number): Change => ({
  ordinal,
  operation: 'added',
  recordId: `r${ordinal}`,
  checksum: 'c',
  columns: {},
});
const prepared = (ordinal: number): Prepared => ({
  change: change(ordinal),
  payload: { name: `n${ordinal}`, token: 'abcdef', note: 'the top-secret-key leaks', long: 'x'.repeat(2000) },
  batchKey: '',
  bytes: 10,
});
const options = { signal: new AbortController().signal, idempotencyKey: 'k' };

function watched(witness: Witness, result: BatchResult): OpenDestination {
  return witness.watch({
    batching: { maxRows: 10, maxBytes: 100, concurrency: 1 },
    prepare: ({ ordinal }) =>
      ordinal === 9 ? { outcome: 'rejected', code: 'MAPPING_FAILED', message: 'no' } : prepared(ordinal),
    deliver: async () => result,
    flush: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  });
}

test('keeps at most three rows per reason as they were sent, cut and without secrets', async () => {
  const witness = new Witness(mapping, 10);
  const outcome = { outcome: 'rejected', code: 'BAD_REQUEST', message: 'top-secret-key is no name' } as const;
  const rows = [0, 1, 2, 3, 4].map(prepared);
  const destination = watched(witness, { kind: 'rows', outcomes: rows.map(() => outcome) });
  expect(await destination.deliver(rows, options)).toMatchObject({ kind: 'rows' });
  const samples = witness.samplesOf({ code: 'BAD_REQUEST' });
  expect(samples.map((sample) => sample.recordId)).toEqual(['r0', 'r1', 'r2']);
  expect(samples[0]).toMatchObject({
    payload: { name: 'n0', token: '[redacted]', note: 'the [redacted] leaks' },
    answer: 'BAD_REQUEST: [redacted] is no name',
  });
  expect(JSON.stringify(samples)).not.toContain('top-secret-key');
  expect(samples[0]?.payload?.['long']).toBe(`${'x'.repeat(299)}…`);
  destination.prepare(change(9));
  expect(witness.samplesOf({ code: 'MAPPING_FAILED' })).toEqual([
    { recordId: 'r9', operation: 'added', answer: 'MAPPING_FAILED: no' },
  ]);
});

test('counts what may have arrived without an answer, by what became of it', async () => {
  const witness = new Witness(mapping, 20);
  const book = new OutcomeBook(20);
  expect(witness.maybeDelivered(book)).toBeUndefined();
  const destination = watched(witness, {
    kind: 'failed',
    cause: 'later',
    code: 'TIMEOUT',
    message: 'no answer',
    maybeDelivered: true,
  });
  await destination.deliver([prepared(3), prepared(17)], options);
  book.record(change(3), { outcome: 'delivered' });
  expect(witness.maybeDelivered(book)).toEqual({ delivered: 1, undelivered: 1 });
});
