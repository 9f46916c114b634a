import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBigQuery } from './index.ts';
import { PROJECT, ServerUnderTest } from './server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("Google's Node client with a service account's key", () => {
  it('creates a dataset, loads, queries, pages and merges', async () => {
    const { client } = await server.serviceAccount('loader', ['roles/bigquery.user']);
    const [dataset] = await client.createDataset('sales');
    const directory = await mkdtemp(join(tmpdir(), 'sluice-load-'));
    const file = join(directory, 'orders.csv');
    await writeFile(
      file,
      `id,name,amount\n${Array.from({ length: 250 }, (_, i) => `${i},name ${i},${i}.5`).join('\n')}\n`,
    );
    const table = dataset.table('orders');
    const [job] = await table.load(file, { sourceFormat: 'CSV', autodetect: true });
    await rm(directory, { recursive: true });
    expect(job.statistics?.load?.outputRows).toBe('250');

    const [rows] = await client.query('SELECT id, name, amount FROM sales.orders WHERE id < 3 ORDER BY id');
    expect(rows).toEqual([
      { id: 0, name: 'name 0', amount: 0.5 },
      { id: 1, name: 'name 1', amount: 1.5 },
      { id: 2, name: 'name 2', amount: 2.5 },
    ]);

    const [queryJob] = await client.createQueryJob({ query: 'SELECT id FROM sales.orders ORDER BY id' });
    const ids: number[] = [];
    let query: { maxResults: number; pageToken?: string } | null = { maxResults: 100, autoPaginate: false } as never;
    let pages = 0;
    while (query !== null) {
      const [page, next] = (await queryJob.getQueryResults(query)) as unknown as [
        { id: number }[],
        { maxResults: number; pageToken?: string } | null,
      ];
      ids.push(...page.map((row) => row.id));
      query = next ?? null;
      pages++;
    }
    expect(pages).toBe(3);
    expect(ids).toEqual(Array.from({ length: 250 }, (_, i) => i));

    const [merge] = await client.createQueryJob({
      query: `MERGE sales.orders AS t USING (SELECT 1 AS id, 'one' AS name UNION ALL SELECT 1000, 'new') AS s ON t.id = s.id
        WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)
        WHEN NOT MATCHED BY SOURCE AND t.id >= 200 THEN DELETE`,
    });
    await merge.getQueryResults();
    const [metadata] = await merge.getMetadata();
    expect(metadata.statistics.query.dmlStats).toEqual({
      insertedRowCount: '1',
      updatedRowCount: '1',
      deletedRowCount: '50',
    });
    const [after] = await client.query('SELECT COUNT(*) AS n, MAX(IF(id = 1, name, NULL)) AS one FROM sales.orders');
    expect(after).toEqual([{ n: 201, one: 'one' }]);
  });

  it("is told BigQuery's texts when it lacks a role", async () => {
    await server.createDataset('ds');
    await server.rows("CREATE TABLE ds.secret AS SELECT 1 AS id, 'x' AS name");
    const stranger = await server.serviceAccount('stranger', []);
    await expect(stranger.client.query('SELECT 1')).rejects.toThrow(
      `Access Denied: Project ${PROJECT}: User does not have bigquery.jobs.create permission in project ${PROJECT}.`,
    );
    const jobUser = await server.serviceAccount('job-user', ['roles/bigquery.jobUser']);
    const denied = `Access Denied: Table ${PROJECT}:ds.secret: User does not have permission to query table ${PROJECT}:ds.secret, or perhaps it does not exist.`;
    await expect(jobUser.client.query('SELECT * FROM ds.secret')).rejects.toMatchObject({ code: 403, message: denied });
    await expect(jobUser.client.query('SELECT nme FROM ds.secret')).rejects.toMatchObject({
      code: 403,
      message: denied,
    });
    await expect(jobUser.client.query('SELECT * FROM ds.missing')).rejects.toMatchObject({ code: 403 });
    await expect(jobUser.client.dataset('ds').get()).rejects.toMatchObject({
      code: 403,
      message: `Access Denied: Dataset ${PROJECT}:ds: Permission bigquery.datasets.get denied on dataset ${PROJECT}:ds (or it may not exist).`,
    });
    await expect(jobUser.client.dataset('nowhere').get()).rejects.toMatchObject({ code: 403 });

    const { body } = await server.request('GET', `/projects/${PROJECT}/datasets/ds`);
    const patched = await server.request('PATCH', `/projects/${PROJECT}/datasets/ds`, {
      access: [...body.access, { role: 'roles/bigquery.dataViewer', userByEmail: jobUser.email }],
    });
    expect(patched.body.access.at(-1)).toEqual({ role: 'READER', userByEmail: jobUser.email });
    const [allowed] = await jobUser.client.query('SELECT id FROM ds.secret');
    expect(allowed).toEqual([{ id: 1 }]);
    await expect(jobUser.client.query('INSERT INTO ds.secret (id) VALUES (2)')).rejects.toMatchObject({
      code: 403,
      message: `Access Denied: Table ${PROJECT}:ds.secret: Permission bigquery.tables.updateData denied on table ${PROJECT}:ds.secret (or it may not exist).`,
    });
    await expect(jobUser.client.query('SELECT * FROM ds.missing')).rejects.toMatchObject({
      code: 404,
      message: `Not found: Table ${PROJECT}:ds.missing was not found in location US`,
    });
  });

  it('streams a load from a stream without a length', async () => {
    const { client } = await server.serviceAccount('streamer', ['roles/bigquery.admin']);
    const directory = await mkdtemp(join(tmpdir(), 'sluice-load-'));
    const file = join(directory, 'rows.ndjson');
    await writeFile(
      file,
      '{"id":1,"tags":["a","b"],"happened":"2020-01-01T00:00:00.123456Z"}\n{"id":2,"tags":[],"happened":null}\n',
    );
    const stream = client
      .dataset('ds')
      .table('streamed')
      .createWriteStream({
        sourceFormat: 'NEWLINE_DELIMITED_JSON',
        schema: {
          fields: [
            { name: 'id', type: 'INTEGER' },
            { name: 'tags', type: 'STRING', mode: 'REPEATED' },
            { name: 'happened', type: 'TIMESTAMP' },
          ],
        },
      });
    await new Promise<void>((resolve, reject) => {
      stream.on('complete', () => resolve()).on('error', reject);
      createReadStream(file).pipe(stream);
    });
    await rm(directory, { recursive: true });
    const [job] = (await server.request('GET', `/projects/${PROJECT}/jobs?allUsers=true&maxResults=1`)).body.jobs;
    expect((await server.finished(job.jobReference.jobId)).status).toEqual({ state: 'DONE' });
    expect(await server.rows('SELECT id, tags, happened FROM ds.streamed ORDER BY id')).toEqual([
      ['1', [{ v: 'a' }, { v: 'b' }], '1.577836800123456E9'],
      ['2', [], null],
    ]);
  });
});

describe('the data directory', () => {
  it('refuses a second server and names the directory and the process', async () => {
    await expect(startBigQuery({ dataDir: server.dataDir, port: 0 })).rejects.toThrow(
      `The data directory ${server.dataDir} is in use by another server (process ${process.pid}).`,
    );
  });

  it('keeps datasets, rows, views and jobs over a restart', async () => {
    await using other = await ServerUnderTest.start();
    await other.createDataset('ds', { description: 'kept', labels: { a: 'b' } });
    await other.rows('CREATE TABLE ds.t AS SELECT 1 AS id UNION ALL SELECT 2');
    await other.rows('CREATE VIEW ds.v AS SELECT id FROM `test-project.ds.t`');
    const { body: query } = await other.query('SELECT id FROM ds.v ORDER BY id');
    const { body: table } = await other.request('GET', `/projects/${PROJECT}/datasets/ds/tables/t`);
    await other.restart();
    expect((await other.request('GET', `/projects/${PROJECT}/datasets/ds`)).body).toMatchObject({
      description: 'kept',
      labels: { a: 'b' },
    });
    expect((await other.request('GET', `/projects/${PROJECT}/datasets/ds/tables/t`)).body.lastModifiedTime).toBe(
      table.lastModifiedTime,
    );
    expect(await other.rows('SELECT id FROM ds.v ORDER BY id')).toEqual([['1'], ['2']]);
    const results = await other.request('GET', `/projects/${PROJECT}/queries/${query.jobReference.jobId}`);
    expect(results.body.rows).toEqual(query.rows);
  });
});
