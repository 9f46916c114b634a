import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { stateTables } from '../plan/state-tables.ts';
import type { QueryRequest, QueryResult, Source } from '../source/source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { Lease } from './checkpoint.ts';
import { holderText, isGone, newHolder } from './holder.ts';

const { checkpoints: table } = stateTables('p', 'state', 'm');
const free: Checkpoint = {
  fence: 7,
  holder: undefined,
  leaseExpiresAt: undefined,
  leaseExpired: true,
  phase: 'done',
  syncId: undefined,
  version: undefined,
  progress: undefined,
  checkpoint: undefined,
  sources: undefined,
  pending: 0,
};

/** A warehouse that answers each UPDATE with the number of rows it affected. */
function warehouse(...affected: number[]): { source: Source; asked: QueryRequest[] } {
  const asked: QueryRequest[] = [];
  const query = async (request: QueryRequest): Promise<QueryResult> => {
    asked.push(request);
    return { columns: [], rows: [], bytesProcessed: 0, affectedRows: affected.shift() ?? 1 };
  };
  return { source: { query } as Partial<Source> as Source, asked };
}
const acquire = (source: Source, seen: Checkpoint, ttlMs = 60_000): Promise<Lease> =>
  Lease.acquire({ source, table, seen, change: { phase: 'planning' }, ttlMs, mapping: 'm' });

describe('Lease', () => {
  test('takes a free lease by compare-and-set on the fencing number', async () => {
    const { source, asked } = warehouse();
    await using lease = await acquire(source, free);
    expect(lease.fence).toBe(8);
    expect(asked[0]?.params?.['fence']).toEqual({ type: 'INT64', value: 7 });
    expect(asked[0]?.sql).toContain('WHERE fence = @fence AND (holder IS NULL');
  });

  test('is refused when another run was faster', async () => {
    await expect(acquire(warehouse(0).source, free)).rejects.toMatchObject({ code: 'SYNC_RUNNING' });
  });

  test('is refused, naming the holder, while another machine holds it', async () => {
    const { source, asked } = warehouse();
    const held = {
      ...free,
      holder: 'elsewhere:12:abc:def',
      leaseExpired: false,
      leaseExpiresAt: '2030-01-01T00:00:00.000Z',
    };
    await expect(acquire(source, held)).rejects.toMatchObject({
      code: 'SYNC_RUNNING',
      message: expect.stringContaining('elsewhere:12') as string,
    });
    expect(asked).toEqual([]);
  });

  test('takes over at once from a process of this machine that is gone', async () => {
    const { source, asked } = warehouse();
    // Process ids end far below this number.
    const gone = newHolder().replace(`:${process.pid}:`, ':2147483646:');
    await using _lease = await acquire(source, { ...free, holder: gone, leaseExpired: false });
    expect(asked[0]?.params?.['orphan']).toEqual({ type: 'STRING', value: gone });
  });

  test('tells when it is lost, and refuses further steps', async () => {
    const { source } = warehouse(1, 0);
    const lease = await acquire(source, free);
    await expect(lease.update({ phase: 'delivering' })).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(lease.lost.aborted).toBe(true);
  });

  test('renews itself three times within its time', async () => {
    const { source, asked } = warehouse();
    const lease = await acquire(source, free, 60);
    await new Promise((resolve) => setTimeout(resolve, 90));
    await lease[Symbol.asyncDispose]();
    expect(asked.filter((request) => request.step === 'renew').length).toBeGreaterThanOrEqual(2);
    expect(asked.at(-1)?.step).toBe('release');
    expect(lease.lost.aborted).toBe(false);
  });
});

test('a holder names host and process, and this process is not gone', () => {
  const holder = newHolder();
  expect(holderText(holder)).toBe(`${hostname().replaceAll(':', '-')}:${process.pid}`);
  expect(isGone(holder)).toBe(false);
  expect(isGone(`${hostname()}:2147483646:another-machine:x`)).toBe(false);
});
