// The calls of Google's Node client beside load and query.
import type { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerUnderTest } from './server-under-test.ts';

let server: ServerUnderTest;
let client: BigQuery;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  ({ client } = await server.serviceAccount('administrator', ['roles/bigquery.admin']));
  await client.createDataset('ds', { location: 'EU' });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("Google's Node client", () => {
  it('creates, lists, changes and deletes tables', async () => {
    const [table] = await client.dataset('ds').createTable('people', { schema: 'id:integer,name:string,born:date' });
    const [exists] = await client.dataset('ds').table('people').exists();
    const [missing] = await client.dataset('ds').table('nobody').exists();
    expect([exists, missing]).toEqual([true, false]);
    await table.setMetadata({ description: 'all people', labels: { team: 'crm' } });
    const [metadata] = await table.getMetadata();
    expect(metadata).toMatchObject({
      description: 'all people',
      labels: { team: 'crm' },
      location: 'EU',
      numRows: '0',
    });
    const [tables] = await client.dataset('ds').getTables();
    expect(tables.map(({ id }) => id)).toEqual(['people']);
    await table.delete();
    expect(await client.dataset('ds').table('people').exists()).toEqual([false]);
  });

  it('inserts rows, reads them back typed, and is told of each row that is wrong', async () => {
    const [table] = await client.dataset('ds').createTable('events', {
      schema: {
        fields: [
          { name: 'id', type: 'INTEGER', mode: 'REQUIRED' },
          { name: 'happened', type: 'TIMESTAMP' },
          { name: 'tags', type: 'STRING', mode: 'REPEATED' },
          { name: 'amount', type: 'NUMERIC' },
        ],
      },
    });
    await table.insert([
      { id: 1, happened: client.timestamp('2020-01-01T00:00:00.123456Z'), tags: ['a', 'b'], amount: '1.25' },
      { id: 2, happened: null, tags: [], amount: null },
    ]);
    const [rows] = await table.getRows();
    expect(rows).toMatchObject([
      { id: 1, happened: { value: '2020-01-01T00:00:00.123456000Z' }, tags: ['a', 'b'] },
      { id: 2, happened: null, tags: [], amount: null },
    ]);
    expect(String(rows[0].amount)).toBe('1.25');
    await expect(table.insert([{ id: 'x' }, { id: 3 }])).rejects.toMatchObject({
      name: 'PartialFailureError',
      errors: [{ row: { id: 'x' } }, { row: { id: 3 } }],
    });
  });

  it('runs queries with parameters, in the location of the data, and refuses another one', async () => {
    const [rows] = await client.query({
      query: 'SELECT id FROM ds.events WHERE id = @id AND @tag IN UNNEST(tags)',
      params: { id: 1, tag: 'b' },
    });
    expect(rows).toEqual([{ id: 1 }]);
    const at = client.timestamp('2020-01-01T00:00:00.123456Z');
    const [found] = await client.query({ query: 'SELECT id FROM ds.events WHERE happened = @at', params: { at } });
    expect(found).toEqual([{ id: 1 }]);
    const [job] = await client.createQueryJob({ query: 'SELECT COUNT(*) AS n FROM ds.events' });
    expect(job.location ?? job.metadata.jobReference.location).toBe('EU');
    await expect(client.query({ query: 'SELECT * FROM ds.events', location: 'US' })).rejects.toMatchObject({
      code: 404,
      message: expect.stringContaining('was not found in location US'),
    });
  });

  it('says what a query would cost without running it', async () => {
    const [job] = await client.createQueryJob({ query: 'SELECT id FROM ds.events', dryRun: true });
    expect(job.metadata.statistics.totalBytesProcessed).toBe('16');
    await expect(client.createQueryJob({ query: 'SELECT nothing FROM ds.events', dryRun: true })).rejects.toMatchObject(
      { code: 400, message: expect.stringContaining('Unrecognized name: nothing at [1:8]') },
    );
  });

  it('lists datasets and jobs, and cancels one', async () => {
    const [datasets] = await client.getDatasets();
    expect(datasets.map(({ id }) => id)).toEqual(['ds']);
    const [job] = await client.createQueryJob({
      query:
        'SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b WHERE MOD(a + b, 7) = 3',
    });
    await job.cancel();
    await expect(job.getQueryResults()).rejects.toThrow('Job execution was cancelled: User requested cancellation');
    const [jobs] = await client.getJobs({ maxResults: 5 });
    expect(jobs[0]?.id).toBe(job.id);
  });
});
