// Google's Node client in full: every kind of resource, job and stream that it has.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BigQuery, type Dataset, type Table } from '@google-cloud/bigquery';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, ServerUnderTest } from './server-under-test.ts';

const PEOPLE = 'id:integer,name:string';
const BUCKET = 'node-client';

let server: ServerUnderTest;
let client: BigQuery;
let dataset: Dataset;
let storage: Storage;
let folder: string;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  ({ client } = await server.serviceAccount('administrator', ['roles/bigquery.admin', 'roles/storage.admin']));
  [dataset] = await client.createDataset('ds');
  const email = `administrator@${PROJECT}.iam.gserviceaccount.com`;
  const key = await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts/${email}/keys`, {});
  storage = new Storage({
    projectId: PROJECT,
    credentials: JSON.parse(Buffer.from(key.body.privateKeyData, 'base64').toString()),
    apiEndpoint: server.url,
    useAuthWithCustomEndpoint: true,
    universeDomain: new URL(server.url).hostname,
  });
  await storage.createBucket(BUCKET);
  folder = await mkdtemp(join(tmpdir(), 'sluice-node-client-'));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function people(name: string, count = 2): Promise<Table> {
  const [table] = await dataset.createTable(name, { schema: PEOPLE });
  await table.insert(Array.from({ length: count }, (_, i) => ({ id: i + 1, name: `person ${i + 1}` })));
  return table;
}

async function count(table: string): Promise<number> {
  const [rows] = await client.query(`SELECT COUNT(*) AS n FROM ds.${table}`);
  return rows[0].n;
}

describe("Google's Node client", () => {
  it('needs only the key file and the endpoint', async () => {
    const { body } = await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts`, { accountId: 'by-file' });
    await server.grant(`serviceAccount:${body.email}`, ['roles/bigquery.jobUser']);
    const key = await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts/${body.email}/keys`, {});
    const keyFilename = join(folder, 'key.json');
    await writeFile(keyFilename, Buffer.from(key.body.privateKeyData, 'base64'));
    const bigquery = new BigQuery({ projectId: PROJECT, keyFilename, apiEndpoint: server.url });
    const [rows] = await bigquery.query('SELECT SESSION_USER() AS who');
    expect(rows).toEqual([{ who: body.email }]);
  });

  it('changes, finds and deletes datasets', async () => {
    const [made] = await client.createDataset('made', { location: 'EU', labels: { team: 'crm' } });
    expect(await made.exists()).toEqual([true]);
    const [metadata] = await made.setMetadata({ description: 'new', defaultTableExpirationMs: '3600000' });
    expect(metadata).toMatchObject({ description: 'new', defaultTableExpirationMs: '3600000', location: 'EU' });
    const [found] = await client.getDatasets({ filter: 'labels.team:crm' });
    expect(found.map(({ id }) => id)).toEqual(['made']);
    await made.createTable('t', { schema: PEOPLE });
    await expect(made.delete()).rejects.toMatchObject({ code: 400, message: expect.stringContaining('still in use') });
    await made.delete({ force: true });
    expect(await made.exists()).toEqual([false]);
    await expect(made.get()).rejects.toMatchObject({ code: 404 });
    const [again] = await made.get({ autoCreate: true });
    await again.delete();
  });

  it('streams rows of a query and of a table, and reads page by page', async () => {
    await people('streamed', 2_500);
    const ids: number[] = [];
    for await (const row of client.createQueryStream({
      query: 'SELECT id FROM ds.streamed ORDER BY id',
    }))
      ids.push(row.id);
    expect(ids).toEqual(Array.from({ length: 2_500 }, (_, i) => i + 1));
    let rows = 0;
    for await (const row of dataset.table('streamed').createReadStream()) rows += row.id > 0 ? 1 : 0;
    expect(rows).toBe(2_500);
    const [page, next] = await dataset.table('streamed').getRows({ maxResults: 10, autoPaginate: false });
    expect(page.length).toBe(10);
    const [nextPage] = await dataset.table('streamed').getRows({ ...next, maxResults: 10, autoPaginate: false });
    expect(nextPage.map(({ id }) => id)).not.toContain(page[0].id);
  });

  it('loads from a file, from a stream and from Cloud Storage', async () => {
    const csv = 'id,name\n1,Ada\n2,Grace\n';
    const file = join(folder, 'people.csv');
    await writeFile(file, csv);
    const csvOptions = { sourceFormat: 'CSV', skipLeadingRows: 1, schema: { fields: [] as object[] } };
    csvOptions.schema.fields = [
      { name: 'id', type: 'INTEGER' },
      { name: 'name', type: 'STRING' },
    ];
    const [job] = await dataset.table('from_file').load(file, csvOptions);
    expect(job.statistics?.load?.outputRows).toBe('2');
    expect(await count('from_file')).toBe(2);

    const upload = dataset.table('from_stream').createWriteStream(csvOptions);
    const completed = once(upload, 'complete');
    await pipeline(Readable.from([csv.slice(0, 10), csv.slice(10)]), upload);
    await completed;
    expect(await count('from_stream')).toBe(2);

    const object = storage.bucket(BUCKET).file('people.ndjson');
    await object.save('{"id":1,"name":"Ada"}\n{"id":2}\n{"id":3}\n', { resumable: false });
    const [fromStorage] = await dataset
      .table('from_storage')
      .load(object, { sourceFormat: 'NEWLINE_DELIMITED_JSON', autodetect: true });
    expect(fromStorage.status?.errors).toBeUndefined();
    expect(await count('from_storage')).toBe(3);

    await expect(dataset.table('bad').load(file, { ...csvOptions, skipLeadingRows: 0 })).rejects.toThrow(
      /Error while reading data/,
    );
  });

  it('extracts to Cloud Storage and copies tables', async () => {
    const table = await people('source');
    const object = storage.bucket(BUCKET).file('source.json');
    await table.extract(object, { format: 'JSON' });
    const [text] = await object.download();
    const lines = text.toString().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line)).sort((a, b) => a.id - b.id)).toEqual([
      { id: '1', name: 'person 1' },
      { id: '2', name: 'person 2' },
    ]);

    await table.copy(dataset.table('copied'));
    await dataset.table('copied').copyFrom([table, table], { writeDisposition: 'WRITE_APPEND' });
    expect(await count('copied')).toBe(6);
  });

  it('inserts rows with ids and names the rows that are wrong', async () => {
    const table = await people('inserted', 1);
    const raw = { insertId: 'same', json: { id: 2, name: 'b' } };
    await table.insert([raw], { raw: true });
    await table.insert([raw], { raw: true });
    expect(await count('inserted')).toBe(2);
    await expect(table.insert([{ id: 3 }, { nope: 1 }], { skipInvalidRows: true })).rejects.toMatchObject({
      name: 'PartialFailureError',
      errors: [{ row: { nope: 1 }, errors: [{ reason: 'invalid' }] }],
    });
    expect(await count('inserted')).toBe(3);
  });

  it('creates, calls, changes and lists routines', async () => {
    const [routine] = await dataset.createRoutine('twice', {
      arguments: [{ name: 'x', dataType: { typeKind: 'INT64' } }],
      definitionBody: 'x * 2',
      routineType: 'SCALAR_FUNCTION',
      returnType: { typeKind: 'INT64' },
      language: 'SQL',
    });
    expect((await client.query('SELECT ds.twice(21) AS answer'))[0]).toEqual([{ answer: 42 }]);
    const [metadata] = await routine.getMetadata();
    await routine.setMetadata({ ...metadata, definitionBody: 'x * 3' });
    expect((await client.query('SELECT ds.twice(21) AS answer'))[0]).toEqual([{ answer: 63 }]);
    expect((await dataset.getRoutines())[0].map(({ id }) => id)).toEqual(['twice']);
    await routine.delete();
    expect(await routine.exists()).toEqual([false]);
  });

  it('finds no models', async () => {
    const [models] = await dataset.getModels();
    expect(models).toEqual([]);
  });

  it('makes views, partitions, clustering, and reads policies', async () => {
    await people('base');
    const [view] = await dataset.createTable('seen', { view: 'SELECT id FROM `ds.base`' });
    expect((await view.getMetadata())[0]).toMatchObject({ type: 'VIEW', view: { useLegacySql: false } });
    const [table] = await dataset.createTable('by_day', {
      schema: 'at:timestamp,kind:string',
      timePartitioning: { type: 'DAY', field: 'at' },
      clustering: { fields: ['kind'] },
    });
    expect((await table.getMetadata())[0]).toMatchObject({
      timePartitioning: { type: 'DAY', field: 'at' },
      clustering: { fields: ['kind'] },
    });
    const [policy] = await table.getIamPolicy();
    await table.setIamPolicy({
      ...policy,
      bindings: [{ role: 'roles/bigquery.dataViewer', members: ['user:kim@example.com'] }],
    });
    expect((await table.getIamPolicy())[0].bindings).toEqual([
      { role: 'roles/bigquery.dataViewer', members: ['user:kim@example.com'] },
    ]);
    expect((await table.testIamPermissions(['bigquery.tables.getData']))[0]).toMatchObject({
      permissions: ['bigquery.tables.getData'],
    });
  });

  it('runs jobs by id, refuses an id twice, tells their events and lists them', async () => {
    const [job] = await client.createQueryJob({ query: 'SELECT 1 AS one', jobId: 'chosen', labels: { team: 'crm' } });
    job.on('error', () => undefined);
    const [finished] = await once(job, 'complete');
    expect(finished.status.state).toBe('DONE');
    await expect(client.createQueryJob({ query: 'SELECT 1', jobId: 'chosen' })).rejects.toMatchObject({ code: 409 });
    const [metadata] = await client.job('chosen').getMetadata();
    expect(metadata.configuration).toMatchObject({ jobType: 'QUERY', labels: { team: 'crm' } });
    expect((await client.job('chosen').getQueryResults())[0]).toEqual([{ one: 1 }]);
    // Its type says that stateFilter is a callback.
    const [done] = await client.getJobs({ stateFilter: 'done' } as object);
    expect(done.map(({ id }) => id)).toContain('chosen');
    await client.job('chosen').delete();
    expect(await client.job('chosen').exists()).toEqual([false]);
  });

  it('names the table that a statement wrote as the destination of its job', async () => {
    const wrote = async (query: string): Promise<unknown> => {
      const [job] = await client.createQueryJob(query);
      await job.getQueryResults();
      const [metadata] = await job.getMetadata();
      return metadata.configuration?.query?.destinationTable;
    };
    const written = { projectId: PROJECT, datasetId: 'ds', tableId: 'written' };
    expect(await wrote('CREATE TABLE ds.written AS SELECT 1 AS x')).toEqual(written);
    expect(await wrote('INSERT INTO ds.written VALUES (2)')).toEqual(written);
    expect(await wrote('CREATE VIEW ds.v AS SELECT 1 AS x')).toBeUndefined();
    expect(await wrote('CREATE TABLE ds.t (x INT64)')).toBeUndefined();
  });

  it('wraps large integers, and takes parameters with types', async () => {
    const [rows] = await client.query({
      query: 'SELECT 9007199254740993 AS big, @none AS none, @list AS list, @day AS day',
      params: { none: null, list: [], day: client.date('2020-02-29') },
      types: { none: 'STRING', list: ['INT64'], day: 'DATE' },
      wrapIntegers: true,
    });
    expect(rows[0]).toMatchObject({
      big: { value: '9007199254740993' },
      none: null,
      list: [],
      day: { value: '2020-02-29' },
    });
  });
});
