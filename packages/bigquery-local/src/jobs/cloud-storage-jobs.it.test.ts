import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBucket, get, pathOf, put, setBindings, BUCKET } from '../rest/cloud-storage/storage-under-test.ts';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

let server: ServerUnderTest;

const LOADER = 'loader@example.com';

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await createBucket(server);
  await server.grant(`user:${LOADER}`, ['roles/bigquery.dataEditor', 'roles/bigquery.jobUser']);
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

/* oxlint-disable-next-line typescript/no-explicit-any -- a job as it comes */
async function run(configuration: Record<string, unknown>, as = OWNER): Promise<any> {
  const { status, body } = await server.request(
    'POST',
    `/bigquery/v2/projects/${PROJECT}/jobs`,
    { configuration },
    { as },
  );
  return status === 200 ? server.finished(body.jobReference.jobId) : body;
}

const load = (tableId: string, sourceUris: readonly string[], more: Record<string, unknown> = {}, as = OWNER) =>
  run({ load: { destinationTable: { projectId: PROJECT, datasetId: 'ds', tableId }, sourceUris, ...more } }, as);

const extract = (tableId: string, destinationUris: readonly string[], more: Record<string, unknown> = {}, as = OWNER) =>
  run({ extract: { sourceTable: { projectId: PROJECT, datasetId: 'ds', tableId }, destinationUris, ...more } }, as);

const SCHEMA = {
  fields: [
    { name: 'id', type: 'INTEGER' },
    { name: 'name', type: 'STRING' },
  ],
};

async function grantOnBucket(role: string): Promise<() => Promise<unknown>> {
  const { body: policy } = await server.request('GET', `/storage/v1/b/${BUCKET}/iam`);
  await setBindings(server, [...policy.bindings, { role, members: [`user:${LOADER}`] }]);
  return () => setBindings(server, policy.bindings);
}

describe('a load job from Cloud Storage', () => {
  test('reads several files and a wildcard, each with its header', async () => {
    await put(server, 'in/a-1.csv', 'id,name\n1,one\n2,two\n');
    await put(server, 'in/a-2.csv', 'id,name\n3,three\n');
    await put(server, 'in/b.csv', 'id,name\n4,four\n');
    const job = await load('several', [`gs://${BUCKET}/in/a-*.csv`, `gs://${BUCKET}/in/b.csv`], {
      schema: SCHEMA,
      skipLeadingRows: 1,
    });
    expect(job.status.errorResult).toBeUndefined();
    expect(job.statistics.load).toMatchObject({ inputFiles: '3', outputRows: '4', badRecords: '0' });
    expect(await server.rows('SELECT id, name FROM ds.several ORDER BY id')).toEqual([
      ['1', 'one'],
      ['2', 'two'],
      ['3', 'three'],
      ['4', 'four'],
    ]);
    expect(await readdir(join(server.dataDir, 'spool'))).toEqual([]);
  });

  test('reads gzipped JSON and detects its schema; a mix with plain files is refused', async () => {
    await put(server, 'json/1', gzipSync('{"id":1,"tags":["a"]}\n'));
    await put(server, 'json/2', gzipSync('{"id":2,"tags":[]}\n'));
    const options = { sourceFormat: 'NEWLINE_DELIMITED_JSON', autodetect: true };
    const job = await load('zipped', [`gs://${BUCKET}/json/*`], options);
    expect(job.status.errorResult).toBeUndefined();
    expect(await server.rows('SELECT id, ARRAY_LENGTH(tags) FROM ds.zipped ORDER BY id')).toEqual([
      ['1', '1'],
      ['2', '0'],
    ]);
    await put(server, 'json/3', '{"id":3}\n');
    const mixed = await load('mixed', [`gs://${BUCKET}/json/*`], options);
    expect(mixed.status.errorResult.message).toContain("can't include both compressed and uncompressed files");
  });

  test('names the file, not a path of this server, when it cannot be read', async () => {
    await put(server, 'bad.csv', 'id,name\n1,"open\n');
    const job = await load('bad', [`gs://${BUCKET}/bad.csv`], { schema: SCHEMA, skipLeadingRows: 1 });
    expect(job.status.errorResult.reason).toBe('invalid');
    expect(JSON.stringify(job.status)).not.toContain(server.dataDir);
    expect((await server.query('SELECT 1 FROM ds.bad')).status).toBe(404);
  });

  test('takes storage.objects.get, and storage.objects.list for a wildcard', async () => {
    await put(server, 'own/1.csv', '1,one\n');
    const one = () => load('mine', [`gs://${BUCKET}/own/1.csv`], { schema: SCHEMA }, LOADER);
    const all = () => load('mine', [`gs://${BUCKET}/own/*`], { schema: SCHEMA }, LOADER);
    const denied = (await one()).status.errorResult;
    expect(denied).toEqual({
      reason: 'accessDenied',
      message: `Access Denied: File gs://${BUCKET}/own/1.csv: ${LOADER} does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).`,
    });
    const missing = await load('mine', [`gs://${BUCKET}/own/9.csv`], { schema: SCHEMA }, LOADER);
    expect(missing.status.errorResult.message).toBe(denied.message.replace('own/1.csv', 'own/9.csv'));
    let undo = await grantOnBucket('roles/storage.legacyObjectReader');
    expect((await one()).status.errorResult).toBeUndefined();
    expect((await all()).status.errorResult.message).toMatch(
      /^Access Denied: BigQuery BigQuery: Permission denied while globbing file pattern\. .*storage\.objects\.list/,
    );
    await undo();
    undo = await grantOnBucket('roles/storage.objectViewer');
    expect((await all()).status.errorResult).toBeUndefined();
    await undo();
  });

  test('of what does not exist, or is no gs:// URI, fails by name', async () => {
    const none = await load('none', [`gs://${BUCKET}/none.csv`], { schema: SCHEMA });
    expect(none.status.errorResult).toEqual({ reason: 'notFound', message: `Not found: URI gs://${BUCKET}/none.csv` });
    const glob = await load('none', [`gs://${BUCKET}/none/*`], { schema: SCHEMA });
    expect(glob.status.errorResult).toEqual({ reason: 'notFound', message: `Not found: Uris gs://${BUCKET}/none/*` });
    for (const uri of [
      '/etc/passwd',
      'file:///etc/passwd',
      'https://example.com/x',
      'gs://b',
      `gs://${BUCKET}/*/*`,
      7,
    ]) {
      const answer = await load('none', [uri as string], { schema: SCHEMA });
      expect([uri, answer.error?.code]).toEqual([uri, 400]);
    }
  });
});

describe('an extract job', () => {
  beforeAll(async () => {
    await server.rows(`CREATE TABLE ds.kinds AS SELECT 1 AS id, 'a,"b"' AS text, 1.5 AS ratio, TRUE AS yes,
      TIMESTAMP '2020-01-02 03:04:05.678+00' AS moment, DATE '2020-01-02' AS day, b'xyz' AS raw, NUMERIC '1.25' AS price`);
    await server.rows("INSERT ds.kinds (id, text) VALUES (2, '')");
    await server.rows(
      "CREATE TABLE ds.nested AS SELECT 1 AS id, STRUCT('Ann' AS name, [1, 2] AS marks) AS person, ['x'] AS tags",
    );
  });

  const sorted = (text: string | undefined): string[] => (text ?? '').trimEnd().split('\n').toSorted();

  test('writes CSV with header, delimiter and gzip', async () => {
    const job = await extract('kinds', [`gs://${BUCKET}/out/kinds-*.csv`]);
    expect(job.status.errorResult).toBeUndefined();
    expect(job.configuration.jobType).toBe('EXTRACT');
    expect(job.statistics.extract.destinationUriFileCounts).toEqual(['1']);
    const text = await get(server, 'out/kinds-000000000000.csv');
    expect(sorted(text)).toEqual([
      '1,"a,""b""",1.5,true,2020-01-02 03:04:05.678000 UTC,2020-01-02,eHl6,1.25',
      '2,"",,,,,,',
      'id,text,ratio,yes,moment,day,raw,price',
    ]);
    const zipped = await extract('kinds', [`gs://${BUCKET}/out/kinds.gz`], {
      compression: 'GZIP',
      fieldDelimiter: '\t',
      printHeader: false,
    });
    expect(zipped.status.errorResult).toBeUndefined();
    const response = await fetch(`${server.url}${pathOf('out/kinds.gz')}?alt=media`, {
      headers: { authorization: `Bearer ${await server.token(OWNER)}` },
    });
    const plain = gunzipSync(Buffer.from(await response.arrayBuffer())).toString();
    expect(sorted(plain)).toContain('1\t"a,""b"""\t1.5\ttrue\t2020-01-02 03:04:05.678000 UTC\t2020-01-02\teHl6\t1.25');
  });

  test('writes newline-delimited JSON with records and repeated fields', async () => {
    await extract('nested', [`gs://${BUCKET}/out/nested.json`], { destinationFormat: 'NEWLINE_DELIMITED_JSON' });
    expect(await get(server, 'out/nested.json')).toBe(
      '{"id":"1","person":{"name":"Ann","marks":["1","2"]},"tags":["x"]}\n',
    );
    const csv = await extract('nested', [`gs://${BUCKET}/out/nested.csv`]);
    expect(csv.status.errorResult.message).toBe('Operation cannot be performed on a nested schema. Field: person');
    expect(await get(server, 'out/nested.csv')).toBeUndefined();
  });

  test.each([
    ['CSV', 'kinds', { skipLeadingRows: 1 }],
    ['NEWLINE_DELIMITED_JSON', 'kinds', {}],
    ['NEWLINE_DELIMITED_JSON', 'nested', {}],
    ['PARQUET', 'kinds', {}],
    ['PARQUET', 'nested', { parquetOptions: { enableListInference: true } }],
    ['AVRO', 'kinds', { useAvroLogicalTypes: true }],
    ['AVRO', 'nested', { useAvroLogicalTypes: true }],
  ])('as %s loads back as the same rows of %s', async (format, table, more) => {
    const uri = `gs://${BUCKET}/back/${format}-${table}`;
    expect(
      (await extract(table, [uri], { destinationFormat: format, ...('useAvroLogicalTypes' in more ? more : {}) }))
        .status.errorResult,
    ).toBeUndefined();
    const { body } = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/${table}`);
    const copy = `${table}_${format.toLowerCase()}`;
    const back = await load(copy, [uri], { sourceFormat: format, schema: body.schema, ...more });
    expect(back.status.errorResult).toBeUndefined();
    expect(await server.rows(`SELECT TO_JSON_STRING(t) FROM ds.${copy} t ORDER BY id`)).toEqual(
      await server.rows(`SELECT TO_JSON_STRING(t) FROM ds.${table} t ORDER BY id`),
    );
  });

  test.each(['CSV', 'PARQUET', 'AVRO'])('as %s spreads the rows over several URIs with a *', async (format) => {
    await server.rows('CREATE OR REPLACE TABLE ds.many AS SELECT x AS id FROM UNNEST(GENERATE_ARRAY(1, 10000)) AS x');
    const uris = ['a', 'b'].map((name) => `gs://${BUCKET}/many/${format}/${name}-*`);
    const job = await extract('many', uris, {
      destinationFormat: format,
      ...(format === 'AVRO' ? { compression: 'SNAPPY' } : {}),
    });
    expect(job.status.errorResult).toBeUndefined();
    expect(job.statistics.extract).toEqual({ destinationUriFileCounts: ['1', '1'], inputBytes: '80000' });
    const back = await load('many_back', [`gs://${BUCKET}/many/${format}/*`], {
      sourceFormat: format,
      writeDisposition: 'WRITE_TRUNCATE',
      ...(format === 'CSV' ? { autodetect: true, skipLeadingRows: 1 } : {}),
    });
    expect(back.status.errorResult).toBeUndefined();
    expect(back.statistics.load).toMatchObject({ inputFiles: '2', outputRows: '10000' });
    expect(await server.rows('SELECT COUNT(DISTINCT id), SUM(id) FROM ds.many_back')).toEqual([['10000', '50005000']]);
  });

  test('takes bigquery.tables.export, storage.objects.create, and delete to overwrite', async () => {
    const run1 = () => extract('kinds', [`gs://${BUCKET}/mine.csv`], {}, LOADER);
    expect((await run1()).status.errorResult.message).toMatch(
      /^Access Denied: BigQuery BigQuery: Permission denied while writing data\. .*storage\.objects\.create/,
    );
    let undo = await grantOnBucket('roles/storage.objectCreator');
    expect((await run1()).status.errorResult).toBeUndefined();
    expect((await run1()).status.errorResult.message).toContain('storage.objects.delete');
    await undo();
    undo = await grantOnBucket('roles/storage.objectUser');
    expect((await run1()).status.errorResult).toBeUndefined();
    await undo();
    const reader = 'user:exporter@example.com';
    await server.grant(reader, ['roles/bigquery.metadataViewer', 'roles/bigquery.jobUser', 'roles/storage.admin']);
    const denied = await extract('kinds', [`gs://${BUCKET}/not-mine.csv`], {}, 'exporter@example.com');
    expect(denied.status.errorResult.message).toBe(
      `Access Denied: Table ${PROJECT}:ds.kinds: Permission bigquery.tables.export denied on table ${PROJECT}:ds.kinds (or it may not exist).`,
    );
    expect(await get(server, 'not-mine.csv')).toBeUndefined();
  });

  test('of a table whose rows a policy hides from the caller is refused', async () => {
    await server.rows('CREATE TABLE ds.hidden AS SELECT 1 AS id');
    await server.rows(
      "CREATE ROW ACCESS POLICY p ON ds.hidden GRANT TO ('user:somebody@example.com') FILTER USING (id = 1)",
    );
    const job = await extract('hidden', [`gs://${BUCKET}/hidden.csv`]);
    expect(job.status.errorResult.reason).toBe('accessDenied');
    expect(await get(server, 'hidden.csv')).toBeUndefined();
  });

  test('of a view, or in a format that is not supported, fails by name', async () => {
    await server.rows('CREATE VIEW ds.view AS SELECT 1 AS x');
    const view = await extract('view', [`gs://${BUCKET}/view.csv`]);
    expect(view.status.errorResult.message).toContain('it is currently a VIEW');
    const other = await extract('kinds', [`gs://${BUCKET}/x.orc`], { destinationFormat: 'ORC' });
    expect(other.error.message).toContain('Extracting to ORC is not supported');
    const packed = await extract('kinds', [`gs://${BUCKET}/x.avro`], {
      destinationFormat: 'AVRO',
      compression: 'GZIP',
    });
    expect(packed.error.message).toBe('Compression GZIP is not supported for the format AVRO.');
    const several = await extract('kinds', [`gs://${BUCKET}/a.csv`, `gs://${BUCKET}/b-*.csv`]);
    expect(several.error.message).toBe('Each of several destinationUris must include a * to shard the export.');
  });
});
