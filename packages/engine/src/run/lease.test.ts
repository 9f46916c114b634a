import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { stateTables } from '../plan/state-tables.ts';
import type { QueryRequest, QueryResult, Source } from '../source/source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { holdHere, holderText, isGone, letGoHere, newHolder } from './holder.ts';
import { Lease } from './lease.ts';

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
  watermark: undefined,
  paused: undefined,
  cancel: undefined,
};

/** A warehouse that answers each UPDATE with the number of rows it affected. */
function warehouse(...affected: number[]): { source: Source; asked: QueryRequest[] } {
  const asked: QueryRequest[] = [];
  const query = async (request: QueryRequest): Promise<QueryResult> => {
    asked.push(request);
    return { columns: [], rows: [], bytesProcessed: 0, cacheHit: false, affectedRows: affected.shift() ?? 1 };
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

  test('takes over at once what this process itself could not give back', async () => {
    const dead = warehouse(1);
    const lease = await acquire(dead.source, free);
    const asked: string[] = [];
    const fails = { query: async ({ step }: QueryRequest) => (asked.push(step), Promise.reject(new Error('away'))) };
    Object.assign(dead.source, fails);
    await lease[Symbol.asyncDispose]();
    expect(asked).toEqual(['release']);
    const { source } = warehouse();
    await using taken = await acquire(source, { ...free, fence: 8, holder: lease.holder, leaseExpired: false });
    expect(taken.fence).toBe(9);
  });

  test('tells that somebody asked the sync to stop, and is held until it has', async () => {
    const asked: QueryRequest[] = [];
    let holder = '';
    const query = async (request: QueryRequest): Promise<QueryResult> => {
      asked.push(request);
      if (request.step === 'acquire') holder = String(request.params?.['holder']?.value);
      const row = {
        fence: 8,
        holder,
        lease_expired: false,
        phase: 'delivering',
        sync_id: 's1',
        cancel: 's1',
        pending: 0,
      };
      const stopped = request.step === 'renew' && request.sql.includes('cancel IS NULL');
      return {
        columns: [],
        rows: request.step === 'checkpoint' ? [row] : [],
        bytesProcessed: 0,
        cacheHit: false,
        affectedRows: stopped ? 0 : 1,
      };
    };
    const lease = await acquire({ query } as Partial<Source> as Source, free, 60);
    await expect.poll(() => lease.cancelAsked.aborted, { timeout: 30_000 }).toBe(true);
    await expect
      .poll(() => asked.filter(({ step }) => step === 'renew').length, { timeout: 30_000 })
      .toBeGreaterThan(1);
    expect(lease.lost.aborted).toBe(false);
    await lease.update({ phase: 'committing', release: true });
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

test('a holder names host and process, and is gone when the process, or what it left behind, is', () => {
  const holder = newHolder();
  expect(holderText(holder)).toBe(`${hostname().replaceAll(':', '-')}:${process.pid}`);
  holdHere(holder);
  expect(isGone(holder)).toBe(false);
  letGoHere(holder);
  expect(isGone(holder), 'a lease of this process that nothing here holds any more').toBe(true);
  expect(isGone(`${hostname()}:2147483646:another-machine:x`)).toBe(false);
});
