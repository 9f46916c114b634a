import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;
const base = `/bigquery/v2/projects/${PROJECT}`;
const READER = 'rob@example.com';

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.grant(`user:${READER}`, ['roles/bigquery.jobUser']);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const field = (name: string, type: string, mode = 'NULLABLE'): Record<string, string> => ({ name, type, mode });

describe('datasets', () => {
  it('come with the default access entries, an etag, and their creator as owner', async () => {
    const { body } = await server.request('GET', `${base}/datasets/ds`);
    expect(body.access).toEqual(
      expect.arrayContaining([
        { role: 'READER', specialGroup: 'projectReaders' },
        { role: 'WRITER', specialGroup: 'projectWriters' },
        { role: 'OWNER', specialGroup: 'projectOwners' },
        { role: 'OWNER', userByEmail: OWNER },
      ]),
    );
    expect(body).toMatchObject({ kind: 'bigquery#dataset', id: `${PROJECT}:ds`, location: 'US', type: 'DEFAULT' });
    expect((await server.request('GET', `/projects/${PROJECT}/datasets/ds`)).body.etag).toBe(body.etag);
  });

  it('change only for the etag that the caller saw', async () => {
    await server.createDataset('tagged');
    const { body } = await server.request('GET', `${base}/datasets/tagged`);
    const changed = await server.request(
      'PATCH',
      `${base}/datasets/tagged`,
      { description: 'x', labels: { a: '1', b: '2' } },
      { headers: { 'if-match': body.etag } },
    );
    expect(changed.body.description).toBe('x');
    const stale = await server.request(
      'PATCH',
      `${base}/datasets/tagged`,
      { description: 'y' },
      { headers: { 'if-match': body.etag } },
    );
    expect(stale.status).toBe(412);
    expect(stale.body.error).toMatchObject({
      status: 'FAILED_PRECONDITION',
      errors: [{ reason: 'conditionNotMet', location: 'If-Match', locationType: 'header' }],
    });
    const labels = await server.request('PATCH', `${base}/datasets/tagged`, { labels: { a: null, c: '3' } });
    expect(labels.body.labels).toEqual({ b: '2', c: '3' });
  });

  it('refuse entries that are wrong, and keep an owner', async () => {
    const patch = async (access: unknown[]): Promise<string> =>
      (await server.request('PATCH', `${base}/datasets/ds`, { access })).body.error.message;
    expect(await patch([{ role: 'READER' }])).toBe(
      'An access entry must have exactly one of userByEmail, groupByEmail, domain, specialGroup defined, view, routine, or dataset.',
    );
    expect(await patch([{ role: 'READER', userByEmail: READER, domain: 'example.com' }])).toContain('exactly one of');
    expect(await patch([{ role: 'READER', view: { projectId: PROJECT, datasetId: 'ds', tableId: 'v' } }])).toBe(
      'An access entry for view needs an empty role.',
    );
    expect(await patch([{ role: 'READER', userByEmail: READER }])).toBe('Cannot remove all owners from a dataset.');
    expect(await patch([{ role: 'OWNER', userByEmail: `ghost@${PROJECT}.iam.gserviceaccount.com` }])).toBe(
      `IAM setPolicy failed for Dataset ${PROJECT}:ds: Service account ghost@${PROJECT}.iam.gserviceaccount.com does not exist.`,
    );
    for (const role of ['roles/dataViewer', 'roles/bigquery.nothing', 'roles/bigquery.jobUser'])
      expect(await patch([{ role, userByEmail: READER }])).toBe(
        `IAM setPolicy failed for Dataset ${PROJECT}:ds: Role ${role} is not supported for this resource.`,
      );
  });

  it('are deleted only when they are empty, or with their contents', async () => {
    await server.createDataset('crowded');
    await server.rows('CREATE TABLE crowded.t AS SELECT 1 AS x');
    const refused = await server.request('DELETE', `${base}/datasets/crowded`);
    expect([refused.status, refused.body.error.message]).toEqual([400, `Dataset ${PROJECT}:crowded is still in use`]);
    expect((await server.request('DELETE', `${base}/datasets/crowded?deleteContents=true`)).status).toBe(204);
    expect((await server.request('GET', `${base}/datasets/crowded`)).body.error).toMatchObject({
      code: 404,
      message: `Not found: Dataset ${PROJECT}:crowded`,
    });
    const twice = await server.request('POST', `${base}/datasets`, { datasetReference: { datasetId: 'ds' } });
    expect(twice.body.error).toMatchObject({ code: 409, message: `Already Exists: Dataset ${PROJECT}:ds` });
  });

  it('are listed page by page, hidden ones only on request', async () => {
    await server.rows('SELECT 1 AS hidden_result');
    const first = await server.request('GET', `${base}/datasets?maxResults=1`);
    expect(first.body.datasets.map((d: { id: string }) => d.id)).toEqual([`${PROJECT}:ds`]);
    const second = await server.request('GET', `${base}/datasets?maxResults=10&pageToken=${first.body.nextPageToken}`);
    expect(second.body.datasets.map((d: { id: string }) => d.id)).toEqual([`${PROJECT}:tagged`]);
    const all = await server.request('GET', `${base}/datasets?all=true`);
    expect(
      all.body.datasets.some((d: { datasetReference: { datasetId: string } }) =>
        d.datasetReference.datasetId.startsWith('_'),
      ),
    ).toBe(true);
    const other = await server.request('GET', `${base}/datasets`, undefined, { as: READER });
    expect(other.body).toEqual({ kind: 'bigquery#datasetList', etag: expect.any(String) });
  });
});

describe('tables', () => {
  it('are created with a schema, take new columns, and refuse other changes of it', async () => {
    const created = await server.request('POST', `${base}/datasets/ds/tables`, {
      tableReference: { tableId: 'people' },
      schema: {
        fields: [field('id', 'INT64', 'REQUIRED'), { ...field('home', 'STRUCT'), fields: [field('city', 'STRING')] }],
      },
      clustering: { fields: ['id'] },
      labels: { team: 'a' },
    });
    expect(created.body).toMatchObject({
      type: 'TABLE',
      numRows: '0',
      numBytes: '0',
      clustering: { fields: ['id'] },
      labels: { team: 'a' },
    });
    expect(created.body.schema.fields[0]).toEqual({ name: 'id', type: 'INTEGER', mode: 'REQUIRED' });
    await server.rows("INSERT INTO ds.people (id, home) VALUES (1, STRUCT('Rome'))");
    const grown = await server.request('PATCH', `${base}/datasets/ds/tables/people`, {
      schema: { fields: [...created.body.schema.fields, field('tags', 'STRING', 'REPEATED')] },
    });
    expect(grown.status).toBe(200);
    expect(await server.rows('SELECT id, home.city, tags FROM ds.people')).toEqual([['1', 'Rome', []]]);
    const changed = await server.request('PATCH', `${base}/datasets/ds/tables/people`, {
      schema: { fields: [field('id', 'STRING')] },
    });
    expect(changed.body.error.message).toContain('Field id has changed type from INTEGER to STRING');
    await expect(server.rows('INSERT INTO ds.people (home) VALUES (STRUCT("x"))')).rejects.toThrow(
      'Required field id cannot be null',
    );
  });

  it('stamp lastModifiedTime with every change of rows, and with no other statement', async () => {
    const modified = async (): Promise<string> =>
      (await server.request('GET', `${base}/datasets/ds/tables/stamped`)).body.lastModifiedTime;
    await server.rows('CREATE TABLE ds.stamped AS SELECT 1 AS id');
    const made = await modified();
    await server.rows('SELECT * FROM ds.stamped');
    await server.rows('UPDATE ds.stamped SET id = 2 WHERE id = 99');
    await expect(server.rows("UPDATE ds.stamped SET id = CAST('x' AS INT64) WHERE TRUE")).rejects.toThrow(
      'Bad int64 value: x',
    );
    expect(await modified()).toBe(made);
    await server.rows('UPDATE ds.stamped SET id = 2 WHERE id = 1');
    expect(Number(await modified())).toBeGreaterThan(Number(made));
  });

  it('refuse by name what would not be enforced', async () => {
    const insert = async (more: Record<string, unknown>): Promise<string> =>
      (
        await server.request('POST', `${base}/datasets/ds/tables`, {
          tableReference: { tableId: 'odd' },
          schema: { fields: [field('d', 'DATE')] },
          ...more,
        })
      ).body.error.message;
    expect(await insert({ schema: { fields: [{ ...field('s', 'STRING'), collation: 'und:cs' }] } })).toBe(
      'Collation und:cs of field s is not supported by the local BigQuery.',
    );
    expect(await insert({ encryptionConfiguration: { kmsKeyName: 'k' } })).toBe(
      'Table field encryptionConfiguration is not supported by the local BigQuery.',
    );
  });

  it('expire', async () => {
    const soon = Date.now() + 1_500;
    const created = await server.request('POST', `${base}/datasets/ds/tables`, {
      tableReference: { tableId: 'brief' },
      schema: { fields: [field('id', 'INTEGER')] },
      expirationTime: String(soon),
    });
    expect(created.body.expirationTime).toBe(String(soon));
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    expect((await server.request('GET', `${base}/datasets/ds/tables/brief`)).status).toBe(404);
    await expect(server.rows('SELECT * FROM ds.brief')).rejects.toThrow('Not found: Table');
    await server.rows('CREATE TABLE ds.brief AS SELECT 1 AS again');
  });

  it('answer 403 before 404', async () => {
    const hidden = await server.request('GET', `${base}/datasets/ds/tables/missing`, undefined, { as: READER });
    expect(hidden.body.error).toMatchObject({
      code: 403,
      message: `Access Denied: Table ${PROJECT}:ds.missing: Permission bigquery.tables.get denied on table ${PROJECT}:ds.missing (or it may not exist).`,
    });
    expect((await server.request('GET', `${base}/datasets/ds/tables/missing`)).body.error).toMatchObject({
      code: 404,
      message: `Not found: Table ${PROJECT}:ds.missing`,
    });
  });
});

describe('tabledata', () => {
  it('pages through a table with deleted rows without losing or repeating one', async () => {
    await server.rows('CREATE TABLE ds.holes AS SELECT n FROM UNNEST(GENERATE_ARRAY(0, 49999)) AS n ORDER BY n');
    await server.rows('DELETE FROM ds.holes WHERE MOD(n, 3) = 0');
    const seen: number[] = [];
    let token: string | undefined;
    do {
      const { body } = await server.request(
        'GET',
        `${base}/datasets/ds/tables/holes/data?maxResults=7001${token === undefined ? '' : `&pageToken=${token}`}`,
      );
      expect(body.totalRows).toBe('33333');
      seen.push(...body.rows.map((row: { f: { v: string }[] }) => Number(row.f[0]!.v)));
      token = body.pageToken;
    } while (token !== undefined);
    expect(seen.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 50_000 }, (_, i) => i).filter((n) => n % 3 !== 0),
    );
    const { body } = await server.request('GET', `${base}/datasets/ds/tables/holes/data?startIndex=20000&maxResults=2`);
    expect(body.rows.map((row: { f: { v: string }[] }) => Number(row.f[0]!.v))).toEqual(seen.slice(20_000, 20_002));
    const past = await server.request('GET', `${base}/datasets/ds/tables/holes/data?startIndex=40000`);
    expect([past.body.rows, past.body.pageToken]).toEqual([[], undefined]);
  });

  it('returns the fields asked for, and timestamps in both forms', async () => {
    await server.rows(
      "CREATE TABLE ds.times AS SELECT 1 AS id, TIMESTAMP '2020-01-01 00:00:00.000001 UTC' AS happened",
    );
    const plain = await server.request('GET', `${base}/datasets/ds/tables/times/data?selectedFields=happened`);
    expect(plain.body.rows).toEqual([{ f: [{ v: '1.577836800000001E9' }] }]);
    const micros = await server.request(
      'GET',
      `${base}/datasets/ds/tables/times/data?selectedFields=happened&formatOptions.useInt64Timestamp=true`,
    );
    expect(micros.body.rows).toEqual([{ f: [{ v: '1577836800000001' }] }]);
  });

  it('inserts rows at once, names what is wrong with the others, and drops repeated insertIds', async () => {
    await server.rows('CREATE TABLE ds.streamed (id INT64 NOT NULL, name STRING)');
    const insert = (rows: unknown[], more = {}) =>
      server.request('POST', `${base}/datasets/ds/tables/streamed/insertAll`, { rows, ...more });
    expect((await insert([{ insertId: 'a', json: { id: 1, name: 'x' } }, { json: { id: '2' } }])).body).toEqual({
      kind: 'bigquery#tableDataInsertAllResponse',
    });
    await insert([{ insertId: 'a', json: { id: 1, name: 'x' } }]);
    expect(await server.rows('SELECT id, name FROM ds.streamed ORDER BY id')).toEqual([
      ['1', 'x'],
      ['2', null],
    ]);
    const bad = await insert([
      { json: { id: 3 } },
      { json: { id: 'three' } },
      { json: { name: 'no id' } },
      { json: { id: 4, more: 1 } },
    ]);
    expect(
      bad.body.insertErrors.map((e: { index: number; errors: { reason: string; location: string }[] }) => [
        e.index,
        e.errors[0]!.reason,
        e.errors[0]!.location,
      ]),
    ).toEqual([
      [0, 'stopped', ''],
      [1, 'invalid', 'id'],
      [2, 'invalid', 'id'],
      [3, 'invalid', 'more'],
    ]);
    expect(await server.rows('SELECT COUNT(*) FROM ds.streamed')).toEqual([['2']]);
    await insert([{ json: { id: 3 } }, { json: { id: 'three' } }], { skipInvalidRows: true });
    expect(await server.rows('SELECT COUNT(*) FROM ds.streamed')).toEqual([['3']]);
    expect(
      (
        await server.request(
          'POST',
          `${base}/datasets/ds/tables/streamed/insertAll`,
          { rows: [{ json: { id: 9 } }] },
          { as: READER },
        )
      ).body.error.message,
    ).toContain('bigquery.tables.updateData denied');
  });
});

describe('jobs', () => {
  it('run dry: schema, bytes of the columns read, referenced tables, and nothing is kept', async () => {
    await server.rows(
      "CREATE TABLE ds.sized AS SELECT n AS id, 'abcd' AS name FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n",
    );
    const { body } = await server.request('POST', `${base}/jobs`, {
      configuration: { dryRun: true, query: { query: 'SELECT id FROM ds.sized', useLegacySql: false } },
    });
    expect(body.statistics.query).toMatchObject({
      totalBytesProcessed: '800',
      statementType: 'SELECT',
      referencedTables: [{ projectId: PROJECT, datasetId: 'ds', tableId: 'sized' }],
      schema: { fields: [field('id', 'INTEGER')] },
    });
    expect(body.jobReference.jobId).toBeUndefined();
    const wrong = await server.request('POST', `${base}/jobs`, {
      configuration: { dryRun: true, query: { query: 'SELECT idd FROM ds.sized', useLegacySql: false } },
    });
    expect([wrong.status, wrong.body.error.message]).toEqual([
      400,
      'Unrecognized name: idd; Did you mean id? at [1:8]',
    ]);
  });

  it('fail with errorResult when they are inserted, and by HTTP when they are queries', async () => {
    const inserted = await server.request(
      'POST',
      `${base}/jobs`,
      {
        jobReference: { jobId: 'denied' },
        configuration: { query: { query: 'SELECT * FROM ds.sized', useLegacySql: false } },
      },
      { as: READER },
    );
    expect(inserted.status).toBe(200);
    const done = await server.finished('denied');
    expect(done.status.errorResult).toEqual({
      reason: 'accessDenied',
      message: `Access Denied: Table ${PROJECT}:ds.sized: User does not have permission to query table ${PROJECT}:ds.sized, or perhaps it does not exist.`,
    });
    expect((await server.query('SELECT * FROM ds.sized', { as: READER })).status).toBe(403);
    expect((await server.request('GET', `${base}/queries/denied`, undefined, { as: READER })).status).toBe(403);
    const again = await server.request('POST', `${base}/jobs`, {
      jobReference: { jobId: 'denied' },
      configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
    });
    expect(again.body.error).toMatchObject({ code: 409, message: `Already Exists: Job ${PROJECT}:US.denied` });
  });

  it('are cached per user until a table changes', async () => {
    const hit = async (): Promise<boolean> => (await server.query('SELECT SUM(id) AS s FROM ds.sized')).body.cacheHit;
    expect([await hit(), await hit()]).toEqual([false, true]);
    await server.rows("INSERT INTO ds.sized VALUES (101, 'x')");
    expect(await hit()).toBe(false);
    expect(
      (await server.query('SELECT SUM(id) AS s FROM ds.sized', { body: { useQueryCache: false } })).body.cacheHit,
    ).toBe(false);
    const random = 'SELECT RAND() AS r';
    expect([(await server.query(random)).body.cacheHit, (await server.query(random)).body.cacheHit]).toEqual([
      false,
      false,
    ]);
  });

  it('write to a destination table as told', async () => {
    const into = async (sql: string, writeDisposition: string) => {
      const { body } = await server.request('POST', `${base}/jobs`, {
        configuration: {
          query: {
            query: sql,
            useLegacySql: false,
            writeDisposition,
            destinationTable: { projectId: PROJECT, datasetId: 'ds', tableId: 'target' },
          },
        },
      });
      return (await server.finished(body.jobReference.jobId)).status;
    };
    expect(await into('SELECT 1 AS id', 'WRITE_EMPTY')).toEqual({ state: 'DONE' });
    expect((await into('SELECT 2 AS id', 'WRITE_EMPTY')).errorResult.reason).toBe('duplicate');
    expect(await into('SELECT 2 AS id', 'WRITE_APPEND')).toEqual({ state: 'DONE' });
    expect((await into("SELECT 'x' AS id", 'WRITE_APPEND')).errorResult.message).toContain('Field id has changed type');
    expect(await server.rows('SELECT id FROM ds.target ORDER BY id')).toEqual([['1'], ['2']]);
    expect(await into("SELECT 'x' AS id", 'WRITE_TRUNCATE')).toEqual({ state: 'DONE' });
    expect(await server.rows('SELECT id FROM ds.target')).toEqual([['x']]);
  });

  it('are cancelled while they run', async () => {
    const slow =
      'SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b WHERE MOD(a * b, 7) = 3';
    const { body } = await server.query(slow, { body: { timeoutMs: 100 } });
    expect(body.jobComplete).toBe(false);
    const { jobId } = body.jobReference;
    expect((await server.request('POST', `${base}/jobs/${jobId}/cancel`, {}, { as: READER })).status).toBe(403);
    const cancelled = await server.request('POST', `${base}/jobs/${jobId}/cancel`, {});
    expect(cancelled.body.kind).toBe('bigquery#jobCancelResponse');
    const { status, statistics } = await server.finished(jobId);
    expect(status.errorResult).toEqual({
      reason: 'stopped',
      message: 'Job execution was cancelled: User requested cancellation',
    });
    expect(statistics.query).toMatchObject({
      statementType: 'SELECT',
      cacheHit: false,
      totalBytesProcessed: '0',
      totalBytesBilled: '0',
    });
  });

  it('take parameters by name and by position', async () => {
    const named = {
      parameterMode: 'NAMED',
      queryParameters: [
        {
          name: 'Ids',
          parameterType: { type: 'ARRAY', arrayType: { type: 'INT64' } },
          parameterValue: { arrayValues: [{ value: '1' }, { value: '3' }] },
        },
      ],
    };
    expect(
      (await server.query('SELECT COUNT(*) AS n FROM ds.sized WHERE id IN UNNEST(@ids)', { body: named })).body.rows,
    ).toEqual([{ f: [{ v: '2' }] }]);
    const positional = {
      parameterMode: 'POSITIONAL',
      queryParameters: [{ parameterType: { type: 'STRING' }, parameterValue: { value: "it's" } }],
    };
    expect((await server.query('SELECT ? AS s', { body: positional })).body.rows).toEqual([{ f: [{ v: "it's" }] }]);
  });

  it('are seen by their owner, and redacted or not at all by others', async () => {
    const viewer = 'vic@example.com';
    await server.grant(`user:${viewer}`, ['roles/viewer']);
    const { body } = await server.query('SELECT 42 AS answer');
    const { jobId } = body.jobReference;
    expect(
      (await server.request('GET', `${base}/jobs/${jobId}`, undefined, { as: READER })).body.error.message,
    ).toContain('Permission bigquery.jobs.get denied on job');
    expect((await server.request('GET', `${base}/jobs/unknown`, undefined, { as: READER })).status).toBe(403);
    expect((await server.request('GET', `${base}/jobs/${jobId}`, undefined, { as: viewer })).status).toBe(200);
    expect(
      (await server.request('GET', `${base}/queries/${jobId}`, undefined, { as: viewer })).body.error.message,
    ).toBe("User does not have permission to access results of another user's job");
    const mine = await server.request('GET', `${base}/jobs`, undefined, { as: viewer });
    expect(mine.body.jobs).toBeUndefined();
    const all = await server.request('GET', `${base}/jobs?allUsers=true&projection=full`, undefined, { as: viewer });
    const job = all.body.jobs.find((j: { jobReference: { jobId: string } }) => j.jobReference.jobId === jobId);
    expect([job.configuration, job.user_email]).toEqual([undefined, undefined]);
    const own = await server.request('GET', `${base}/jobs?allUsers=true&projection=full&maxResults=1000`);
    expect(
      own.body.jobs.find((j: { jobReference: { jobId: string } }) => j.jobReference.jobId === jobId).configuration.query
        .query,
    ).toBe('SELECT 42 AS answer');
  });

  it('refuse legacy SQL, jobs without a table and too many bytes by name', async () => {
    const legacy = await server.request('POST', `${base}/queries`, { query: 'SELECT 1' });
    expect(legacy.body.error.message).toContain('Legacy SQL is not supported');
    const copy = await server.request('POST', `${base}/jobs`, { configuration: { copy: {} } });
    expect(copy.body.error.message).toBe('Required parameter is missing: configuration.copy.sourceTable');
    const bytes = await server.query('SELECT * FROM ds.sized', { body: { maximumBytesBilled: '1' } });
    expect(bytes.body.error).toMatchObject({
      code: 400,
      message: 'Query exceeded limit for bytes billed: 1. 10485760 or higher required.',
    });
  });
});

describe('views', () => {
  it('need access to what lies under them, unless the dataset authorizes them', async () => {
    await server.createDataset('shared');
    await server.rows('CREATE VIEW shared.v AS SELECT id FROM `test-project.ds.sized` WHERE id <= 2');
    const { body: shared } = await server.request('GET', `${base}/datasets/shared`);
    await server.request('PATCH', `${base}/datasets/shared`, {
      access: [...shared.access, { role: 'READER', userByEmail: READER }],
    });
    await expect(server.rows('SELECT * FROM shared.v', { as: READER })).rejects.toThrow(
      `User does not have permission to query table ${PROJECT}:ds.sized`,
    );
    const { body: ds } = await server.request('GET', `${base}/datasets/ds`);
    await server.request('PATCH', `${base}/datasets/ds`, {
      access: [...ds.access, { view: { projectId: PROJECT, datasetId: 'shared', tableId: 'v' } }],
    });
    expect(await server.rows('SELECT id FROM shared.v ORDER BY id', { as: READER })).toEqual([['1'], ['2']]);
    await expect(server.rows('SELECT id FROM ds.sized', { as: READER })).rejects.toThrow(
      'User does not have permission',
    );
  });
});

describe('the protocol', () => {
  it('answers 401 without credentials, 404 as a page for unknown paths, and lists its methods', async () => {
    const anonymous = await fetch(`${server.url}${base}/datasets`);
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer');
    const unknown = await fetch(`${server.url}/nothing/here`);
    expect([unknown.status, unknown.headers.get('content-type')]).toEqual([404, 'text/html; charset=UTF-8']);
    const document = (await (await fetch(`${server.url}/discovery/v1/apis/bigquery/v2/rest`)).json()) as {
      resources: Record<string, { methods: Record<string, unknown> }>;
      rootUrl: string;
    };
    expect(document.rootUrl).toBe(`${server.url}/`);
    expect(Object.keys(document.resources['jobs']!.methods).toSorted()).toEqual([
      'cancel',
      'delete',
      'get',
      'getQueryResults',
      'insert',
      'list',
      'query',
    ]);
  });

  it('keeps error.message equal to errors[0].message', async () => {
    const { body } = await server.query('SELECT 1 +');
    expect(body.error.errors[0].message).toBe(body.error.message);
  });

  it('takes compressed bodies and refuses broken JSON', async () => {
    const { gzipSync } = await import('node:zlib');
    const zipped = await server.request(
      'POST',
      `${base}/queries`,
      gzipSync(JSON.stringify({ query: 'SELECT 1 AS x', useLegacySql: false })),
      { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
    );
    expect(zipped.body.rows).toEqual([{ f: [{ v: '1' }] }]);
    const broken = await server.request('POST', `${base}/queries`, '{"query":', {
      headers: { 'content-type': 'application/json' },
    });
    expect(broken.body.error).toMatchObject({ code: 400, message: 'Invalid JSON payload received.' });
  });
});
