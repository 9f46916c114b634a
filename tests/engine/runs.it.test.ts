// What people do to a mapping between and during its syncs: reset, replay, retry of
// quarantined rows, pause and resume, cancel from elsewhere.
import { cancelSync, mappingStatus, pauseMapping, resetMapping, resumeMapping, retryRejected } from '@sluice/engine';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterEach(() => {
  bench.answer = undefined;
  bench.take();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const ids = (count: number): string => `UNNEST(GENERATE_ARRAY(1, ${count})) AS id`;
const refuse = (...refused: string[]): void => {
  bench.answer = (rows) =>
    rows.some((row) => refused.includes(String(row['id']))) ? { status: 400, body: 'no such plan' } : undefined;
};
const sent = (): string[] =>
  bench
    .take()
    .map((row) => String(row['id']))
    .toSorted();

test('a reset needs its own confirmation, and lets the next sync send everything', async () => {
  const mapping = bench.mapping('reset', `SELECT id FROM ${ids(3)}`);
  await expect(resetMapping(bench.source, mapping, { confirm: 'reset' })).rejects.toMatchObject({
    code: 'NEVER_SYNCED',
  });
  await bench.sync(mapping);
  bench.take();
  await expect(resetMapping(bench.source, mapping, { confirm: 'yes' })).rejects.toMatchObject({
    code: 'RESET_UNCONFIRMED',
  });
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 0 });
  expect(await resetMapping(bench.source, mapping, { confirm: 'reset' })).toEqual({ records: 3 });
  expect(bench.take()).toEqual([]);
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 3 });
  expect(sent()).toEqual(['1', '2', '3']);
});

test('a replay sends the very changes of a sync again, and the next sync heals what became old', async () => {
  const mapping = (v: string) => bench.mapping('replayed', `SELECT id, '${v}' AS v FROM ${ids(4)}`);
  const first = await bench.sync(mapping('old'));
  await bench.sync(mapping('new'));
  bench.take();
  const replay = await bench.sync(mapping('new'), { replay: { syncId: first.syncId, rows: 'all' } });
  expect(replay).toMatchObject({ state: 'succeeded', kind: 'replay', outcomes: { added: { delivered: 4 } } });
  expect(replay.syncId).not.toBe(first.syncId);
  expect(bench.take().map((row) => [row['kind'], (row['row'] as { v: string }).v])).toEqual(
    Array.from({ length: 4 }, () => ['new', 'old']),
  );
  expect((await bench.sync(mapping('new'))).plan).toMatchObject({ updated: 4 });

  bench.take();
  const some = await bench.sync(mapping('new'), {
    replay: { syncId: first.syncId, rows: 'all', recordIds: ['2', '3', 'unknown'] },
  });
  expect(some.plan).toMatchObject({ added: 2 });
  expect(sent()).toEqual(['2', '3']);
});

test('only the rejected rows of a sync can be replayed', async () => {
  const mapping = bench.mapping('replayed_rejected', `SELECT id FROM ${ids(6)}`);
  refuse('2', '5');
  const first = await bench.sync(mapping);
  expect(first.outcomes.added).toMatchObject({ delivered: 4, rejected: 2 });
  bench.answer = undefined;
  bench.take();
  const replay = await bench.sync(mapping, { replay: { syncId: first.syncId, rows: 'rejected' } });
  expect(replay).toMatchObject({ state: 'succeeded', outcomes: { added: { delivered: 2 } } });
  expect(sent()).toEqual(['2', '5']);
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 0, unchanged: 6 });
  expect(await bench.rows(`SELECT * FROM ${stateTable('rejects_replayed_rejected')}`)).toEqual([]);
});

test('a replay is refused when its plan is unknown, or the mapping has changed', async () => {
  const mapping = bench.mapping('replay_refused', `SELECT id FROM ${ids(2)}`);
  const { syncId } = await bench.sync(mapping);
  const replay = (id: string) => ({ replay: { syncId: id, rows: 'all' } as const });
  await expect(bench.sync(mapping, replay('20200101000000_abcdef'))).rejects.toMatchObject({ code: 'REPLAY_GONE' });
  await expect(bench.sync(mapping, replay('x`; DROP'))).rejects.toMatchObject({ code: 'SYNC_ID_INVALID' });
  const changed = bench.mapping('replay_refused', `SELECT id FROM ${ids(2)}`, { data: '$.properties.id' });
  await expect(bench.sync(changed, replay(syncId))).rejects.toMatchObject({ code: 'REPLAY_STALE' });
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 0, unchanged: 2 });
});

test('quarantined rows take part again when somebody says so', async () => {
  const mapping = bench.mapping('retried', `SELECT id FROM ${ids(3)}`);
  refuse('2');
  for (let round = 0; round < 5; round += 1) await bench.sync(mapping);
  expect((await bench.sync(mapping)).plan).toMatchObject({ quarantined: 1 });
  bench.answer = undefined;
  bench.take();
  expect(await retryRejected(bench.source, mapping, { recordIds: ['1'] })).toEqual({ records: 0 });
  expect(await retryRejected(bench.source, mapping)).toEqual({ records: 1 });
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 1, quarantined: 0 });
  expect(sent()).toEqual(['2']);
});

test('a paused mapping sends nothing, before its first sync too, until it is resumed', async () => {
  const mapping = bench.mapping('paused', `SELECT id FROM ${ids(3)}`);
  await pauseMapping(bench.source, mapping, { by: 'ann@example.com', reason: 'the CRM moves' });
  expect(await bench.sync(mapping)).toMatchObject({
    state: 'skipped',
    message: expect.stringMatching(/paused by ann@example\.com at .*: the CRM moves/) as string,
  });
  expect(await mappingStatus(bench.source, mapping)).toMatchObject({ paused: { by: 'ann@example.com' } });
  expect(bench.take()).toEqual([]);
  expect(await resumeMapping(bench.source, mapping)).toBe(true);
  expect(await resumeMapping(bench.source, mapping)).toBe(false);
  expect(await bench.sync(mapping)).toMatchObject({ state: 'succeeded', plan: { added: 3 } });
});

test('a sync that somebody else cancels stops, commits what was delivered, and the next one sends the rest', async () => {
  const mapping = bench.mapping('cancel', `SELECT id FROM ${ids(40)}`, { batchSize: 5 });
  await bench.sync(bench.mapping('cancel', 'SELECT 0 AS id'));
  expect(await cancelSync(bench.source, mapping)).toBeUndefined();
  let asked: string | undefined;
  const report = await bench.sync(mapping, {
    // Renewed several times a second, so that the request is seen soon.
    leaseTtlMs: 3000,
    onStep: async (step) => {
      if (step !== 'batch') return;
      asked ??= await cancelSync(bench.source, mapping);
      await new Promise((resolve) => setTimeout(resolve, 2500));
    },
  });
  expect(asked).toBe(report.syncId);
  expect(report).toMatchObject({ state: 'canceled' });
  const { delivered } = report.outcomes.added;
  expect(delivered).toBeLessThan(40);
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_cancel')}`)).toEqual([
    { n: String(delivered) },
  ]);
  expect(await bench.sync(mapping)).toMatchObject({ state: 'succeeded', plan: { added: 40 - delivered } });
});

test('a sync that is canceled while it plans, or while it commits, leaves a true state', async () => {
  for (const [id, at, state] of [
    ['cancel_planning', 'planning', 'canceled'],
    ['cancel_committing', 'commit started', 'succeeded'],
  ] as const) {
    const cancel = new AbortController();
    const mapping = bench.mapping(id, `SELECT id FROM ${ids(5)}`);
    const report = await bench.sync(mapping, {
      signal: cancel.signal,
      onStep: (step) => void (step === at && cancel.abort(new Error('stop'))),
    });
    expect(report.state, `canceled at ${at}`).toBe(state);
    const again = await bench.sync(mapping);
    expect(again.plan.added + report.outcomes.added.delivered, `canceled at ${at}`).toBe(5);
    expect(sent(), `canceled at ${at}`).toEqual(['1', '2', '3', '4', '5']);
  }
});

test('a run that could not give its lease back does not lock out the next one of its process', async () => {
  const checkpoints = stateTable('checkpoints_outage');
  const mapping = (rows: number) => bench.mapping('outage', `SELECT id FROM ${ids(rows)}`);
  await bench.sync(mapping(5));
  let holder: string | null | undefined;
  const failed = await bench.sync(mapping(6), {
    onStep: async (step) => {
      if (step !== 'delivering') return;
      holder = (await bench.rows(`SELECT holder FROM ${checkpoints}`))[0]?.['holder'];
      throw new Error('the warehouse went away');
    },
  });
  expect(failed.state).toBe('failed');
  // What an outage leaves behind: the row as it was while the run held it.
  await bench.bigquery.query(
    `UPDATE ${checkpoints} SET holder = '${String(holder)}', lease_expires = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR) WHERE TRUE`,
  );
  expect(await bench.sync(mapping(6))).toMatchObject({
    state: 'succeeded',
    resumed: true,
    outcomes: { added: { delivered: 1 } },
  });
});

test('the report says what was sent, what came back and what to do, and no secret', async () => {
  const secret = 'very-secret-token-9';
  const mapping = bench.mapping('samples', `SELECT id, CONCAT('v', CAST(id AS STRING)) AS v FROM ${ids(4)}`, {
    logRejectedRows: true,
  });
  const { fields } = mapping.destination;
  const withSecret = {
    ...mapping,
    destination: { ...mapping.destination, fields: { ...fields, headers: { authorization: secret } } },
  };
  bench.answer = (rows) =>
    rows.some((row) => String(row['id']) === '3') ? { status: 400, body: `no ${secret}` } : undefined;
  const report = await bench.sync(withSecret);
  expect(report.reasons).toMatchObject([
    {
      outcome: 'rejected',
      code: 'BAD_REQUEST',
      count: 1,
      sampleIds: ['3'],
      advice: expect.stringContaining('compare the sample') as string,
    },
  ]);
  const samples = report.reasons[0]?.samples ?? [];
  expect(samples.some((sample) => sample.recordId === '3' && JSON.stringify(sample.payload).includes('v3'))).toBe(true);
  expect(JSON.stringify(report)).not.toContain(secret);
  expect(
    await bench.rows(
      `SELECT record_id, operation, code, state FROM ${stateTable('sync_log')} WHERE mapping_id = 'samples' AND record_id IS NOT NULL`,
    ),
  ).toEqual([{ record_id: '3', operation: 'added', code: 'BAD_REQUEST', state: 'rejected' }]);
  expect((await mappingStatus(bench.source, mapping)).history).toMatchObject([{ kind: 'sync', rejected: 1 }]);
});

test('requests without an answer are told, delivered in the end or not', async () => {
  let requests = 0;
  bench.answer = () => (++requests === 1 ? { status: 504, body: 'gateway time-out' } : undefined);
  const report = await bench.sync(bench.mapping('maybe', `SELECT id FROM ${ids(4)}`));
  expect(report).toMatchObject({ state: 'succeeded', maybeDelivered: { delivered: 4, undelivered: 0 } });
});
