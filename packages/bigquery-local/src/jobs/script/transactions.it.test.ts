// Multi-statement transactions: all or nothing, what others see, conflicts, and `kill -9`.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROJECT, ServerUnderTest, type Answer } from '../../server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await server.rows("CREATE OR REPLACE TABLE ds.t AS SELECT * FROM UNNEST([STRUCT(1 AS a, 'x' AS b), (2, 'y')])");
  await server.rows('CREATE OR REPLACE TABLE ds.u (n INT64)');
});

async function failure(sql: string): Promise<string> {
  const answer = await server.query(sql);
  if (answer.status === 200) throw new Error(`It did not fail: ${sql}`);
  return answer.body.error.message;
}

/** A session, to run the statements of one transaction one by one. */
async function session(): Promise<{ run(sql: string): Promise<Answer>; rows(sql: string): Promise<unknown[][]> }> {
  const { body } = await server.query('SELECT 1', { body: { createSession: true } });
  const connectionProperties = [{ key: 'session_id', value: body.sessionInfo.sessionId }];
  const run = (sql: string): Promise<Answer> => server.query(sql, { body: { connectionProperties } });
  return {
    run,
    rows: async (sql) => {
      const answer = await run(sql);
      if (answer.status !== 200) throw new Error(answer.body.error.message);
      return (answer.body.rows ?? []).map((row: any) => row.f.map((cell: any) => cell.v));
    },
  };
}

describe('a transaction in a script', () => {
  it('changes several tables at once, and sees its own changes before', async () => {
    const rows = await server.rows(`
      BEGIN TRANSACTION;
      INSERT ds.t VALUES (3, 'z');
      UPDATE ds.t SET b = 'q' WHERE a = 1;
      INSERT ds.u SELECT a FROM ds.t;
      SELECT (SELECT COUNT(*) FROM ds.u), (SELECT STRING_AGG(b, '' ORDER BY a) FROM ds.t);
      COMMIT TRANSACTION`);
    expect(rows).toEqual([['3', 'qyz']]);
    expect(await server.rows('SELECT (SELECT COUNT(*) FROM ds.u), (SELECT MAX(a) FROM ds.t)')).toEqual([['3', '3']]);
  });

  it('is undone by ROLLBACK, by an error, and by the end of the script', async () => {
    await server.rows('BEGIN TRANSACTION; DELETE ds.t WHERE TRUE; ROLLBACK TRANSACTION');
    expect(
      await failure('BEGIN TRANSACTION; DELETE ds.t WHERE TRUE; SELECT 1 / 0 FROM ds.u, ds.t; SELECT ERROR("x")'),
    ).toContain('x');
    expect(await server.rows('BEGIN TRANSACTION; DELETE ds.t WHERE TRUE; SELECT COUNT(*) FROM ds.t')).toEqual([['0']]);
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['2']]);
  });

  it('is rolled back by a handler', async () => {
    const rows = await server.rows(`
      BEGIN
        BEGIN TRANSACTION;
        INSERT ds.t VALUES (3, 'z');
        SELECT a / 0 FROM ds.t;
        COMMIT TRANSACTION;
      EXCEPTION WHEN ERROR THEN
        ROLLBACK TRANSACTION;
        SELECT @@error.message, (SELECT COUNT(*) FROM ds.t);
      END`);
    expect(rows).toEqual([['Query error: division by zero: 1 / 0 at [5:9]', '2']]);
  });

  it('goes on after an error that the analysis finds, but not after one of a statement that ran', async () => {
    expect(
      await server.rows(`
        BEGIN TRANSACTION;
        INSERT ds.t VALUES (3, 'z');
        BEGIN SELECT nope FROM ds.t; EXCEPTION WHEN ERROR THEN INSERT ds.t VALUES (4, 'w'); END;
        COMMIT TRANSACTION;
        SELECT COUNT(*) FROM ds.t`),
    ).toEqual([['4']]);
    expect(
      await failure(`
        BEGIN TRANSACTION;
        INSERT ds.t VALUES (5, 'z');
        BEGIN SELECT 1 / (a - a) FROM ds.t; EXCEPTION WHEN ERROR THEN INSERT ds.t VALUES (6, 'w'); END;
        COMMIT TRANSACTION`),
    ).toContain('after one of its statements has failed is not supported by the local BigQuery');
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['4']]);
  });

  it('makes and drops temporary tables, and takes that back too', async () => {
    expect(
      await server.rows(`
        BEGIN TRANSACTION;
        CREATE TEMP TABLE w AS SELECT * FROM ds.t;
        INSERT w VALUES (9, 'w');
        INSERT ds.t SELECT a + 100, b FROM w;
        COMMIT TRANSACTION;
        SELECT (SELECT COUNT(*) FROM ds.t), (SELECT COUNT(*) FROM w)`),
    ).toEqual([['5', '3']]);
    expect(
      await server.rows(
        'CREATE TEMP TABLE w AS SELECT 1 AS n; BEGIN TRANSACTION; CREATE OR REPLACE TEMP TABLE w AS SELECT 2 AS n; ROLLBACK; SELECT n FROM w',
      ),
    ).toEqual([['1']]);
    expect(
      await server.rows(
        'CREATE TEMP TABLE w AS SELECT 1 AS n; BEGIN TRANSACTION; DROP TABLE w; ROLLBACK; SELECT n FROM w',
      ),
    ).toEqual([['1']]);
    expect(
      await failure('BEGIN TRANSACTION; CREATE TEMP TABLE w AS SELECT * FROM ds.t; ROLLBACK; SELECT COUNT(*) FROM w'),
    ).toContain('"w" must be qualified');
  });

  it.each([
    ['BEGIN TRANSACTION; CREATE TABLE ds.no (a INT64)', 'DDL statements are not supported in a transaction'],
    ['BEGIN TRANSACTION; DROP TABLE ds.t', 'DDL statements are not supported in a transaction'],
    ['BEGIN TRANSACTION; BEGIN TRANSACTION', 'Nested transactions are not supported'],
    ['COMMIT TRANSACTION', 'no transaction in progress'],
    ['ROLLBACK TRANSACTION', 'no transaction in progress'],
  ])('%s fails', async (sql, message) => {
    expect(await failure(sql)).toContain(message);
  });

  it('truncates, merges and keeps values of every type in its results', async () => {
    const values = `1 AS i, 1.5 AS f, TRUE AS b, 's' AS s, b'\\x01' AS y, DATE '2024-01-02' AS d, TIMESTAMP '2024-01-02 03:04:05.000006+00' AS ts,
      DATETIME '2024-01-02 03:04:05' AS dt, TIME '03:04:05.5' AS tm, NUMERIC '1.23' AS n, [1, 2] AS l, STRUCT(1 AS x, 'y' AS y) AS st, CAST(NULL AS STRING) AS z`;
    await server.rows(`CREATE OR REPLACE TABLE ds.all_types AS SELECT ${values}`);
    const outside = await server.query('SELECT * FROM ds.all_types');
    const inside = await server.query(
      'BEGIN TRANSACTION; INSERT ds.u VALUES (1); SELECT * FROM ds.all_types; COMMIT TRANSACTION',
    );
    expect(inside.body.rows).toEqual(outside.body.rows);
    expect(inside.body.schema).toEqual(outside.body.schema);
    expect(
      await server.rows(`
        BEGIN TRANSACTION;
        TRUNCATE TABLE ds.t;
        MERGE ds.t USING (SELECT 5 AS k) AS s ON t.a = s.k WHEN NOT MATCHED THEN INSERT (a) VALUES (k);
        COMMIT TRANSACTION;
        SELECT a FROM ds.t`),
    ).toEqual([['5']]);
    const ordered = await server.rows(
      'BEGIN TRANSACTION; INSERT ds.u SELECT n FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS n; SELECT n FROM ds.u ORDER BY n DESC; COMMIT',
    );
    // One more from above.
    expect([ordered.length, ordered[0], ordered.at(-1)]).toEqual([5001, ['5000'], ['1']]);
  });

  it('is refused over two projects', async () => {
    await server.request('POST', '/v1/projects', { projectId: 'second-project' });
    await server.request('POST', '/bigquery/v2/projects/second-project/datasets', {
      datasetReference: { datasetId: 'ds' },
    });
    await server.rows('CREATE TABLE `second-project`.ds.t (a INT64)');
    expect(
      await failure(
        'BEGIN TRANSACTION; INSERT ds.u VALUES (1); INSERT `second-project`.ds.t VALUES (1); COMMIT TRANSACTION',
      ),
    ).toContain('A transaction that changes tables of two projects');
    expect(await server.rows('SELECT COUNT(*) FROM ds.u')).toEqual([['0']]);
  });
});

describe('two transactions', () => {
  it('see what was there when they began, and nothing of each other before the commit', async () => {
    const reader = await session();
    const writer = await session();
    await reader.rows('BEGIN TRANSACTION');
    await writer.rows('BEGIN TRANSACTION');
    await writer.rows("INSERT ds.t VALUES (3, 'z')");
    expect(await reader.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['2']]);
    expect(await writer.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['3']]);
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['2']]);
    await writer.rows('COMMIT TRANSACTION');
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['3']]);
    expect(await reader.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['2']]);
    await reader.rows('ROLLBACK TRANSACTION');
    expect(await reader.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['3']]);
  });

  it('that change rows of one table conflict: the second is aborted', async () => {
    const first = await session();
    const second = await session();
    await first.rows('BEGIN TRANSACTION');
    await second.rows('BEGIN TRANSACTION');
    await first.rows("UPDATE ds.t SET b = 'first' WHERE a = 1");
    const { status, body } = await second.run("UPDATE ds.t SET b = 'second' WHERE a = 2");
    expect([status, body.error.message]).toEqual([
      400,
      `Transaction is aborted due to concurrent update against table ${PROJECT}:ds.t. Please retry the transaction.`,
    ]);
    await first.rows('COMMIT TRANSACTION');
    // What was changed after it began is another conflict.
    expect((await second.run("UPDATE ds.t SET b = 'late' WHERE a = 2")).body.error.message).toContain(
      'concurrent update',
    );
    await second.rows('ROLLBACK TRANSACTION');
    expect(await server.rows('SELECT b FROM ds.t ORDER BY a')).toEqual([['first'], ['y']]);
  });

  it('may both append to one table', async () => {
    const first = await session();
    const second = await session();
    await first.rows('BEGIN TRANSACTION');
    await second.rows('BEGIN TRANSACTION');
    await first.rows('INSERT ds.u VALUES (1)');
    await second.rows('INSERT ds.u VALUES (2)');
    await first.rows('COMMIT TRANSACTION');
    await second.rows('COMMIT TRANSACTION');
    expect(await server.rows('SELECT n FROM ds.u ORDER BY n')).toEqual([['1'], ['2']]);
  });

  it('do not read a table that was put in place of another since', async () => {
    const reader = await session();
    await reader.rows('BEGIN TRANSACTION');
    await server.rows('CREATE OR REPLACE TABLE ds.t AS SELECT 7 AS a');
    expect((await reader.run('SELECT a FROM ds.t')).body.error.message).toContain('concurrent update');
    await reader.rows('ROLLBACK TRANSACTION');
    expect(await reader.rows('SELECT a FROM ds.t')).toEqual([['7']]);
  });

  it('keep a statement outside waiting that changes the same table', async () => {
    const open = await session();
    await open.rows('BEGIN TRANSACTION');
    await open.rows("UPDATE ds.t SET b = 'in' WHERE a = 1");
    const outside = server.rows("UPDATE ds.t SET b = b || '!' WHERE TRUE");
    expect(await server.rows('SELECT b FROM ds.t WHERE a = 1')).toEqual([['x']]);
    await open.rows('COMMIT TRANSACTION');
    await outside;
    expect(await server.rows('SELECT b FROM ds.t ORDER BY a')).toEqual([['in!'], ['y!']]);
  });

  it('can be committed however many jobs wait for their tables', async () => {
    const open = await session();
    await open.rows('BEGIN TRANSACTION');
    await open.rows("UPDATE ds.t SET b = 'in' WHERE TRUE");
    const waiting = Array.from({ length: 12 }, () => server.rows('INSERT ds.t VALUES (9, NULL)'));
    await open.rows('COMMIT TRANSACTION');
    await Promise.all(waiting);
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['14']]);
  });

  it('are bounded in number', async () => {
    const sessions = await Promise.all(Array.from({ length: 11 }, () => session()));
    const begun = await Promise.all(sessions.map((one) => one.run('BEGIN TRANSACTION')));
    expect(begun.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(begun.find(({ status }) => status !== 200)?.body.error.errors[0].reason).toBe('quotaExceeded');
    await Promise.all(sessions.map((one) => one.run('ROLLBACK TRANSACTION')));
  });
});

describe('an open transaction', () => {
  it('is rolled back when its job is cancelled, and its tables are free again', async () => {
    const { body } = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
      configuration: {
        query: { query: 'BEGIN TRANSACTION; DELETE ds.t WHERE TRUE; LOOP CONTINUE; END LOOP', useLegacySql: false },
      },
    });
    const { jobId } = body.jobReference;
    const children = `/bigquery/v2/projects/${PROJECT}/jobs?parentJobId=${jobId}&stateFilter=done`;
    await expect
      .poll(async () => (await server.request('GET', children)).body.jobs?.length, { timeout: 30_000 })
      .toBe(2);
    await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs/${jobId}/cancel`);
    const done = await server.finished(jobId);
    expect(done.status.errorResult.reason).toBe('stopped');
    await server.rows("UPDATE ds.t SET b = 'free' WHERE TRUE");
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['2']]);
  });
});
