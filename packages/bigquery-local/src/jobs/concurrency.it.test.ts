import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerUnderTest } from '../server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const times = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('jobs at once', () => {
  it('lose no row when many write to one table', async () => {
    await server.rows('CREATE TABLE ds.counter AS SELECT 0 AS n');
    await Promise.all([
      ...times(15).map(() => server.rows('UPDATE ds.counter SET n = n + 1 WHERE TRUE')),
      ...times(15).map((i) => server.rows(`INSERT INTO ds.counter VALUES (${1000 + i})`)),
    ]);
    // An inserted row takes part in the updates that come after it.
    expect(await server.rows('SELECT COUNT(*), COUNTIF(n = 15) FROM ds.counter')).toEqual([['16', '1']]);
  });

  it('read a table whole while others replace it and change its rows', async () => {
    const replace = (n: number) =>
      server.rows(`CREATE OR REPLACE TABLE ds.busy AS SELECT ${n} AS version FROM UNNEST(GENERATE_ARRAY(1, 1000))`);
    await replace(0);
    const answers = await Promise.all(
      times(20).flatMap((n) => [
        replace(n + 1).then(() => []),
        server.rows('UPDATE ds.busy SET version = version + 100 WHERE TRUE').then(() => []),
        server.rows(`SELECT COUNT(*), COUNT(DISTINCT version), ${n} FROM ds.busy`),
      ]),
    );
    for (const [row] of answers.filter((rows) => rows.length > 0)) expect(row?.slice(0, 2)).toEqual(['1000', '1']);
  });

  it('create one table only once', async () => {
    const made = await Promise.all(times(6).map((i) => server.query(`CREATE TABLE ds.once AS SELECT ${i} AS winner`)));
    expect(made.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409, 409, 409]);
    const ids = await Promise.all(
      times(6).map(() =>
        server.request('POST', '/bigquery/v2/projects/test-project/jobs', {
          jobReference: { jobId: 'same' },
          configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
        }),
      ),
    );
    expect(ids.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409, 409, 409]);
  });
});
