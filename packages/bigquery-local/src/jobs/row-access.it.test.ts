import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

const BOB = 'bob@example.com';
const EVE = 'eve@example.com';
const DATASETS = `/bigquery/v2/projects/${PROJECT}/datasets`;
const POLICIES = `${DATASETS}/d/tables/sales/rowAccessPolicies`;
const ALL_ROWS_DENIED = `Access Denied: Table ${PROJECT}:d.sales: User does not have permission to access all rows of table ${PROJECT}:d.sales. The operation needs a row access policy with the filter TRUE for this user.`;

let server: ServerUnderTest;

async function query(sql: string, as = OWNER) {
  return server.request(
    'POST',
    `/bigquery/v2/projects/${PROJECT}/queries`,
    { query: sql, useLegacySql: false },
    { as },
  );
}

async function done(sql: string, as = OWNER): Promise<void> {
  const answer = await query(sql, as);
  if (answer.status !== 200) throw new Error(`${sql}: ${JSON.stringify(answer.body)}`);
}

async function rows(sql: string, as = OWNER): Promise<string[]> {
  const { body } = await query(sql, as);
  if (body.error !== undefined) throw new Error(body.error.message);
  return (body.rows ?? []).map(({ f }: { f: { v: string }[] }) => f.map(({ v }) => v).join(' '));
}

const regions = (as: string, from = 'd.sales') => rows(`SELECT region FROM ${from} ORDER BY region`, as);

beforeAll(async () => {
  server = await ServerUnderTest.start();
  for (const user of [BOB, EVE])
    await server.grant(`user:${user}`, ['roles/bigquery.jobUser', 'roles/bigquery.dataEditor']);
  await server.request('POST', DATASETS, { datasetReference: { datasetId: 'd' } });
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

describe('row access policies', () => {
  beforeEach(async () => {
    await done('CREATE OR REPLACE VIEW d.a_view AS SELECT 1 AS n');
    await done('CREATE OR REPLACE FUNCTION d.a_function(x INT64) AS (x)');
    await done(
      `CREATE OR REPLACE TABLE d.sales AS SELECT * FROM UNNEST([STRUCT('APAC' AS region, 1 AS n, '${BOB}' AS seller), ('EU', 2, 'x'), ('US', 3, 'y')])`,
    );
  });

  it('show each grantee the rows of its policies together, and nobody else any row', async () => {
    expect(await regions(EVE)).toEqual(['APAC', 'EU', 'US']);
    await done(`CREATE ROW ACCESS POLICY eu ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'EU')`);
    await done(
      `CREATE ROW ACCESS POLICY small ON d.sales GRANT TO ('domain:example.com') FILTER USING (n < 2 -- a comment\n)`,
    );
    expect(await regions(BOB)).toEqual(['APAC', 'EU']);
    expect(await regions(EVE)).toEqual(['APAC']);
    expect(await rows('SELECT COUNT(*) FROM d.sales', BOB)).toEqual(['2']);
    await done(`CREATE OR REPLACE ROW ACCESS POLICY small ON d.sales GRANT TO ('user:${EVE}') FILTER USING (n > 2)`);
    // The owner of the project is in no policy.
    expect(await regions(OWNER)).toEqual([]);
    expect(await regions(EVE)).toEqual(['US']);
  });

  it('filter by the name of whoever asks', async () => {
    await done(
      `CREATE ROW ACCESS POLICY own ON d.sales GRANT TO ('allAuthenticatedUsers') FILTER USING (seller = SESSION_USER())`,
    );
    expect(await regions(BOB)).toEqual(['APAC']);
    expect(await regions(EVE)).toEqual([]);
  });

  it('hold in joins, subqueries, aliases, views and authorized views, for the caller', async () => {
    await done(`CREATE ROW ACCESS POLICY eu ON d.sales GRANT TO ('user:${BOB}') FILTER USING (sales.region = 'EU')`);
    await done('CREATE OR REPLACE VIEW d.shown AS SELECT region, n FROM d.sales');
    expect(await regions(BOB, 'd.shown')).toEqual(['EU']);
    expect(await regions(EVE, 'd.shown')).toEqual([]);
    expect(await rows('SELECT a.n + b.n FROM d.sales AS a JOIN d.sales AS b USING (region)', BOB)).toEqual(['4']);
    expect(await rows('SELECT (SELECT SUM(n) FROM d.sales)', BOB)).toEqual(['2']);
    expect(await rows('WITH w AS (SELECT * FROM d.sales) SELECT n FROM w', BOB)).toEqual(['2']);

    await server.request('POST', DATASETS, { datasetReference: { datasetId: 'shared' } });
    await done('CREATE OR REPLACE VIEW shared.v AS SELECT region FROM d.sales');
    const { body } = await server.request('GET', `${DATASETS}/d`);
    const view = { projectId: PROJECT, datasetId: 'shared', tableId: 'v' };
    await server.request('PATCH', `${DATASETS}/d`, { access: [...body.access, { view }] });
    const { email, client } = await server.serviceAccount('reader', ['roles/bigquery.jobUser']);
    await done(`GRANT \`roles/bigquery.dataViewer\` ON VIEW shared.v TO 'serviceAccount:${email}'`);
    expect((await client.query('SELECT region FROM shared.v'))[0]).toEqual([]);
    await done(
      `CREATE ROW ACCESS POLICY us ON d.sales GRANT TO ('serviceAccount:${email}') FILTER USING (region = 'US')`,
    );
    expect((await client.query('SELECT region FROM shared.v'))[0]).toEqual([{ region: 'US' }]);
    await expect(client.query('SELECT region FROM d.sales')).rejects.toThrow('does not have permission to query table');
  }, 30_000);

  it('are seen by a query that ran before they were made, whose result is not used again', async () => {
    expect(await regions(BOB)).toHaveLength(3);
    expect(await regions(BOB)).toHaveLength(3);
    await done(`CREATE ROW ACCESS POLICY eu ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'EU')`);
    const first = await query('SELECT region FROM d.sales ORDER BY region', BOB);
    expect(first.body.rows).toHaveLength(1);
    const again = await query('SELECT region FROM d.sales ORDER BY region', BOB);
    expect(again.body.cacheHit).toBe(false);
    const job = await server.finished(again.body.jobReference.jobId);
    expect(job.statistics.rowLevelSecurityStatistics).toEqual({ rowLevelSecurityApplied: true });
  });

  it('let no condition of the query see a hidden row, not even by its errors', async () => {
    await done(
      `CREATE ROW ACCESS POLICY a ON d.sales GRANT TO ('user:${BOB}') FILTER USING (REGEXP_CONTAINS(CONCAT(region, seller), '^E.*x$'))`,
    );
    expect(await rows('SELECT region FROM d.sales WHERE DIV(6, n - 3) < 0', BOB)).toEqual(['EU']);
    const told = await query("SELECT region FROM d.sales WHERE n < 3 AND ERROR(CONCAT('saw ', region)) = ''", BOB);
    expect(told.body.error.message).toContain('saw EU');
    expect(
      await rows(
        'SELECT a.region FROM d.sales AS a JOIN UNNEST([2, 3]) AS m ON DIV(6, a.n - 3) = -6 WHERE DIV(6, m) > 0',
        BOB,
      ),
    ).toEqual(['EU', 'EU']);
  });

  it('let only who sees all rows change the table, list its rows, or merge into it', async () => {
    await done(`CREATE ROW ACCESS POLICY eu ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'EU')`);
    await done(`CREATE ROW ACCESS POLICY every ON d.sales GRANT TO ('user:${EVE}') FILTER USING (TRUE)`);
    for (const sql of [
      "INSERT INTO d.sales (region) VALUES ('new')",
      'UPDATE d.sales SET n = 0 WHERE TRUE',
      'DELETE FROM d.sales WHERE TRUE',
      'TRUNCATE TABLE d.sales',
      "MERGE d.sales USING (SELECT 'EU' AS r) ON region = r WHEN MATCHED THEN DELETE",
    ]) {
      const answer = await query(sql, BOB);
      expect([answer.status, answer.body.error?.message]).toEqual([403, ALL_ROWS_DENIED]);
    }
    const list = (as: string) => server.request('GET', `${DATASETS}/d/tables/sales/data`, undefined, { as });
    expect((await list(BOB)).body.error.message).toBe(ALL_ROWS_DENIED);
    expect((await list(EVE)).body.totalRows).toBe('3');
    await done('UPDATE d.sales SET n = n + 1 WHERE TRUE', EVE);
    expect(await rows('SELECT n FROM d.sales', BOB)).toEqual(['3']);
    await done('CREATE OR REPLACE TABLE d.target AS SELECT 1 AS n');
    await done(
      'MERGE d.target AS t USING d.sales AS s ON t.n = s.n WHEN NOT MATCHED THEN INSERT (n) VALUES (s.n)',
      BOB,
    );
    expect(await rows('SELECT n FROM d.target ORDER BY n')).toEqual(['1', '3']);
    await done('TRUNCATE TABLE d.sales', EVE);
    expect((await server.request('GET', POLICIES)).body.rowAccessPolicies).toHaveLength(2);
  });

  it('give the rows of all policies to who was granted filteredDataViewer on the table', async () => {
    await done(`CREATE ROW ACCESS POLICY eu ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'EU')`);
    await done(`CREATE ROW ACCESS POLICY us ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'US')`);
    await done(`GRANT \`roles/bigquery.filteredDataViewer\` ON TABLE d.sales TO 'user:${EVE}'`);
    expect(await regions(EVE)).toEqual(['EU', 'US']);
    await done(`REVOKE \`roles/bigquery.filteredDataViewer\` ON TABLE d.sales FROM 'user:${EVE}'`);
    expect(await regions(EVE)).toEqual([]);
  });

  it('are kept by appended rows, and dropped where another table takes the place of theirs', async () => {
    const policy = `CREATE ROW ACCESS POLICY eu ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'EU')`;
    const write = (writeDisposition: string) =>
      server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
        configuration: {
          query: {
            query: "SELECT 'EU' AS region, 9 AS n, 'z' AS seller",
            useLegacySql: false,
            destinationTable: { projectId: PROJECT, datasetId: 'd', tableId: 'sales' },
            writeDisposition,
          },
        },
      });
    const count = async () => ((await server.request('GET', POLICIES)).body.rowAccessPolicies ?? []).length;
    await done(policy);
    const appended = await server.finished((await write('WRITE_APPEND')).body.jobReference.jobId);
    expect([appended.status.errorResult, await count()]).toEqual([undefined, 1]);
    // The results of a job are its destination table, and that is not all the caller's.
    const results = await server.request(
      'GET',
      `/bigquery/v2/projects/${PROJECT}/queries/${appended.jobReference.jobId}`,
    );
    expect(results.body.error?.message).toBe(ALL_ROWS_DENIED);
    await server.finished((await write('WRITE_TRUNCATE')).body.jobReference.jobId);
    expect(await count()).toBe(0);
    await done(policy);
    await server.restart();
    expect(await count()).toBe(1);
    await done('DROP TABLE d.sales');
    await done("CREATE TABLE d.sales AS SELECT 'US' AS region");
    expect(await count()).toBe(0);
    expect(await regions(EVE)).toEqual(['US']);
  }, 30_000);

  it('are dropped one by one but for the last, which is dropped with all', async () => {
    const policy = (id: string) =>
      `CREATE ROW ACCESS POLICY ${id} ON d.sales GRANT TO ('user:${BOB}') FILTER USING (region = '${id}')`;
    await done(policy('a'));
    expect((await query(policy('a'))).body.error).toMatchObject({ code: 409, errors: [{ reason: 'duplicate' }] });
    await done(policy('a').replace('POLICY', 'POLICY IF NOT EXISTS'));
    await done(policy('b'));
    await done('DROP ROW ACCESS POLICY a ON d.sales');
    await done('DROP ROW ACCESS POLICY IF EXISTS a ON d.sales');
    expect((await query('DROP ROW ACCESS POLICY a ON d.sales')).status).toBe(404);
    expect((await query('DROP ROW ACCESS POLICY b ON d.sales')).body.error.message).toContain(
      'cannot be dropped by its name',
    );
    const all = await query('DROP ALL ROW ACCESS POLICIES ON d.sales');
    const job = await server.finished(all.body.jobReference.jobId);
    expect(job.statistics.query).toMatchObject({
      statementType: 'DROP_ROW_ACCESS_POLICY',
      ddlOperationPerformed: 'DROP',
      ddlAffectedRowAccessPolicyCount: '1',
    });
    expect(await regions(EVE)).toHaveLength(3);
  });

  it('are managed by data owners only', async () => {
    const statement = `CREATE ROW ACCESS POLICY a ON d.sales GRANT TO ('user:${BOB}') FILTER USING (TRUE)`;
    const refused = (permission: string) =>
      `Access Denied: Table ${PROJECT}:d.sales: Permission bigquery.rowAccessPolicies.${permission} denied on table ${PROJECT}:d.sales (or it may not exist).`;
    expect((await query(statement, BOB)).body.error.message).toBe(refused('create'));
    expect((await query('DROP ALL ROW ACCESS POLICIES ON d.sales', BOB)).body.error.message).toBe(refused('delete'));
    const insert = await server.request('POST', POLICIES, { filterPredicate: 'TRUE' }, { as: BOB });
    expect(insert.body.error.message).toBe(refused('create'));
  });

  it.each([
    ['an unknown column', "GRANT TO ('user:b@x.y') FILTER USING (nothing = 1)", 'Unrecognized name: nothing'],
    ['what is no condition', "GRANT TO ('user:b@x.y') FILTER USING (n)", 'BOOL'],
    ['its own table', "GRANT TO ('user:b@x.y') FILTER USING (n IN (SELECT n FROM d.sales))", 'row-level security'],
    ['a view', "GRANT TO ('user:b@x.y') FILTER USING (n IN (SELECT n FROM d.a_view))", 'tables only'],
    ['a missing table', "GRANT TO ('user:b@x.y') FILTER USING (n IN (SELECT n FROM d.missing))", 'was not found'],
    [
      'a table without its dataset',
      "GRANT TO ('user:b@x.y') FILTER USING (n IN (SELECT n FROM missing))",
      'must be qualified',
    ],
    [
      'a subquery of FLOAT64',
      "GRANT TO ('user:b@x.y') FILTER USING (n + 0.5 IN (SELECT x FROM UNNEST([1.5]) AS x))",
      'of type FLOAT64',
    ],
    ['a routine', "GRANT TO ('user:b@x.y') FILTER USING (d.a_function(n) > 1)", 'that calls a routine'],
    [
      'a grantee that is missing',
      `GRANT TO ('serviceAccount:no-one@${PROJECT}.iam.gserviceaccount.com') FILTER USING (TRUE)`,
      'does not exist',
    ],
    ['a grantee of no type', "GRANT TO ('bob') FILTER USING (TRUE)", 'unknown type'],
  ])('are refused with %s', async (_what, rest, text) => {
    const answer = await query(`CREATE ROW ACCESS POLICY p ON d.sales ${rest}`);
    expect([400, 404]).toContain(answer.status);
    expect(answer.body.error.message).toContain(text);
    expect(await regions(EVE)).toHaveLength(3);
  });

  it('may read other tables, with the rights of who queries', async () => {
    await server.request('POST', DATASETS, { datasetReference: { datasetId: 'who' } });
    await done(`CREATE OR REPLACE TABLE who.regions AS SELECT 'EU' AS region, '${BOB}' AS email`);
    await done(
      `CREATE ROW ACCESS POLICY mine ON d.sales GRANT TO ('domain:example.com')
        FILTER USING (region IN (SELECT region FROM who.regions WHERE email = SESSION_USER()))`,
    );
    expect(await regions(BOB)).toEqual(['EU']);
    expect(await regions(EVE)).toEqual([]);
    await done('CREATE OR REPLACE VIEW d.over AS SELECT region FROM d.sales');
    expect(await regions(BOB, 'd.over')).toEqual(['EU']);
    await done(`INSERT INTO who.regions VALUES ('US', '${BOB}'), ('APAC', '${EVE}')`);
    expect([await regions(BOB), await regions(EVE)]).toEqual([['EU', 'US'], ['APAC']]);
    expect(await rows('SELECT COUNT(*) FROM d.sales AS a JOIN d.sales AS b USING (region)', BOB)).toEqual(['2']);
    // Without tables.getData on it there is no query.
    await server.grant('user:cy@example.com', ['roles/bigquery.jobUser']);
    await done("GRANT `roles/bigquery.dataViewer` ON TABLE d.sales TO 'user:cy@example.com'");
    expect((await query('SELECT region FROM d.sales', 'cy@example.com')).body.error.message).toContain(
      `Access Denied: Table ${PROJECT}:who.regions`,
    );
    const denied = await query(
      "CREATE ROW ACCESS POLICY p ON d.sales GRANT TO ('allUsers') FILTER USING (n IN (SELECT 1 FROM who.hidden))",
      'cy@example.com',
    );
    expect(denied.body.error.message).toContain(`Access Denied: Table ${PROJECT}:who.`);
    // Tables with policies of their own, before or after, cannot be referred to.
    await done("CREATE ROW ACCESS POLICY p ON who.regions GRANT TO ('allUsers') FILTER USING (TRUE)");
    expect((await query('SELECT region FROM d.sales', BOB)).body.error.message).toContain('row-level security');
    await done('DROP ALL ROW ACCESS POLICIES ON who.regions');
    await done('DROP TABLE who.regions');
    expect((await query('SELECT region FROM d.sales', BOB)).body.error.message).toContain('who.regions was not found');
    await done(
      "CREATE OR REPLACE ROW ACCESS POLICY mine ON d.sales GRANT TO ('domain:example.com') FILTER USING (TRUE)",
    );
    expect(await regions(BOB)).toHaveLength(3);
    const rest = await server.request('POST', POLICIES, {
      rowAccessPolicyReference: { policyId: 'q' },
      filterPredicate: 'region IN (SELECT region FROM d.other)',
      grantees: ['allUsers'],
    });
    expect(rest.status).toBeGreaterThanOrEqual(400);
  });

  it('cannot use columns of type JSON', async () => {
    await done('CREATE OR REPLACE TABLE d.json AS SELECT JSON \'{"a": 1}\' AS j, 1 AS n');
    const create = (filter: string) =>
      query(`CREATE ROW ACCESS POLICY p ON d.json GRANT TO ('user:${BOB}') FILTER USING (${filter})`);
    expect((await create('n = 1 AND STRING(j.a) = "1"')).body.error.message).toContain('columns of type JSON');
    expect((await create("JSON_VALUE('{}', '$.a') IS NULL")).status).toBe(200);
  });

  it('are inserted, read, listed, updated and deleted over REST', async () => {
    const reference = { projectId: PROJECT, datasetId: 'd', tableId: 'sales', policyId: 'eu' };
    const inserted = await server.request('POST', POLICIES, {
      rowAccessPolicyReference: reference,
      filterPredicate: "region = 'EU'",
      grantees: [`user:${BOB}`],
    });
    expect(inserted).toMatchObject({
      status: 200,
      body: { rowAccessPolicyReference: reference, filterPredicate: "region = 'EU'" },
    });
    expect(inserted.body.grantees).toBeUndefined();
    expect(await regions(BOB)).toEqual(['EU']);
    expect((await server.request('GET', `${POLICIES}/eu`)).body).toEqual(inserted.body);
    const iam = await server.request('POST', `${POLICIES}/eu:getIamPolicy`, {});
    expect(iam.body.bindings).toEqual([{ role: 'roles/bigquery.filteredDataViewer', members: [`user:${BOB}`] }]);

    const body = { filterPredicate: "region = 'US'", grantees: [`user:${EVE}`] };
    const stale = await server.request('PUT', `${POLICIES}/eu`, body, { headers: { 'if-match': 'old' } });
    expect(stale.status).toBe(412);
    const updated = await server.request('PUT', `${POLICIES}/eu`, body, {
      headers: { 'if-match': inserted.body.etag },
    });
    expect(updated.status).toBe(200);
    expect([await regions(BOB), await regions(EVE)]).toEqual([[], ['US']]);

    await server.request('POST', POLICIES, {
      rowAccessPolicyReference: { ...reference, policyId: 'z' },
      filterPredicate: 'TRUE',
      grantees: ['allUsers'],
    });
    const page = await server.request('GET', `${POLICIES}?pageSize=1`);
    expect(page.body.rowAccessPolicies).toHaveLength(1);
    const next = await server.request('GET', `${POLICIES}?pageToken=${page.body.nextPageToken}`);
    expect(next.body.rowAccessPolicies[0].rowAccessPolicyReference.policyId).toBe('z');

    expect((await server.request('POST', `${POLICIES}:batchDelete`, { policyIds: ['eu', 'z'] })).status).toBe(400);
    expect((await server.request('DELETE', `${POLICIES}/z`)).status).toBe(204);
    expect((await server.request('DELETE', `${POLICIES}/eu`)).status).toBe(400);
    expect((await server.request('DELETE', `${POLICIES}/eu?force=true`)).status).toBe(204);
    expect(await regions(BOB)).toHaveLength(3);
  });

  it.each(['TRUE) OR (TRUE', 'TRUE); DROP TABLE d.sales; --', 'TRUE /*', 'TRUE) --'])(
    'take no predicate over REST that is more than a condition: %s',
    async (filterPredicate) => {
      const answer = await server.request('POST', POLICIES, {
        rowAccessPolicyReference: { policyId: 'p' },
        filterPredicate,
        grantees: ['allUsers'],
      });
      expect(answer.status).toBe(400);
      expect(await regions(EVE)).toHaveLength(3);
    },
  );
});
