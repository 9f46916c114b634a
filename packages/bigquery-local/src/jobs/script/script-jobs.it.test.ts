// A script as a job: its child jobs, its result, cancellation and time-outs, whose rights
// count, Google's Node client.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;
const JOBS = `/bigquery/v2/projects/${PROJECT}/jobs`;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.createDataset('secret');
  await server.createDataset('europe', { location: 'EU' });
  await server.rows('CREATE TABLE ds.t AS SELECT n AS a FROM UNNEST([1, 2, 3]) AS n');
  await server.rows('CREATE TABLE secret.s AS SELECT 1 AS a');
  await server.rows('CREATE TABLE europe.t AS SELECT 1 AS a');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function insert(query: string, more: Record<string, unknown> = {}, as = OWNER): Promise<any> {
  const { body } = await server.request(
    'POST',
    JOBS,
    { configuration: { query: { query, useLegacySql: false }, ...more } },
    { as },
  );
  return body;
}

async function children(jobId: string): Promise<any[]> {
  const { body } = await server.request('GET', `${JOBS}?parentJobId=${jobId}&projection=full`);
  // Newest first.
  return (body.jobs ?? []).toReversed();
}

describe('the job of a script', () => {
  it('has a child job for each statement, and the result of the last SELECT', async () => {
    const sql = `DECLARE n INT64 DEFAULT (SELECT COUNT(*) FROM ds.t);
SET n = n + 1;
SELECT n;
INSERT ds.t
  VALUES (n);
DELETE ds.t WHERE a = n;`;
    const { jobReference } = await insert(sql);
    const job = await server.finished(jobReference.jobId);
    expect(job.status).toEqual({ state: 'DONE' });
    expect(job.statistics).toMatchObject({
      numChildJobs: '4',
      query: { statementType: 'SCRIPT', totalBytesProcessed: '32' },
    });
    const results = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/queries/${jobReference.jobId}`);
    expect(results.body).toMatchObject({ jobComplete: true, totalRows: '1', rows: [{ f: [{ v: '4' }] }] });
    const jobs = await children(jobReference.jobId);
    expect(
      jobs.map(({ statistics }) => [statistics.query.statementType, statistics.scriptStatistics.evaluationKind]),
    ).toEqual([
      ['SELECT', 'EXPRESSION'],
      ['SELECT', 'STATEMENT'],
      ['INSERT', 'STATEMENT'],
      ['DELETE', 'STATEMENT'],
    ]);
    expect(jobs[2].statistics).toMatchObject({
      parentJobId: jobReference.jobId,
      query: { numDmlAffectedRows: '1' },
      scriptStatistics: {
        stackFrames: [{ startLine: 4, startColumn: 1, endLine: 5, endColumn: 13, text: 'INSERT ds.t\n  VALUES (n)' }],
      },
    });
    expect(jobs[1].configuration.query.query).toBe('SELECT n');
    const child = await server.request('GET', `${JOBS}/${jobs[2].jobReference.jobId}`);
    expect(child.body.statistics.parentJobId).toBe(jobReference.jobId);
    const { body: top } = await server.request('GET', JOBS);
    expect(top.jobs.map(({ id }: any) => id).filter((id: string) => id.includes('script_job_'))).toEqual([]);
  });

  it('names the procedure in the frames of its children', async () => {
    await server.rows('CREATE PROCEDURE ds.p()\nBEGIN\n  SELECT a FROM ds.t;\nEND');
    const { jobReference } = await insert('SELECT 1;\nCALL ds.p();');
    await server.finished(jobReference.jobId);
    const jobs = await children(jobReference.jobId);
    expect(jobs[1].statistics.scriptStatistics.stackFrames).toMatchObject([
      { startLine: 2, startColumn: 3, procedureId: `${PROJECT}.ds.p`, text: 'SELECT a FROM ds.t' },
      { startLine: 2, startColumn: 1, text: 'CALL ds.p()' },
    ]);
  });

  it('fails as its child failed', async () => {
    const { jobReference } = await insert('SELECT 1;\nSELECT 1/0;\nSELECT 2');
    const job = await server.finished(jobReference.jobId);
    expect(job.status.errorResult).toEqual({
      reason: 'invalidQuery',
      location: 'query',
      message: 'Query error: division by zero: 1 / 0 at [2:1]',
    });
    expect(job.statistics).toMatchObject({ numChildJobs: '2', query: { statementType: 'SCRIPT' } });
    const jobs = await children(jobReference.jobId);
    expect(jobs.map(({ status }) => status.errorResult?.message)).toEqual([undefined, 'division by zero: 1 / 0']);
  });

  it('is known to a dry run, which runs nothing', async () => {
    const { body } = await server.query('CREATE TABLE ds.never (a INT64); SELECT 1', { body: { dryRun: true } });
    expect(body).toMatchObject({ jobComplete: true, totalBytesProcessed: '0' });
    const resource = await insert('CREATE TABLE ds.never (a INT64); SELECT 1', { dryRun: true });
    expect(resource.statistics.query.statementType).toBe('SCRIPT');
    expect((await server.query('SELECT 1; SELEC', { body: { dryRun: true } })).body.error.message).toContain(
      'Syntax error',
    );
    expect((await server.query('SELECT * FROM ds.never')).status).toBe(404);
  });

  it('runs where its first table is', async () => {
    const { body } = await server.query(
      'DECLARE x INT64; SET x = (SELECT MAX(a) FROM europe.t); CREATE TEMP TABLE c AS SELECT x AS x; SELECT x FROM c',
    );
    expect([body.jobReference.location, body.rows]).toEqual(['EU', [{ f: [{ v: '1' }] }]]);
    const elsewhere = await server.query('SELECT 1; SELECT a FROM europe.t', { body: { location: 'US' } });
    expect(elsewhere.body.error.message).toContain('was not found in location US');
  });

  it('takes no destination table; one statement behind temporary functions does', async () => {
    const destinationTable = { projectId: PROJECT, datasetId: 'ds', tableId: 'written' };
    const refused = await server.query('SELECT 1 AS a; SELECT 2 AS a', { body: { destinationTable } });
    expect(refused.body.error.message).toBe('configuration.query.destinationTable cannot be set for scripts');
    const written = await server.query('CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT f(4) AS a', {
      body: { destinationTable },
    });
    expect(written.body.rows).toEqual([{ f: [{ v: '5' }] }]);
    expect(await server.rows('SELECT a FROM ds.written')).toEqual([['5']]);
  });

  it('is stopped by cancellation, also in a child or a loop that does nothing', async () => {
    const slow =
      'SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b WHERE MOD(a + b, 7) = 3';
    for (const sql of ['LOOP CONTINUE; END LOOP', `SELECT 1; ${slow}; SELECT 2`]) {
      const { jobReference } = await insert(sql);
      await expect
        .poll(async () => (await server.request('GET', `${JOBS}/${jobReference.jobId}`)).body.status.state, {
          timeout: 30_000,
        })
        .toBe('RUNNING');
      await server.request('POST', `${JOBS}/${jobReference.jobId}/cancel`);
      const job = await server.finished(jobReference.jobId);
      expect(job.status.errorResult.reason).toBe('stopped');
    }
  });

  it('is stopped with a child that is cancelled', async () => {
    const { jobReference } = await insert(
      'SELECT 1; SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b WHERE MOD(a + b, 7) = 3',
    );
    await expect.poll(async () => (await children(jobReference.jobId)).length, { timeout: 30_000 }).toBe(2);
    const child = (await children(jobReference.jobId)).at(-1);
    await server.request('POST', `${JOBS}/${child.jobReference.jobId}/cancel`);
    const job = await server.finished(jobReference.jobId);
    expect(job.status.errorResult.reason).toBe('stopped');
    expect((await children(jobReference.jobId)).at(-1).status).toMatchObject({
      state: 'DONE',
      errorResult: { reason: 'stopped' },
    });
  });

  it('ends when its time is up', async () => {
    const { jobReference } = await insert('DECLARE i INT64 DEFAULT 0; LOOP SET i = i + 1; END LOOP', {
      jobTimeoutMs: '600',
    });
    const job = await server.finished(jobReference.jobId);
    expect(job.status.errorResult).toMatchObject({
      reason: 'timeout',
      message: 'Operation timed out after 0.6 seconds.',
    });
  });

  it('keeps its variables to itself when several run at once', async () => {
    const script = (k: number): string =>
      `DECLARE x INT64 DEFAULT ${k}; CREATE TEMP TABLE own AS SELECT x AS v; INSERT own SELECT v + 1 FROM own; SET x = (SELECT SUM(v) FROM own); SELECT x`;
    const answers = await Promise.all(Array.from({ length: 6 }, (_, k) => server.rows(script(k * 10))));
    expect(answers).toEqual(Array.from({ length: 6 }, (_, k) => [[String(k * 20 + 1)]]));
  });

  it('is deleted with its child jobs, which cannot be deleted by themselves', async () => {
    const { jobReference } = await insert('SELECT 1; SELECT 2');
    await server.finished(jobReference.jobId);
    const [child] = await children(jobReference.jobId);
    const alone = await server.request('DELETE', `${JOBS}/${child.jobReference.jobId}/delete`);
    expect([alone.status, alone.body.error.message]).toEqual([400, expect.stringContaining('is a child job')]);
    expect((await server.request('DELETE', `${JOBS}/${jobReference.jobId}/delete`)).status).toBeLessThan(300);
    expect(await children(jobReference.jobId)).toEqual([]);
  });

  it('keeps labels that SET gives', async () => {
    const { jobReference } = await insert("SET @@query_label = 'team:crm,step:two'; SELECT 1");
    await server.finished(jobReference.jobId);
    expect((await children(jobReference.jobId)).at(-1).configuration.labels).toEqual({ team: 'crm', step: 'two' });
  });
});

describe('rights', () => {
  it('count for each statement by itself, and denials do not tell what exists', async () => {
    await server.grant('user:bo@example.com', ['roles/bigquery.jobUser']);
    const { body: dataset } = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds`);
    await server.request('PATCH', `/bigquery/v2/projects/${PROJECT}/datasets/ds`, {
      access: [...dataset.access, { role: 'READER', userByEmail: 'bo@example.com' }],
    });
    const as = 'bo@example.com';
    const ask = async (sql: string): Promise<[number, unknown]> => {
      const { status, body } = await server.query(sql, { as });
      return [status, status === 200 ? body.rows : body.error.message];
    };
    expect(await ask('DECLARE x INT64 DEFAULT 1; SELECT COUNT(*) + x FROM ds.t')).toEqual([200, [{ f: [{ v: '4' }] }]]);
    const denied = (table: string, place: string): string =>
      `Query error: Access Denied: Table ${PROJECT}:secret.${table}: User does not have permission to query table ${PROJECT}:secret.${table}, or perhaps it does not exist. at ${place}`;
    for (const table of ['s', 'nothing'])
      for (const [sql, place] of [
        [`SELECT 1;\nSELECT a FROM secret.${table}`, '[2:1]'],
        [`DECLARE x INT64 DEFAULT (SELECT a FROM secret.${table})`, undefined],
        [`EXECUTE IMMEDIATE 'SELECT a FROM secret.${table}'`, '[1:1]'],
        [`BEGIN TRANSACTION; INSERT secret.${table} VALUES (1); COMMIT TRANSACTION`, '[1:20]'],
        [`FOR r IN (SELECT a FROM secret.${table}) DO SELECT 1; END FOR`, undefined],
      ] as const) {
        const [status, message] = await ask(sql);
        expect(status).toBe(403);
        expect(message).toMatch(place === undefined ? / at \[1:\d+\]$/ : / /);
        expect(String(message).replace(/\[1:\d+\]$/, '[1:1]')).toBe(denied(table, place === '[2:1]' ? place : '[1:1]'));
      }
    const [status, message] = await ask('SELECT 1; INSERT ds.t VALUES (1)');
    expect([status, message]).toEqual([403, expect.stringContaining('bigquery.tables.updateData')]);
    await server.rows('CREATE PROCEDURE secret.p() BEGIN SELECT 1; END');
    for (const name of ['p', 'nothing'])
      expect(await ask(`CALL secret.${name}()`)).toEqual([403, expect.stringContaining(`${PROJECT}:secret.${name}`)]);
  });

  it('on temporary tables are those of who runs the script', async () => {
    await server.grant('user:cy@example.com', ['roles/bigquery.jobUser']);
    const mine = await server.query('CREATE TEMP TABLE x AS SELECT 5 AS n; INSERT x VALUES (6); SELECT SUM(n) FROM x', {
      as: 'cy@example.com',
    });
    expect(mine.body.rows).toEqual([{ f: [{ v: '11' }] }]);
  });
});

describe('sessions', () => {
  const inSession = (id: string): Record<string, unknown> => ({
    body: { connectionProperties: [{ key: 'session_id', value: id }] },
  });

  it('share variables, temporary tables and functions between jobs', async () => {
    const { body } = await server.query(
      'DECLARE x INT64 DEFAULT 3; CREATE TEMP TABLE kept AS SELECT 1 AS z; CREATE TEMP FUNCTION g(n INT64) AS (n + 1); SELECT x',
      { body: { createSession: true } },
    );
    const id = body.sessionInfo.sessionId as string;
    const rows = async (sql: string): Promise<unknown> => {
      const answer = await server.query(sql, inSession(id));
      return answer.status === 200
        ? (answer.body.rows ?? []).map((row: any) => row.f.map((c: any) => c.v))
        : answer.body.error.message;
    };
    expect(await rows('SELECT g(x), z, @@session_id FROM kept')).toEqual([['4', '1', id]]);
    expect(await rows('SET x = x + 10')).toEqual([]);
    expect(await rows('INSERT kept VALUES (x)')).toEqual([]);
    expect(await rows('SELECT x, (SELECT SUM(z) FROM _SESSION.kept), @@row_count')).toEqual([['13', '14', '1']]);
    expect(await rows('SELECT nope')).toBe('Unrecognized name: nope at [1:8]');
    expect(await rows('DECLARE x INT64; SELECT x')).toBe("Variable 'x' redeclaration at [1:9]");
    const job = await insert('SELECT x', {});
    expect((await server.finished(job.jobReference.jobId)).status.errorResult.message).toContain(
      'Unrecognized name: x',
    );
    expect(await rows('CALL BQ.ABORT_SESSION()')).toEqual([]);
    expect(await rows('SELECT x')).toContain(`Not found: Session ${PROJECT}:${id}`);
  });

  it('belong to who made them, and end with another job of the owner', async () => {
    const { body } = await server.query('SELECT 1', { body: { createSession: true } });
    const id = body.sessionInfo.sessionId as string;
    await server.grant('user:di@example.com', ['roles/bigquery.jobUser']);
    const stranger = await server.query('SELECT 1', { ...inSession(id), as: 'di@example.com' });
    const nobody = await server.query('SELECT 1', { ...inSession('0'.repeat(32)), as: 'di@example.com' });
    expect([stranger.status, nobody.status]).toEqual([404, 404]);
    expect(stranger.body.error.message.replace(id, 'X')).toBe(nobody.body.error.message.replace('0'.repeat(32), 'X'));
    const ended = await server.query(`CALL BQ.ABORT_SESSION('${id}')`);
    expect(ended.status).toBe(200);
    expect((await server.query('SELECT 1', inSession(id))).status).toBe(404);
  });

  it('run one job after the other', async () => {
    const { body } = await server.query('DECLARE n INT64 DEFAULT 0', { body: { createSession: true } });
    const id = body.sessionInfo.sessionId as string;
    await Promise.all(Array.from({ length: 8 }, () => server.query('SET n = n + 1', inSession(id))));
    expect((await server.query('SELECT n', inSession(id))).body.rows).toEqual([{ f: [{ v: '8' }] }]);
    await server.query('CALL BQ.ABORT_SESSION()', inSession(id));
  });

  it('end with the server, and their tables with them', async () => {
    const own = await ServerUnderTest.start();
    try {
      const { body } = await own.query('CREATE TEMP TABLE x AS SELECT 1 AS n; SELECT n FROM x', {
        body: { createSession: true },
      });
      const id = body.sessionInfo.sessionId as string;
      await own.restart();
      expect((await own.query('SELECT n FROM x', inSession(id))).status).toBe(404);
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });
});

describe("Google's Node client", () => {
  it('runs scripts, reads their result and their child jobs, and uses sessions', async () => {
    const { client } = await server.serviceAccount('scripts', ['roles/bigquery.admin']);
    const [rows] = await client.query({
      query: 'DECLARE x INT64 DEFAULT @start; SET x = x * 2; SELECT x AS doubled, a FROM ds.t ORDER BY a',
      params: { start: 21 },
    });
    expect(rows).toEqual([1, 2, 3].map((a) => ({ doubled: 42, a })));
    const [job] = await client.createQueryJob({ query: 'SELECT 1 AS one; SELECT 2 AS two, 3 AS three' });
    const [result] = await job.getQueryResults();
    expect(result).toEqual([{ two: 2, three: 3 }]);
    const [metadata] = await job.getMetadata();
    expect(metadata.statistics).toMatchObject({ numChildJobs: '2', query: { statementType: 'SCRIPT' } });
    const [jobs] = await client.getJobs({ parentJobId: job.id! });
    expect(jobs).toHaveLength(2);
    await expect(client.query('SELECT 1;\nSELECT 1/0')).rejects.toThrow(
      'Query error: division by zero: 1 / 0 at [2:1]',
    );
    const [opened] = await client.createQueryJob({
      query: 'CREATE TEMP TABLE s AS SELECT 7 AS n',
      createSession: true,
    });
    await opened.getQueryResults();
    const [info] = await opened.getMetadata();
    const connectionProperties = [{ key: 'session_id', value: info.statistics.sessionInfo.sessionId }];
    const [seen] = await client.query({ query: 'SELECT n FROM s', connectionProperties });
    expect(seen).toEqual([{ n: 7 }]);
  });
});
