// Routines over HTTP: statements, the REST resource, Google's client, and who may use what.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROJECT, ServerUnderTest, type Answer } from '../server-under-test.ts';

const BOB = 'bob@example.com';
const ROUTINES = `/bigquery/v2/projects/${PROJECT}/datasets/d/routines`;
const INT64 = { typeKind: 'INT64' };

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('d');
  await server.createDataset('secret');
  await server.query('CREATE TABLE secret.t AS SELECT x, "s" AS s FROM UNNEST([1, 2, 3]) AS x');
  await server.grant(`user:${BOB}`, ['roles/bigquery.jobUser']);
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  const { body } = await server.request('GET', ROUTINES);
  for (const { routineReference } of body.routines ?? [])
    await server.request('DELETE', `${ROUTINES}/${routineReference.routineId}`);
  await share('d', []);
  await share('secret', []);
});

/** The dataset's entries: the owners, and these. */
async function share(datasetId: string, entries: readonly unknown[]): Promise<void> {
  const owners = { role: 'OWNER', specialGroup: 'projectOwners' };
  const path = `/bigquery/v2/projects/${PROJECT}/datasets/${datasetId}`;
  const answer = await server.request('PATCH', path, { access: [owners, ...entries] });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

async function done(sql: string): Promise<any> {
  const answer = await server.query(sql);
  expect(answer.body.error?.message).toBeUndefined();
  return server.finished(answer.body.jobReference.jobId);
}

const message = (answer: Answer): string => answer.body.error?.message;

describe('statements', () => {
  it('create, replace, keep and drop functions', async () => {
    const job = await done('CREATE FUNCTION d.f(x INT64) RETURNS FLOAT64 OPTIONS (description="half") AS (x / 2)');
    expect(job.statistics.query).toMatchObject({
      statementType: 'CREATE_FUNCTION',
      ddlOperationPerformed: 'CREATE',
      ddlTargetRoutine: { projectId: PROJECT, datasetId: 'd', routineId: 'f' },
    });
    expect(await server.rows('SELECT d.f(3), `test-project.d.f`(4), `test-project`.d.f(5), `d.f`(6)')).toEqual([
      ['1.5', '2.0', '2.5', '3.0'],
    ]);
    const again = await server.query('CREATE FUNCTION d.f() AS (1)');
    expect([again.status, message(again)]).toEqual([409, `Already Exists: Routine ${PROJECT}:d.f`]);
    const skipped = await done('CREATE FUNCTION IF NOT EXISTS d.f() AS (1)');
    expect(skipped.statistics.query.ddlOperationPerformed).toBe('SKIP');
    const replaced = await done('CREATE OR REPLACE FUNCTION d.f(x ANY TYPE) AS ([x])');
    expect(replaced.statistics.query.ddlOperationPerformed).toBe('REPLACE');
    expect(await server.rows('SELECT TO_JSON_STRING(d.f("a")), TO_JSON_STRING(d.f(1))')).toEqual([['["a"]', '[1]']]);
    expect((await done('DROP FUNCTION d.f')).statistics.query).toMatchObject({
      statementType: 'DROP_FUNCTION',
      ddlOperationPerformed: 'DROP',
    });
    const gone = await server.query('DROP FUNCTION d.f');
    expect([gone.status, message(gone)]).toEqual([404, `Not found: Routine ${PROJECT}:d.f`]);
    expect((await done('DROP FUNCTION IF EXISTS d.f')).statistics.query.ddlOperationPerformed).toBe('SKIP');
    const call = await server.query('SELECT d.f(1)');
    expect([call.status, message(call)]).toEqual([400, 'Function not found: d.f at [1:8]']);
  });

  it('create table functions, and query them', async () => {
    await done('CREATE TABLE d.t AS SELECT x, MOD(x, 2) AS y FROM UNNEST([1, 2, 3, 4]) AS x');
    await done('CREATE TABLE FUNCTION d.above(n INT64) AS (SELECT x, y FROM d.t WHERE x > n)');
    expect(await server.rows('SELECT x FROM d.above(2) ORDER BY x')).toEqual([['3'], ['4']]);
    expect(
      await server.rows('SELECT a.x, b.x AS z FROM d.above(2) AS a JOIN d.above(3) AS b ON a.x <= b.x ORDER BY 1'),
    ).toEqual([
      ['3', '4'],
      ['4', '4'],
    ]);
    expect(await server.rows('SELECT COUNT(*) FROM d.above((SELECT MIN(x) FROM d.t)) WHERE y = 0')).toEqual([['2']]);
    await done('CREATE TABLE FUNCTION d.typed(v ANY TYPE) AS (SELECT v AS v, [v] AS l)');
    expect(await server.rows('SELECT v, TO_JSON_STRING(l) FROM d.typed("q")')).toEqual([['q', '["q"]']]);
    await done(
      'CREATE TABLE FUNCTION d.declared(n INT64) RETURNS TABLE<a FLOAT64, b STRING> AS (SELECT n AS a, "z" AS b)',
    );
    expect(await server.rows('SELECT a, b FROM d.declared(1)')).toEqual([['1.0', 'z']]);
    const read = await server.query('SELECT x FROM d.above(2)');
    const job = await server.finished(read.body.jobReference.jobId);
    expect(job.statistics.query.referencedTables).toEqual([{ projectId: PROJECT, datasetId: 'd', tableId: 't' }]);
    expect(message(await server.query('SELECT * FROM d.none(2)'))).toBe(
      'Table-valued function not found: d.none at [1:15]',
    );
    expect(message(await server.query('DROP FUNCTION d.above'))).toContain('which has type TABLE_VALUED_FUNCTION');
    await done('DROP TABLE FUNCTION d.above');
    await done('DROP TABLE d.t');
  });

  it('create aggregate functions, JavaScript functions and procedures', async () => {
    await done('CREATE AGGREGATE FUNCTION d.spread(x FLOAT64) AS (MAX(x) - MIN(x))');
    expect(await server.rows('SELECT d.spread(x) FROM UNNEST([1, 5, 3]) AS x')).toEqual([['4.0']]);
    await done('CREATE FUNCTION d.js(x STRING) RETURNS STRING LANGUAGE js AS "return x + x;"');
    expect(await server.rows('SELECT d.js(s) FROM secret.t LIMIT 1')).toEqual([['ss']]);
    const failed = await server.query(
      'CREATE TEMP FUNCTION f(x STRING) RETURNS STRING LANGUAGE js AS "throw new Error(x);"; SELECT f("no")',
    );
    expect([failed.status, message(failed)]).toEqual([
      400,
      expect.stringContaining('Error: no at UDF$1(STRING) line 1'),
    ]);
    await done('CREATE PROCEDURE d.p(IN x INT64, OUT y STRING) OPTIONS (strict_mode=false) BEGIN SET y = "a"; END');
    const { body } = await server.request('GET', `${ROUTINES}/p`);
    expect(body).toMatchObject({
      routineType: 'PROCEDURE',
      strictMode: false,
      arguments: [
        { name: 'x', mode: 'IN', dataType: INT64 },
        { name: 'y', mode: 'OUT', dataType: { typeKind: 'STRING' } },
      ],
    });
    expect(message(await server.query('SELECT d.p(1)'))).toContain('Function not found: d.p');
    await done('DROP PROCEDURE d.p');
  });

  it('call functions that call functions, in views and in what they store', async () => {
    await done('CREATE FUNCTION d.one(x INT64) AS (x + 1)');
    await done('CREATE FUNCTION d.two(x INT64) AS (d.one(d.one(x)))');
    await done('CREATE VIEW d.v AS SELECT d.two(x) AS y FROM secret.t');
    expect(await server.rows('SELECT SUM(y) FROM d.v')).toEqual([['12']]);
    await done('CREATE OR REPLACE FUNCTION d.one(x INT64) AS (x + 10)');
    expect(await server.rows('SELECT SUM(y) FROM d.v')).toEqual([['66']]);
    await done('CREATE TABLE d.w AS SELECT d.two(x) AS y FROM secret.t');
    await done('UPDATE d.w SET y = d.one(y) WHERE d.two(y) > 0');
    expect(await server.rows('SELECT SUM(y) FROM d.w')).toEqual([['96']]);
    await done('DROP FUNCTION d.one');
    expect(message(await server.query('SELECT d.two(1)'))).toBe(
      `Invalid function ${PROJECT}.d.two; Function not found: d.one`,
    );
    for (const sql of ['DROP VIEW d.v', 'DROP TABLE d.w']) await done(sql);
  });

  it('mend a function whose body no longer runs', async () => {
    await done('CREATE TABLE d.source AS SELECT 1 AS x');
    await done('CREATE FUNCTION d.f() AS ((SELECT MAX(x) FROM d.source))');
    await done('DROP TABLE d.source');
    const broken = await server.query('SELECT d.f()');
    expect([broken.status, message(broken)]).toEqual([404, expect.stringContaining('Table test-project:d.source')]);
    await done('CREATE OR REPLACE FUNCTION d.f() AS (3)');
    const answer = await server.query('SELECT d.f()');
    const job = await server.finished(answer.body.jobReference.jobId);
    expect(job.statistics.query.referencedRoutines).toEqual([{ projectId: PROJECT, datasetId: 'd', routineId: 'f' }]);
    // A table of the same name is filled, not called.
    await done('CREATE TABLE d.f (x INT64)');
    await done('INSERT INTO d.f (x) VALUES (d.f())');
    expect(await server.rows('SELECT x FROM d.f')).toEqual([['3']]);
    await done('DROP TABLE d.f');
  });

  it('are no part of what a view stores', async () => {
    const query = 'CREATE TEMP FUNCTION f() AS (1); SELECT f() AS x';
    const body = { tableReference: { tableId: 'v' }, view: { query, useLegacySql: false } };
    const tables = `/bigquery/v2/projects/${PROJECT}/datasets/d/tables`;
    expect((await server.request('POST', tables, body)).status).toBe(400);
    expect(
      message(await server.query('CREATE TEMP FUNCTION f() AS (1); CREATE VIEW d.v AS SELECT f() AS x')),
    ).toContain('Function f must be qualified with a dataset');
    await done('CREATE TEMP FUNCTION f() AS (1); CREATE TABLE d.w AS SELECT f() AS x');
    await done('DROP TABLE d.w');
  });

  it('use the cache until a function changes', async () => {
    await done('CREATE FUNCTION d.f() AS (1)');
    const hit = async (): Promise<unknown> => (await server.query('SELECT d.f() + 1000')).body.cacheHit;
    expect([await hit(), await hit()]).toEqual([false, true]);
    await done('CREATE OR REPLACE FUNCTION d.f() AS (2)');
    expect(await hit()).toBe(false);
    expect(await server.rows('SELECT d.f() + 1000')).toEqual([['1002']]);
  });

  it('resolve names without a dataset in the default dataset', async () => {
    await done('CREATE FUNCTION d.f() AS (7)');
    const body = { defaultDataset: { projectId: PROJECT, datasetId: 'd' } };
    const answer = await server.query('SELECT f(), UPPER("a")', { body });
    expect(answer.body.rows[0].f.map((cell: { v: string }) => cell.v)).toEqual(['7', 'A']);
    expect(message(await server.query('CREATE VIEW d.v AS SELECT f() AS x', { body }))).toContain('must be qualified');
    await server.query('CREATE FUNCTION g() AS (1)', { body });
    expect((await server.request('GET', `${ROUTINES}/g`)).status).toBe(200);
  });

  it.each([
    ['CREATE FUNCTION f() AS (1)', 'missing dataset while no default dataset is set in the request'],
    ['CREATE FUNCTION nods.f() AS (1)', 'Not found: Dataset test-project:nods'],
    ['CREATE FUNCTION d.f(x INT64) AS (x + "a")', 'at [1:38]'],
    ['CREATE FUNCTION d.f() AS ((SELECT MAX(x) FROM secret.missing))', 'Not found: Table test-project:secret.missing'],
    ['CREATE FUNCTION d.f(x INT64) RETURNS INT64 LANGUAGE js AS "return 1"', 'Type INT64 as an argument'],
    ['CREATE FUNCTION d.`a-b`() AS (1)', 'Invalid routine ID "a-b"'],
    ['CREATE TEMP FUNCTION f() AS (1)', 'CREATE TEMPORARY FUNCTION statements must be followed by an actual query.'],
    ['CREATE TABLE FUNCTION d.f(t TABLE<x INT64>) AS (SELECT x FROM t)', 'A table argument of a routine'],
    ['CREATE TABLE FUNCTION d.f() AS (SELECT 1)', 'missing one or more explicit output column names'],
  ])('%s is refused', async (sql, text) => {
    const answer = await server.query(sql);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(message(answer)).toContain(text);
  });
});

describe('the REST resource', () => {
  it('is inserted, read, listed, updated and deleted', async () => {
    const routine = {
      routineReference: { projectId: PROJECT, datasetId: 'd', routineId: 'add' },
      routineType: 'SCALAR_FUNCTION',
      language: 'SQL',
      arguments: [{ name: 'x', dataType: INT64 }],
      definitionBody: 'x + 1 -- one more',
    };
    const inserted = await server.request('POST', ROUTINES, routine);
    expect(inserted).toMatchObject({ status: 200, body: routine });
    expect(await server.rows('SELECT d.add(1)')).toEqual([['2']]);
    expect((await server.request('GET', `${ROUTINES}/add`)).body).toEqual(inserted.body);
    expect((await server.request('POST', ROUTINES, routine)).status).toBe(409);
    const stale = await server.request(
      'PUT',
      `${ROUTINES}/add`,
      { ...routine, definitionBody: 'x' },
      { headers: { 'if-match': 'old' } },
    );
    expect(stale.status).toBe(412);
    const body = { ...routine, definitionBody: 'x + 2', returnType: { typeKind: 'FLOAT64' } };
    const updated = await server.request('PUT', `${ROUTINES}/add`, body, {
      headers: { 'if-match': inserted.body.etag },
    });
    expect(updated).toMatchObject({ status: 200, body });
    expect(updated.body.creationTime).toBe(inserted.body.creationTime);
    expect(await server.rows('SELECT d.add(1)')).toEqual([['3.0']]);
    await done('CREATE TABLE FUNCTION d.tf() AS (SELECT 1 AS x)');
    const page = await server.request('GET', `${ROUTINES}?maxResults=1`);
    expect(page.body.routines.map((r: any) => r.routineReference.routineId)).toEqual(['add']);
    expect(page.body.routines[0].definitionBody).toBeUndefined();
    const next = await server.request('GET', `${ROUTINES}?pageToken=${page.body.nextPageToken}`);
    expect(next.body.routines.map((r: any) => r.routineReference.routineId)).toEqual(['tf']);
    const filtered = await server.request('GET', `${ROUTINES}?filter=routineType:SCALAR_FUNCTION`);
    expect(filtered.body.routines).toHaveLength(1);
    expect((await server.request('DELETE', `${ROUTINES}/add`)).status).toBe(204);
    const gone = await server.request('GET', `${ROUTINES}/add`);
    expect([gone.status, message(gone)]).toEqual([404, `Not found: Routine ${PROJECT}:d.add`]);
  });

  it.each([
    [{ definitionBody: 'x) AS (1' }, ''],
    [{ definitionBody: '1); DROP TABLE secret.t; SELECT (1' }, ''],
    [{ definitionBody: '1) OPTIONS (description="a"' }, 'expected the body of a routine and no more'],
    [{ definitionBody: 'nothing' }, 'Unrecognized name: nothing'],
    [{ definitionBody: '' }, 'Required parameter is missing: definitionBody'],
    [{ routineType: 'THING' }, 'Invalid value for routineType'],
    [{ arguments: [{ name: 'x', dataType: { typeKind: 'INTEGER' } }] }, 'INTEGER is not a type'],
    [{ arguments: [{ name: '`', dataType: INT64 }] }, 'is not a name'],
    [{ routineReference: { datasetId: 'secret', routineId: 'r' } }, 'does not match the URL'],
    [{ language: 'JAVASCRIPT' }, 'a JavaScript function must have one'],
    [{ language: 'PYTHON' }, 'PYTHON are not supported'],
    [{ importedLibraries: ['gs://a/b.js'] }, 'importedLibraries is not supported'],
    [{ remoteFunctionOptions: {} }, 'remoteFunctionOptions is not supported'],
  ])('is refused with %j', async (change, text) => {
    const routine = { routineReference: { routineId: 'r' }, routineType: 'SCALAR_FUNCTION', definitionBody: '1' };
    const answer = await server.request('POST', ROUTINES, { ...routine, ...change });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(502);
    expect(message(answer)).toContain(text);
    expect((await server.request('GET', ROUTINES)).body.routines).toBeUndefined();
    expect(await server.rows('SELECT COUNT(*) FROM secret.t')).toEqual([['3']]);
  });

  it('works with the official client', async () => {
    const { client } = await server.serviceAccount('routines', ['roles/bigquery.admin']);
    const dataset = client.dataset('d');
    const typeKind = 'INT64' as const;
    const created = await dataset.createRoutine('twice', {
      arguments: [{ name: 'x', dataType: { typeKind } }],
      definitionBody: 'x * 2',
      routineType: 'SCALAR_FUNCTION',
      returnType: { typeKind },
      language: 'SQL',
    });
    const [routine] = created as unknown as [ReturnType<typeof dataset.routine>];
    const [rows] = await client.query('SELECT d.twice(21) AS n');
    expect(rows).toEqual([{ n: 42 }]);
    const [metadata] = await routine.getMetadata();
    expect(metadata).toMatchObject({ definitionBody: 'x * 2' });
    await routine.setMetadata({ description: 'doubles' });
    expect((await dataset.getRoutines())[0].map(({ id }) => id)).toEqual(['twice']);
    await routine.delete();
    expect((await dataset.routine('twice').exists())[0]).toBe(false);
  });

  it('survives a restart and ends with its dataset', async () => {
    await server.createDataset('gone');
    await done('CREATE FUNCTION gone.f() AS (1)');
    await server.restart();
    expect(await server.rows('SELECT gone.f()')).toEqual([['1']]);
    const path = `/bigquery/v2/projects/${PROJECT}/datasets/gone`;
    expect((await server.request('DELETE', path)).body.error.errors[0].reason).toBe('resourceInUse');
    expect((await server.request('DELETE', `${path}?deleteContents=true`)).status).toBe(204);
    await server.createDataset('gone');
    expect(message(await server.query('SELECT gone.f()'))).toContain('Function not found');
  }, 60_000);
});

describe('access', () => {
  const refused = (routine: string): string =>
    `Access Denied: Routine ${PROJECT}:${routine}: Permission bigquery.routines.get denied on routine ${PROJECT}:${routine} (or it may not exist).`;
  const unreadable = `Access Denied: Table ${PROJECT}:secret.t: User does not have permission to query table ${PROJECT}:secret.t, or perhaps it does not exist.`;
  const reader = { role: 'READER', userByEmail: BOB };
  const entry = (routineId: string): unknown => ({ routine: { projectId: PROJECT, datasetId: 'd', routineId } });
  const asBob = (sql: string): Promise<Answer> => server.query(sql, { as: BOB });

  beforeEach(async () => {
    await done('CREATE OR REPLACE FUNCTION d.total(k INT64) AS ((SELECT SUM(x) * k FROM secret.t))');
    await done('CREATE OR REPLACE TABLE FUNCTION d.all_of(k INT64) AS (SELECT x FROM secret.t WHERE x >= k)');
  });

  it('to a function is needed to call it, whether it exists or not', async () => {
    expect(message(await asBob('SELECT d.total(1)'))).toBe(refused('d.total'));
    expect(message(await asBob('SELECT d.missing(1)'))).toBe(refused('d.missing'));
    expect(message(await asBob('SELECT * FROM d.all_of(1)'))).toBe(refused('d.all_of'));
    expect(message(await asBob('SELECT * FROM d.missing(1)'))).toBe(refused('d.missing'));
    expect(message(await asBob('SELECT nods.f(1)'))).toBe(refused('nods.f'));
  });

  it('to a function is not access to what it reads', async () => {
    await share('d', [reader]);
    expect(message(await asBob('SELECT d.total(1)'))).toBe(unreadable);
    expect(message(await asBob('SELECT * FROM d.all_of(1)'))).toBe(unreadable);
    expect(message(await asBob('SELECT d.missing(1)'))).toBe('Function not found: d.missing at [1:8]');
  });

  it('to what an authorized routine reads is that of its dataset', async () => {
    await share('d', [reader]);
    await share('secret', [entry('total')]);
    expect(await server.rows('SELECT d.total(10)', { as: BOB })).toEqual([['60']]);
    expect(message(await asBob('SELECT d.total(1), (SELECT MAX(x) FROM secret.t)'))).toBe(unreadable);
    expect(message(await asBob('SELECT * FROM d.all_of(1)'))).toBe(unreadable);
    await done('CREATE FUNCTION d.any_of(k ANY TYPE) AS ((SELECT MAX(t.x) + k FROM secret.t AS t))');
    await share('secret', [entry('total'), entry('all_of'), entry('any_of')]);
    expect(await server.rows('SELECT d.any_of(1), d.any_of(0.5)', { as: BOB })).toEqual([['4', '3.5']]);
    await share('secret', [entry('total'), entry('all_of')]);
    expect(message(await asBob('SELECT d.any_of(1)'))).toBe(unreadable);
    expect(await server.rows('SELECT x FROM d.all_of(2) WHERE x < 3', { as: BOB })).toEqual([['2']]);
    // "If that routine is updated, access needs to be granted again."
    await done('CREATE OR REPLACE FUNCTION d.total(k INT64) AS ((SELECT MAX(x) FROM secret.t))');
    expect(message(await asBob('SELECT d.total(1)'))).toBe(unreadable);
    await share('secret', [entry('total')]);
    await share('secret', [entry('all_of')]);
    expect(message(await asBob('SELECT d.total(1)'))).toBe(unreadable);
  });

  it('is not gained by a temporary function', async () => {
    expect(message(await asBob('CREATE TEMP FUNCTION f() AS ((SELECT MAX(x) FROM secret.t)); SELECT f()'))).toBe(
      unreadable,
    );
  });

  it('to a function by its own policy', async () => {
    await done('CREATE FUNCTION d.plain(x INT64) AS (x + 1)');
    const iam = (verb: string, body: unknown, as?: string) =>
      server.request('POST', `${ROUTINES}/plain:${verb}`, body, as === undefined ? {} : { as });
    expect((await iam('getIamPolicy', {})).body).toEqual({ version: 1, etag: 'ACAB' });
    expect((await iam('getIamPolicy', {}, BOB)).status).toBe(403);
    const bindings = [{ role: 'roles/bigquery.dataViewer', members: [`user:${BOB}`] }];
    expect((await iam('setIamPolicy', { policy: { bindings } })).body).toMatchObject({ bindings });
    expect(await server.rows('SELECT d.plain(1)', { as: BOB })).toEqual([['2']]);
    expect(message(await asBob('SELECT d.total(1)'))).toBe(refused('d.total'));
    const permissions = ['bigquery.routines.get', 'bigquery.routines.delete'];
    expect((await iam('testIamPermissions', { permissions }, BOB)).body).toEqual({
      permissions: ['bigquery.routines.get'],
    });
    const wrong = await iam('setIamPolicy', {
      policy: { bindings: [{ role: 'roles/bigquery.jobUser', members: [`user:${BOB}`] }] },
    });
    expect(message(wrong)).toBe('Role roles/bigquery.jobUser is not supported for this resource.');
    await done('DROP FUNCTION d.plain');
    await done('CREATE FUNCTION d.plain(x INT64) AS (x + 1)');
    expect(message(await asBob('SELECT d.plain(1)'))).toBe(refused('d.plain'));
  });

  it('to create, update and delete is that of a data editor', async () => {
    const create = await asBob('CREATE FUNCTION d.mine() AS (1)');
    expect(message(create)).toBe(
      `Access Denied: Dataset ${PROJECT}:d: Permission bigquery.routines.create denied on dataset ${PROJECT}:d (or it may not exist).`,
    );
    for (const routine of ['total', 'missing'])
      expect(message(await asBob(`DROP FUNCTION d.${routine}`))).toBe(
        `Access Denied: Routine ${PROJECT}:d.${routine}: Permission bigquery.routines.delete denied on routine ${PROJECT}:d.${routine} (or it may not exist).`,
      );
    await share('d', [{ role: 'WRITER', userByEmail: BOB }]);
    expect((await asBob('CREATE FUNCTION d.mine() AS (1)')).status).toBe(200);
    // Its body is read with the rights of who makes it.
    expect(message(await asBob('CREATE FUNCTION d.theirs() AS ((SELECT MAX(x) FROM secret.t))'))).toBe(unreadable);
    const rest = await server.request(
      'POST',
      ROUTINES,
      {
        routineReference: { routineId: 'theirs' },
        routineType: 'SCALAR_FUNCTION',
        definitionBody: '(SELECT MAX(x) FROM secret.t)',
      },
      { as: BOB },
    );
    expect(message(rest)).toBe(unreadable);
    expect((await asBob('DROP FUNCTION d.mine')).status).toBe(200);
  });

  it('through an authorized view reaches the functions of the dataset that authorizes it', async () => {
    await server.createDataset('views');
    await done('CREATE FUNCTION secret.inner_of(x INT64) AS (x * 100)');
    await done('CREATE VIEW views.v AS SELECT secret.inner_of(x) AS y FROM secret.t');
    await share('views', [reader]);
    expect(message(await asBob('SELECT y FROM views.v'))).toContain('Access Denied');
    await share('secret', [{ view: { projectId: PROJECT, datasetId: 'views', tableId: 'v' } }]);
    expect(await server.rows('SELECT MAX(y) FROM views.v', { as: BOB })).toEqual([['300']]);
    await done('DROP FUNCTION secret.inner_of');
  });
});
