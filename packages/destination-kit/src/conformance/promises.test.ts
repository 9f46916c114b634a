import type { Change } from '@sluice/core';
import { expect, it } from 'vitest';
import { conformanceProblems } from './promises.ts';
import type { BatchResult, DeliverOptions, OpenDestination, Prepared } from '../destination.ts';

/** Keeps everything in memory, and to the rules. */
function memory(): OpenDestination {
  let open = true;
  return {
    batching: { maxRows: 2, maxBytes: 1000, concurrency: 1 },
    prepare: (change: Change) => {
      const payload = { id: change.columns['id'] ?? null };
      return { change, payload, batchKey: '', bytes: Buffer.byteLength(JSON.stringify(payload)) };
    },
    deliver: async (batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> =>
      signal.aborted || !open
        ? { kind: 'failed', cause: 'later', code: 'X', message: '' }
        : { kind: 'rows', outcomes: batch.map(() => ({ outcome: 'delivered' })) },
    flush: async () => undefined,
    [Symbol.asyncDispose]: async () => {
      open = false;
    },
  };
}

const problemsWith = async (faults: Partial<OpenDestination>, reads = new Set(['id'])): Promise<readonly string[]> =>
  conformanceProblems({ open: async () => ({ ...memory(), ...faults }), reads, columns: { id: 1, name: 'a' } });

it('finds nothing wrong with a destination that keeps to the rules', async () => {
  expect(await problemsWith({})).toEqual([]);
});

it('finds a destination that hides a column that it reads', async () => {
  expect((await problemsWith({}, new Set())).join('\n')).toContain('reads no column beside');
});

it.each<[string, Partial<OpenDestination>, string]>([
  ['loses an outcome', { deliver: async () => ({ kind: 'rows', outcomes: [] }) }, 'one outcome per row'],
  [
    'ignores the signal',
    { deliver: async (batch) => ({ kind: 'rows', outcomes: batch.map(() => ({ outcome: 'delivered' })) }) },
    'cancelled',
  ],
  ['has no room for a row', { batching: { maxRows: 0, maxBytes: 1, concurrency: 1 } }, 'positive limits'],
  ['counts wrongly', { prepare: (change) => ({ change, payload: {}, batchKey: '', bytes: 0 }) }, 'size as JSON'],
])('finds a destination that %s', async (_, faults, problem) => {
  expect((await problemsWith(faults)).join('\n')).toContain(problem);
});
