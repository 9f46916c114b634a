// Query jobs that write into a table: the layout that they ask for, and what they may change of a
// schema; and what a query job tells of itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT, ServerUnderTest } from '../server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const ref = (tableId: string) => ({ projectId: PROJECT, datasetId: 'ds', tableId });

async function into(tableId: string, sql: string, more: Record<string, unknown> = {}) {
  const { status, body } = await server.query(sql, { body: { destinationTable: ref(tableId), ...more } });
  return status === 200 ? undefined : body.error;
}

async function tableOf(tableId: string) {
  return (await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/${tableId}`)).body;
}

describe('a query into a table', () => {
  test('makes it with the partitions and clusters asked for, checked against the result', async () => {
    const range = { field: 'x', range: { start: '0', end: '100', interval: '10' } };
    expect(
      await into('ranged', 'SELECT 5 AS x, 2 AS y', { rangePartitioning: range, clustering: { fields: ['y'] } }),
    ).toBe(undefined);
    expect(await tableOf('ranged')).toMatchObject({ rangePartitioning: range, clustering: { fields: ['y'] } });
    const wrong = await into('other', 'SELECT "a" AS x', { rangePartitioning: range });
    expect(wrong.message).toBe(
      'The field specified for range partitioning can only be of type INTEGER. The type found is: STRING.',
    );
    const differs = await into('ranged', 'SELECT 6 AS x, 1 AS y', {
      writeDisposition: 'WRITE_APPEND',
      timePartitioning: { type: 'DAY' },
    });
    expect(differs.message).toContain('Incompatible table partitioning specification');
    expect((await tableOf('other')).error.code).toBe(404);
  });

  test('adds columns and relaxes REQUIRED ones with schemaUpdateOptions, and only then', async () => {
    await server.rows('CREATE TABLE ds.strict (id INT64 NOT NULL)');
    const append = (sql: string, options: readonly string[]) =>
      into('strict', sql, { writeDisposition: 'WRITE_APPEND', schemaUpdateOptions: options });
    expect((await append('SELECT 1 AS id, "a" AS name', [])).message).toBe(
      `Provided Schema does not match Table ${PROJECT}:ds.strict. Cannot add fields (field: name)`,
    );
    expect(await append('SELECT 1 AS id, "a" AS name', ['ALLOW_FIELD_ADDITION'])).toBe(undefined);
    expect((await append('SELECT "b" AS name', ['ALLOW_FIELD_ADDITION'])).message).toContain(
      'Missing required field: id',
    );
    expect(await append('SELECT "b" AS name', ['ALLOW_FIELD_RELAXATION'])).toBe(undefined);
    expect(await server.rows('SELECT id, name FROM ds.strict ORDER BY name')).toEqual([
      ['1', 'a'],
      [null, 'b'],
    ]);
    expect((await tableOf('strict')).schema.fields).toEqual([
      { name: 'id', type: 'INTEGER', mode: 'NULLABLE' },
      { name: 'name', type: 'STRING', mode: 'NULLABLE' },
    ]);
    expect((await append('SELECT DIV(1, 0) AS id, 1 AS more', ['ALLOW_FIELD_ADDITION'])).message).toContain(
      'division by zero',
    );
    expect((await tableOf('strict')).schema.fields).toHaveLength(2);
    expect(await append('SELECT 7 AS id, DATE "2026-01-01" AS more', ['ALLOW_FIELD_ADDITION'])).toBe(undefined);
    expect(await server.rows('SELECT more FROM ds.strict WHERE id = 7')).toEqual([['2026-01-01']]);
  });
});

describe('a query job', () => {
  test('tells its labels, times, slots and bytes', async () => {
    const { body: inserted } = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
      jobReference: { jobId: 'told' },
      configuration: {
        labels: { team: 'a' },
        query: { query: 'SELECT COUNT(*) FROM ds.ranged', useLegacySql: false, priority: 'BATCH' },
      },
    });
    const job = await server.finished(inserted.jobReference.jobId);
    expect(job.configuration).toMatchObject({ labels: { team: 'a' }, query: { priority: 'BATCH' } });
    const elapsed = String(Number(job.statistics.endTime) - Number(job.statistics.startTime));
    expect(job.statistics).toMatchObject({
      totalSlotMs: elapsed,
      finalExecutionDurationMs: elapsed,
      query: {
        statementType: 'SELECT',
        cacheHit: false,
        totalSlotMs: elapsed,
        totalBytesBilled: '10485760',
        referencedTables: [ref('ranged')],
        timeline: [{ elapsedMs: elapsed, completedUnits: '1' }],
      },
    });
    const again = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
      jobReference: { jobId: 'told' },
      configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
    });
    expect([again.status, again.body.error.errors[0].reason, again.body.error.message]).toEqual([
      409,
      'duplicate',
      `Already Exists: Job ${PROJECT}:US.told`,
    ]);
  });

  test('is stopped by jobTimeoutMs, and by cancel, in the middle of its work', async () => {
    const endless =
      'SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) a, UNNEST(GENERATE_ARRAY(1, 1000000)) b WHERE a * b = 7';
    const run = async (configuration: Record<string, unknown>) => {
      const { body } = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
        configuration: { query: { query: endless, useLegacySql: false, useQueryCache: false }, ...configuration },
      });
      return body.jobReference.jobId as string;
    };
    const late = await server.finished(await run({ jobTimeoutMs: '300' }));
    expect(late.status.errorResult.reason).toBe('timeout');
    const cancelled = await run({});
    await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs/${cancelled}/cancel`);
    expect((await server.finished(cancelled)).status.errorResult).toEqual({
      reason: 'stopped',
      message: 'Job execution was cancelled: User requested cancellation',
    });
    expect(await server.rows('SELECT 1')).toEqual([['1']]);
  });
});
