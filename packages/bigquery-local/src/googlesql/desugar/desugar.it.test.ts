// Newer syntax gives what the same query in older words gives, and errors point into the user's text.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestWarehouse } from '../test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
  await warehouse.run('CREATE TABLE ds.t (a INT64, b STRING, c FLOAT64)');
  await warehouse.run(
    "INSERT INTO ds.t VALUES (1, 'x', 1.5), (2, 'y', 2.5), (3, 'x', 3.5), (NULL, 'y', NULL), (3, 'z', 0)",
  );
  await warehouse.run('CREATE TABLE ds.u (a INT64, n STRING)');
  await warehouse.run("INSERT INTO ds.u VALUES (1, 'eins'), (3, 'drei'), (9, 'neun')");
}, 60_000);

afterAll(() => warehouse[Symbol.asyncDispose]());

async function answer(sql: string): Promise<{ columns: string[]; rows: readonly (readonly unknown[])[] }> {
  const { statement, rows } = await warehouse.run(sql);
  if (statement.kind !== 'SELECT') throw new Error('not a query');
  return { columns: statement.query.columns.map(({ name }) => name), rows };
}

/** Columns and rows of both; rows without an order as a set. */
async function both(newer: string, older: string, ordered: boolean) {
  const [mine, other] = [await answer(newer), await answer(older)];
  if (other.rows.length === 0) throw new Error('The query has no rows: nothing is compared.');
  const asTexts = ({ columns, rows }: typeof mine) => {
    const texts = rows.map((row) => JSON.stringify(row));
    return { columns, rows: ordered ? texts : texts.toSorted() };
  };
  return [asTexts(mine), asTexts(other)] as const;
}

const PIPES: readonly (readonly [newer: string, older: string, ordered?: 'ordered'])[] = [
  ['FROM ds.t', 'SELECT * FROM ds.t'],
  ['(FROM ds.t)', 'SELECT * FROM ds.t'],
  ['FROM ds.t |> WHERE a > 1', 'SELECT * FROM ds.t WHERE a > 1'],
  [
    'FROM ds.t AS x |> WHERE x.a > 1 |> WHERE x.c > 0 OR x.b = "z"',
    'SELECT * FROM ds.t WHERE a > 1 AND (c > 0 OR b = "z")',
  ],
  ['FROM ds.t |> SELECT a + 1 AS n, b,', 'SELECT a + 1 AS n, b FROM ds.t'],
  ['FROM ds.t |> SELECT DISTINCT b', 'SELECT DISTINCT b FROM ds.t'],
  ['FROM ds.t |> SELECT AS STRUCT a, b', 'SELECT AS STRUCT a, b FROM ds.t'],
  ['FROM ds.t |> EXTEND a * 2 AS d |> WHERE d > 2', 'SELECT *, a * 2 AS d FROM ds.t WHERE a * 2 > 2'],
  ['FROM ds.t |> EXTEND SUM(a) OVER (PARTITION BY b) AS s', 'SELECT *, SUM(a) OVER (PARTITION BY b) AS s FROM ds.t'],
  ['FROM ds.t AS x |> EXTEND x.a + 1 AS d |> SELECT x.b, d', 'SELECT b, a + 1 AS d FROM ds.t'],
  ['FROM ds.t |> SET a = a * 10, b = UPPER(b)', 'SELECT * REPLACE (a * 10 AS a, UPPER(b) AS b) FROM ds.t'],
  ['FROM ds.t |> DROP b, c', 'SELECT a FROM ds.t'],
  ['FROM ds.t |> SELECT b |> DISTINCT', 'SELECT DISTINCT b FROM ds.t'],
  ['FROM ds.t |> AS v |> WHERE v.a = 3 |> SELECT v.b', 'SELECT b FROM ds.t WHERE a = 3'],
  ['FROM ds.t |> AGGREGATE COUNT(*) AS n, SUM(a) AS s', 'SELECT COUNT(*) AS n, SUM(a) AS s FROM ds.t'],
  ['FROM ds.t |> AGGREGATE SUM(a) AS s GROUP BY b', 'SELECT b, SUM(a) AS s FROM ds.t GROUP BY b'],
  ['FROM ds.t |> AGGREGATE GROUP BY UPPER(b) AS k', 'SELECT DISTINCT UPPER(b) AS k FROM ds.t'],
  [
    'FROM ds.t |> AGGREGATE SUM(a) AS s GROUP AND ORDER BY b DESC',
    'SELECT b, SUM(a) AS s FROM ds.t GROUP BY b ORDER BY b DESC',
    'ordered',
  ],
  [
    'FROM ds.t |> AGGREGATE SUM(a) AS s DESC GROUP BY b |> LIMIT 2',
    'SELECT b, SUM(a) AS s FROM ds.t GROUP BY b ORDER BY s DESC LIMIT 2',
    'ordered',
  ],
  ['FROM ds.t |> AGGREGATE COUNT(*) AS n GROUP BY b |> WHERE n > 1 |> AGGREGATE SUM(n) AS m', 'SELECT 4 AS m'],
  ['FROM ds.t |> ORDER BY c DESC, b', 'SELECT * FROM ds.t ORDER BY c DESC, b', 'ordered'],
  ['FROM ds.t |> ORDER BY c |> SELECT b', 'SELECT b FROM ds.t ORDER BY c', 'ordered'],
  ['FROM ds.t |> ORDER BY c |> SELECT b AS c', 'SELECT t.b AS c FROM ds.t AS t ORDER BY t.c', 'ordered'],
  ['FROM ds.t |> ORDER BY c DESC |> SELECT b |> LIMIT 2', 'SELECT b FROM ds.t ORDER BY c DESC LIMIT 2', 'ordered'],
  ['FROM ds.t AS x |> ORDER BY x.c DESC |> SELECT x.b', 'SELECT b FROM ds.t ORDER BY c DESC', 'ordered'],
  [
    'FROM ds.t |> ORDER BY c DESC |> LIMIT 3 |> WHERE b = "x" |> SELECT a',
    'SELECT a FROM (SELECT * FROM ds.t ORDER BY c DESC LIMIT 3) WHERE b = "x"',
  ],
  ['FROM ds.t |> ORDER BY c |> LIMIT 2 OFFSET 1 |> LIMIT 1', 'SELECT * FROM ds.t ORDER BY c LIMIT 1 OFFSET 1'],
  ['FROM ds.t |> JOIN ds.u USING (a) |> SELECT a, n', 'SELECT a, n FROM ds.t JOIN ds.u USING (a)'],
  [
    'FROM ds.t AS x |> WHERE x.c > 0 |> LEFT JOIN ds.u AS y ON x.a = y.a |> WHERE y.n IS NULL |> SELECT x.a, y.n',
    'SELECT x.a, y.n FROM ds.t AS x LEFT JOIN ds.u AS y ON x.a = y.a WHERE x.c > 0 AND y.n IS NULL',
  ],
  [
    'FROM ds.t |> WHERE c > 2 |> FULL JOIN ds.u USING (a)',
    'SELECT * FROM (SELECT * FROM ds.t WHERE c > 2) FULL JOIN ds.u USING (a)',
  ],
  [
    'FROM ds.t |> SELECT a |> UNION ALL (SELECT a FROM ds.u), (SELECT 7)',
    'SELECT a FROM ds.t UNION ALL SELECT a FROM ds.u UNION ALL SELECT 7',
  ],
  [
    'FROM ds.t |> SELECT a |> EXCEPT DISTINCT (FROM ds.u |> SELECT a)',
    'SELECT a FROM ds.t EXCEPT DISTINCT SELECT a FROM ds.u',
  ],
  ['SELECT b, a FROM ds.t |> WHERE a = 1', 'SELECT b, a FROM ds.t WHERE a = 1'],
  ['WITH w AS (FROM ds.t |> WHERE a = 3) FROM w |> SELECT b', 'SELECT b FROM ds.t WHERE a = 3'],
  ['WITH w AS (SELECT 1 AS a), v AS (FROM w) SELECT * FROM v |> WHERE a = 1', 'SELECT 1 AS a'],
  ['SELECT (FROM ds.t |> AGGREGATE MAX(a)) AS m', 'SELECT MAX(a) AS m FROM ds.t'],
  [
    'SELECT * FROM (FROM ds.t |> SELECT a) WHERE a IN (FROM ds.u |> SELECT a)',
    'SELECT a FROM ds.t WHERE a IN (SELECT a FROM ds.u)',
  ],
  [
    'FROM ds.t |> SELECT b, c |> PIVOT (SUM(c) FOR b IN ("x", "y"))',
    'SELECT * FROM (SELECT b, c FROM ds.t) PIVOT (SUM(c) FOR b IN ("x", "y"))',
  ],
  [
    'FROM (SELECT 1 AS k, 2 AS p, 3 AS q) |> UNPIVOT (v FOR name IN (p, q))',
    'SELECT * FROM (SELECT 1 AS k, 2 AS p, 3 AS q) UNPIVOT (v FOR name IN (p, q))',
  ],
  [
    'FROM ds.t -- a comment\n|> WHERE a = 1 -- another |> one\n|> SELECT "|> no pipe" AS s;',
    'SELECT "|> no pipe" AS s',
  ],
];

describe('pipe syntax', () => {
  it.each(PIPES.map(([newer, older, order]) => ({ newer, older, ordered: order === 'ordered' })))(
    '$newer',
    async ({ newer, older, ordered }) => {
      const [mine, other] = await both(newer, older, ordered);
      expect(mine).toEqual(other);
    },
  );

  it('works within other statements', async () => {
    await warehouse.run('CREATE TABLE ds.made AS FROM ds.t |> WHERE a = 3 |> SELECT a, b');
    await warehouse.run('INSERT INTO ds.made (a, b) FROM ds.t |> WHERE a = 1 |> SELECT a, b');
    await warehouse.run('CREATE VIEW ds.seen AS FROM ds.made |> AGGREGATE COUNT(*) AS n');
    expect(await warehouse.rows('FROM ds.seen')).toEqual([['3']]);
  });

  it.each([
    'FROM ds.t AS x |> EXTEND (SELECT AS STRUCT x.a) AS k, TO_JSON(x) AS whole |> SELECT x.a, whole.a AS b',
    'FROM ds.t AS x |> EXTEND 1 AS k |> AGGREGATE COUNT(x.a) AS x |> ORDER BY x',
    'FROM ds.t AS x |> EXTEND 1 AS k |> SELECT x.a AS x |> WHERE x > 1',
    'FROM ds.t AS t |> EXTEND 1 AS k |> JOIN (SELECT a FROM ds.t) AS y USING (a)',
  ])('%s uses the name of a table as it may', async (sql) => {
    await expect(warehouse.rows(sql)).resolves.toBeInstanceOf(Array);
  });

  it.each([
    ['FROM ds.t |> RENAME a AS z', 'Pipe operator RENAME is not supported by the local BigQuery at [1:14]'],
    ['FROM ds.t\n|> CALL f()', 'Pipe operator CALL is not supported by the local BigQuery at [2:4]'],
    [
      'FROM ds.t AS x JOIN ds.u AS y USING (a) |> EXTEND 1 AS k |> SELECT x.b',
      'joined table behind this pipe operator is not supported',
    ],
    [
      'FROM ds.t AS x |> EXTEND 1 AS k |> SELECT x.*',
      'x.* behind a pipe operator that changes columns is not supported',
    ],
    [
      'FROM ds.t AS x |> EXTEND 1 AS k |> WHERE TRUE |> SELECT TO_JSON(x)',
      'x as a row behind a pipe operator that changes columns is not supported by the local BigQuery at [1:65]',
    ],
    ['FROM ds.t |> AGGREGATE COUNT(*) GROUP BY ROLLUP (a)', 'GROUP BY ROLLUP is not supported'],
    ['FROM ds.t |> WHERE nope = 1', 'Unrecognized name: nope at [1:20]'],
    ['FROM ds.t\n\t|> WHERE a > 0\n\t|> SELECT a, nope', 'Unrecognized name: nope at [3:22]'],
    ['FROM ds.t |> SET d = 1', 'at [1:18]'],
    ['SELECT 1 |> WHERE', 'at [1:'],
    ['FROM ds.t |>', 'An empty pipe operator'],
  ])('%s fails with its place', async (sql, text) => {
    expect(await warehouse.failure(sql)).toContain(text);
  });
});

describe('GROUP BY ALL', () => {
  it.each([
    ['SELECT b, SUM(a) AS s FROM ds.t GROUP BY ALL', 'SELECT b, SUM(a) AS s FROM ds.t GROUP BY b'],
    [
      'SELECT COUNT(*) AS n, UPPER(b) AS k, a FROM ds.t GROUP BY ALL',
      'SELECT COUNT(*) AS n, UPPER(b) AS k, a FROM ds.t GROUP BY 2, 3',
    ],
    ['SELECT a, b FROM ds.t GROUP BY ALL HAVING a = 3', 'SELECT a, b FROM ds.t WHERE a = 3'],
    ['SELECT COUNT(*) AS n, SUM(a) + 1 AS s FROM ds.t GROUP BY ALL', 'SELECT COUNT(*) AS n, SUM(a) + 1 AS s FROM ds.t'],
    [
      'SELECT "k" AS k, 1 AS one, COUNT(*) AS n FROM ds.t GROUP BY ALL',
      'SELECT "k" AS k, 1 AS one, COUNT(*) AS n FROM ds.t',
    ],
    [
      'SELECT b, IF(COUNT(*) > 1, "many", "one") AS m FROM ds.t GROUP BY ALL',
      'SELECT b, IF(COUNT(*) > 1, "many", "one") AS m FROM ds.t GROUP BY b',
    ],
    [
      'SELECT b, (SELECT MAX(a) FROM ds.u) AS m, COUNT(*) AS n FROM ds.t GROUP BY ALL',
      'SELECT b, (SELECT MAX(a) FROM ds.u) AS m, COUNT(*) AS n FROM ds.t GROUP BY b',
    ],
    [
      'SELECT b, SUM(SUM(a)) OVER () AS w FROM ds.t GROUP BY ALL',
      'SELECT b, SUM(SUM(a)) OVER () AS w FROM ds.t GROUP BY b',
    ],
    [
      'SELECT n FROM (SELECT b, COUNT(*) AS n FROM ds.t GROUP BY ALL) ORDER BY n',
      'SELECT n FROM (SELECT b, COUNT(*) AS n FROM ds.t GROUP BY b) ORDER BY n',
    ],
    [
      'SELECT STRUCT<k STRING, v INT64>(b, 1) AS s, COUNT(*) AS n FROM ds.t GROUP BY ALL',
      'SELECT STRUCT<k STRING, v INT64>(b, 1) AS s, COUNT(*) AS n FROM ds.t GROUP BY 1',
    ],
  ])('%s', async (newer, older) => {
    const [mine, other] = await both(newer, older, false);
    expect(mine).toEqual(other);
  });

  it('points into the text, and refuses a star by name', async () => {
    expect(await warehouse.failure('SELECT b, COUNT(*) FROM ds.t GROUP BY ALL ORDER BY nope')).toBe(
      'Unrecognized name: nope at [1:52]',
    );
    expect(await warehouse.failure('SELECT *, COUNT(*) FROM ds.t GROUP BY ALL')).toBe(
      'GROUP BY ALL with * in the SELECT list is not supported by the local BigQuery at [1:8]',
    );
  });
});

describe('set operations BY NAME', () => {
  it.each([
    ['SELECT 1 AS a, 2 AS b UNION ALL BY NAME SELECT 3 AS b, 4 AS a', 'SELECT 1 AS a, 2 AS b UNION ALL SELECT 4, 3'],
    [
      'SELECT 1 AS a, 2 AS b FULL OUTER UNION ALL BY NAME SELECT 3 AS b, 4 AS c',
      'SELECT 1 AS a, 2 AS b, NULL AS c UNION ALL SELECT NULL, 3, 4',
    ],
    [
      'SELECT 1 AS a, 2 AS b LEFT UNION ALL BY NAME SELECT 3 AS b, 4 AS c',
      'SELECT 1 AS a, 2 AS b UNION ALL SELECT NULL, 3',
    ],
    ['SELECT 1 AS a, 2 AS b INNER UNION ALL BY NAME SELECT 3 AS b, 4 AS c', 'SELECT 2 AS b UNION ALL SELECT 3'],
    ['SELECT 1 AS a, 2 AS b INTERSECT DISTINCT BY NAME SELECT 2 AS b, 1 AS a', 'SELECT 1 AS a, 2 AS b'],
    ['SELECT 1 AS a, 2 AS b UNION ALL CORRESPONDING SELECT 3 AS b, 4 AS c', 'SELECT 2 AS b UNION ALL SELECT 3'],
  ])('%s', async (newer, older) => {
    const [mine, other] = await both(newer, older, false);
    expect(mine).toEqual(other);
  });

  it.each([
    ['SELECT 1 AS a UNION ALL BY NAME SELECT 1 AS a, 2 AS b', 'must have columns of the same names'],
    ['SELECT 1 AS a, 2 AS b UNION ALL BY NAME SELECT 1 AS a', 'must have columns of the same names'],
    ['SELECT a FROM (SELECT 1 AS a, 2 AS b UNION ALL BY NAME SELECT 1 AS a)', 'must have columns of the same names'],
    ['SELECT 1 AS a UNION ALL BY NAME ON (a) SELECT 1 AS a', 'BY NAME ON is not supported by the local BigQuery'],
  ])('refuses %s', async (sql, text) => {
    expect(await warehouse.failure(sql)).toContain(text);
  });
});
