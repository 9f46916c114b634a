// Queries whose answers ZetaSQL's reference evaluator knows: relations above all, since the
// functions have cases of their own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Oracle } from './functions/oracle.ts';
import { mapRuntimeError } from './runtime-error.ts';
import { TestWarehouse } from './test-warehouse.ts';
import type { GType } from './types.ts';
import { encodeChunk } from './values/encode.ts';

let warehouse: TestWarehouse;
let oracle: Oracle;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
  oracle = await Oracle.start();
});

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
  await oracle[Symbol.asyncDispose]();
});

const DATA = `t AS (SELECT * FROM UNNEST([STRUCT<a INT64, b STRING, arr ARRAY<INT64>, f FLOAT64, s STRUCT<x INT64, y STRING>>
  (1, 'x', [1, 2, 3], 1.5, (1, 'u')), (2, 'y', [], -0.5, (2, NULL)), (3, 'x', [7, NULL], CAST('nan' AS FLOAT64), NULL),
  (NULL, NULL, [4], NULL, (NULL, NULL)), (5, 'z', [5, 5], 1e20, (5, 'w')), (5, 'y', [1], 0.0, (1, 'u'))])),
 u AS (SELECT 1 AS a, 'eins' AS n UNION ALL SELECT 2, 'zwei' UNION ALL SELECT 5, 'fünf' UNION ALL SELECT NULL, 'nichts' UNION ALL SELECT 9, NULL)`;

const QUERIES = [
  'SELECT * FROM t',
  'SELECT * EXCEPT (arr) REPLACE (a * 2 AS a) FROM t WHERE a > 1',
  'SELECT t.a, u.n FROM t JOIN u ON t.a = u.a',
  'SELECT t.a, u.n FROM t LEFT JOIN u ON t.a = u.a AND t.b != "y"',
  'SELECT t.a, u.n FROM t RIGHT JOIN u ON t.a < u.a',
  'SELECT t.a, u.n FROM t FULL JOIN u ON t.a = u.a',
  'SELECT a, t.b, u.n FROM t FULL JOIN u USING (a)',
  'SELECT t.a, u.n FROM t FULL JOIN u ON FALSE',
  'SELECT x.a, y.a AS b, z.n FROM t x, t y, u z WHERE x.a = y.a AND z.a = x.a',
  'SELECT a, e, o FROM t, UNNEST(arr) e WITH OFFSET o',
  'SELECT a, e FROM t CROSS JOIN t.arr AS e',
  'SELECT a, e, o FROM t LEFT JOIN UNNEST(arr) e WITH OFFSET o',
  'SELECT a, e FROM t LEFT JOIN UNNEST(arr) e ON e > 2',
  'SELECT a, e, g FROM t, UNNEST(arr) e, UNNEST([e, 0]) g',
  'SELECT e.k, e.v FROM UNNEST([STRUCT(1 AS k, "a" AS v), (2, NULL), NULL]) e',
  'SELECT o, e FROM UNNEST(CAST(NULL AS ARRAY<INT64>)) e WITH OFFSET o',
  'SELECT COUNT(*), COUNT(a), COUNT(DISTINCT a), SUM(a), AVG(a), MIN(b), MAX(b) FROM t',
  'SELECT b, COUNT(*), SUM(a), ARRAY_LENGTH(ARRAY_AGG(a)) FROM t GROUP BY b',
  'SELECT b IS NULL, a > 2, COUNT(*) FROM t GROUP BY 1, 2',
  'SELECT s.x, COUNT(*) FROM t GROUP BY s.x HAVING COUNT(*) >= 1 AND MAX(a) IS NOT NULL',
  'SELECT s, COUNT(*) FROM t GROUP BY s',
  'SELECT f, COUNT(*) FROM t GROUP BY f',
  'SELECT COUNT(*) FROM t WHERE FALSE',
  'SELECT b, COUNT(*) FROM t WHERE FALSE GROUP BY b',
  'SELECT DISTINCT b, s.y FROM t',
  'SELECT ARRAY_AGG(a IGNORE NULLS ORDER BY a DESC, f LIMIT 3) FROM t',
  'SELECT STRING_AGG(b, "-" ORDER BY b DESC) FROM t',
  'SELECT ANY_VALUE(b HAVING MAX f) FROM t WHERE f < 1e10',
  'SELECT a, b, ROW_NUMBER() OVER (PARTITION BY b ORDER BY a, f) FROM t',
  'SELECT a, RANK() OVER (ORDER BY a), DENSE_RANK() OVER (ORDER BY a DESC), PERCENT_RANK() OVER (ORDER BY b), CUME_DIST() OVER (ORDER BY b) FROM t',
  'SELECT a, SUM(a) OVER (), SUM(a) OVER (PARTITION BY b), COUNT(*) OVER (ORDER BY a) FROM t',
  'SELECT a, SUM(a) OVER (ORDER BY a RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM t',
  'SELECT a, f, SUM(a) OVER (ORDER BY f ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) FROM t',
  'SELECT a, LAG(a, 2, -1) OVER w, LEAD(b) OVER w, FIRST_VALUE(a IGNORE NULLS) OVER w, LAST_VALUE(a) OVER w, NTH_VALUE(b, 2) OVER w FROM t WINDOW w AS (ORDER BY a, f)',
  'SELECT a, NTILE(4) OVER (ORDER BY a, f) FROM t',
  'SELECT b, SUM(SUM(a)) OVER (ORDER BY b) FROM t GROUP BY b',
  'SELECT a FROM t WHERE TRUE QUALIFY COUNT(*) OVER (PARTITION BY b) = 2',
  'SELECT a FROM t UNION ALL SELECT a FROM u',
  'SELECT a FROM t UNION DISTINCT SELECT a FROM u',
  'SELECT a FROM t EXCEPT DISTINCT SELECT a FROM u',
  'SELECT a FROM t INTERSECT DISTINCT SELECT a FROM u',
  '(SELECT a FROM t ORDER BY a LIMIT 1) UNION ALL (SELECT a FROM u ORDER BY a DESC LIMIT 1)',
  'SELECT 1 AS x, "a" AS y UNION ALL SELECT 2.5, NULL UNION ALL SELECT NULL, "b"',
  'SELECT COUNT(*) FROM (SELECT a, b FROM t UNION DISTINCT SELECT a, n FROM u)',
  'SELECT a FROM t WHERE a IN (SELECT a FROM u)',
  'SELECT a FROM t WHERE a NOT IN (SELECT a FROM u WHERE a IS NOT NULL)',
  'SELECT a, a NOT IN (SELECT a FROM u) FROM t',
  'SELECT a, (a, b) IN (SELECT AS STRUCT a, n FROM u), s IN ((1, "u"), (2, "x")) FROM t',
  'SELECT a, EXISTS (SELECT 1 FROM u WHERE u.a = t.a), (SELECT MAX(n) FROM u WHERE u.a <= t.a) FROM t',
  'SELECT a, ARRAY(SELECT n FROM u WHERE u.a > t.a ORDER BY n DESC) FROM t',
  'SELECT a, ARRAY(SELECT AS STRUCT e, o FROM UNNEST(arr) e WITH OFFSET o ORDER BY o DESC) FROM t',
  'SELECT a, ARRAY(SELECT DISTINCT e FROM UNNEST(arr) e ORDER BY e LIMIT 2) FROM t',
  'SELECT a, (SELECT SUM(e * t.a) FROM UNNEST(arr) e), (SELECT COUNT(*) FROM UNNEST(arr) e WHERE e > t.a) FROM t',
  'SELECT a, (SELECT AS STRUCT COUNT(*) AS c, MAX(e) AS m FROM UNNEST(arr) e).c FROM t',
  'SELECT a FROM t WHERE (SELECT COUNT(*) FROM u WHERE u.a = t.a AND EXISTS (SELECT 1 FROM UNNEST(t.arr) e WHERE e >= u.a)) > 0',
  'SELECT x.a, (SELECT STRING_AGG(y.b ORDER BY y.b) FROM t y WHERE y.a IS NOT DISTINCT FROM x.a) FROM t x',
  'SELECT a, s = (1, "u"), s != (2, "x"), s IS NULL, s.y = "u" FROM t',
  'SELECT a, s IS NOT DISTINCT FROM STRUCT(1 AS x, "u" AS y) FROM t',
  'SELECT CASE s WHEN (1, "u") THEN "first" ELSE "other" END, NULLIF(a, 5), IF(a > 2, b, NULL), COALESCE(b, "none") FROM t',
  'SELECT STRUCT(a, STRUCT(b AS q, [a] AS l) AS inner_one) FROM t',
  'SELECT (SELECT AS STRUCT a, b).b FROM t',
  'SELECT [a, 1], ARRAY<STRING>[], [STRUCT(a AS k)] FROM t',
  'SELECT arr[SAFE_OFFSET(1)], arr[SAFE_ORDINAL(1)] FROM t',
  'SELECT 5 IN UNNEST(arr), a IN UNNEST(arr), a NOT IN (1, 2, NULL) FROM t',
  'SELECT a FROM t ORDER BY a',
  'SELECT f, a FROM t ORDER BY f DESC, a',
  'SELECT b, a FROM t ORDER BY b NULLS LAST, a DESC NULLS FIRST',
  'SELECT a AS x, -a AS a FROM t ORDER BY a LIMIT 3 OFFSET 1',
  'SELECT * FROM (SELECT a, b FROM t) PIVOT (SUM(a) AS total, COUNT(*) AS n FOR b IN ("x", "y" AS why))',
  'SELECT * FROM (SELECT 1 AS id, 10 AS q1, NULL AS q2, 30 AS q3) UNPIVOT (v FOR k IN (q1, q2, q3))',
  'SELECT * FROM (SELECT 1 AS id, 10 AS q1, NULL AS q2) UNPIVOT INCLUDE NULLS (v FOR k IN (q1 AS "one", q2 AS "two"))',
  'SELECT * FROM (WITH w AS (SELECT a FROM t WHERE a > 1) SELECT x.a, y.a AS b FROM w x JOIN w y ON x.a = y.a + 2)',
  'SELECT ARRAY_FILTER(arr, e -> e > 1), ARRAY_TRANSFORM(arr, (e, i) -> e + i) FROM t',
  'SELECT b LIKE ANY ("x%", "%z") FROM t',
  'SELECT a, b FROM t WHERE b BETWEEN "x" AND "y" AND NOT (a = 2 OR a IS NULL)',
  'SELECT MAX(x) FROM (SELECT a + 1 AS x, b FROM t) GROUP BY b',
  'SELECT COUNT(*) FROM t x JOIN t y ON x.s = y.s',
  'SELECT AS VALUE a FROM t',
  'SELECT SAFE_DIVIDE(a, a - 2), SAFE.SUBSTR(b, 1, a - 3) FROM t',
  'SELECT WITH(p AS a * 2, q AS p + 1, p * q) FROM t',
  'SELECT COUNTIF(a > 2), LOGICAL_OR(a = 5), SUM(DISTINCT a) FROM t',
  'SELECT (SELECT COUNT(*) FROM t y WHERE y.a < x.a) AS lower_rows, COUNT(*) FROM t x GROUP BY 1',
  'SELECT a, (SELECT COUNT(*) FROM u WHERE u.a IN (SELECT e FROM UNNEST(t.arr) e)) FROM t',
  'SELECT a, (SELECT n FROM u WHERE u.a = t.a LIMIT 1) FROM t',
  'SELECT a, (SELECT MAX(x) FROM (SELECT e + t.a AS x FROM UNNEST(arr) e UNION ALL SELECT t.a)) FROM t',
  'SELECT a, (SELECT SUM(e) OVER () FROM UNNEST(arr) e LIMIT 1) FROM t',
  'SELECT a, (SELECT e FROM UNNEST(arr) e WITH OFFSET o ORDER BY o DESC LIMIT 1) FROM t',
  'SELECT a, ARRAY(SELECT e FROM UNNEST(arr) e WITH OFFSET o WHERE MOD(o, 2) = 0 ORDER BY o) FROM t',
  'SELECT a, ARRAY(SELECT STRUCT(e AS v, ARRAY(SELECT e + g FROM UNNEST(arr) g ORDER BY g) AS l) FROM UNNEST(arr) e ORDER BY e) FROM t WHERE a < 3',
  'SELECT a, ARRAY_LENGTH(ARRAY(SELECT e FROM UNNEST(arr) e UNION ALL SELECT n.a FROM u n)) FROM t',
  'SELECT a, ARRAY(SELECT e FROM UNNEST(arr) e GROUP BY e HAVING COUNT(*) > 1) FROM t',
  'SELECT k, SUM(v) FROM (SELECT b AS k, e AS v FROM t, UNNEST(arr) e) GROUP BY k HAVING SUM(v) > (SELECT COUNT(*) FROM u)',
  'SELECT b, ARRAY_AGG(STRUCT(a, f) ORDER BY a, f LIMIT 1)[OFFSET(0)].a FROM t GROUP BY b',
  'SELECT b, ARRAY_AGG(DISTINCT a IGNORE NULLS ORDER BY a) FROM t GROUP BY b',
  'SELECT x.b, y.total FROM t x JOIN (SELECT b, SUM(a) AS total FROM t GROUP BY b) y ON x.b = y.b WHERE x.a = (SELECT MAX(a) FROM t z WHERE z.b = x.b)',
  'SELECT t.a, u.n FROM t LEFT JOIN u ON EXISTS (SELECT 1 FROM UNNEST(t.arr) e WHERE e = u.a)',
  'SELECT t.a, u.n FROM t RIGHT JOIN u ON t.a > (SELECT MIN(a) FROM u) AND t.a = u.a',
  'SELECT t.a, u.n FROM t FULL JOIN u ON u.a IN (SELECT e FROM UNNEST(t.arr) e)',
  'SELECT s IN UNNEST([STRUCT(1 AS x, "u" AS y), (2, NULL)]), (1, 2) IN UNNEST([(1, 2)]), (1, 2) IN UNNEST([(1, NULL)]) FROM t',
  'SELECT x.a FROM t x WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = x.a)',
  'SELECT q.a, q.rn FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY f) AS rn FROM t) q WHERE q.rn = 1',
  'SELECT a, SUM(a) OVER (PARTITION BY b ORDER BY f ROWS 1 PRECEDING) - LAG(a) OVER (ORDER BY a, f) FROM t',
  'SELECT a, COUNT(*) OVER (PARTITION BY s.x ORDER BY a RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), MAX(f) OVER (PARTITION BY b) FROM t WHERE f < 100 OR f IS NULL',
  'SELECT a, ARRAY_AGG(a) OVER (ORDER BY a, f ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM t',
  'SELECT FIRST_VALUE(a) OVER (ORDER BY f), LAST_VALUE(a) OVER (ORDER BY f ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM t WHERE f IS NOT NULL',
  'SELECT PERCENTILE_CONT(a, 0.5) OVER (), PERCENTILE_DISC(a, 0.5) OVER (PARTITION BY b) FROM t',
  'SELECT DISTINCT a > 2 AS big, COUNT(*) OVER (PARTITION BY a > 2) AS n FROM t',
  'SELECT * FROM UNNEST([1, 2, 3]) AS x WITH OFFSET AS o WHERE x > o + 1 OR o = 0',
  'SELECT * FROM UNNEST(GENERATE_ARRAY(1, 10, 3)) x LEFT JOIN UNNEST([4, 7]) y ON x = y',
  'SELECT l, r FROM UNNEST([1, 2]) l FULL JOIN UNNEST([2, 3]) r ON l = r',
  'SELECT l, r FROM UNNEST([1, 2, NULL]) l INNER JOIN UNNEST([2, NULL]) r ON l = r OR (l IS NULL AND r IS NULL)',
  'SELECT x.a, y.e FROM t x JOIN (SELECT a, e FROM t, UNNEST(arr) e) y ON x.a = y.a AND y.e > 1',
  'SELECT t.a, e.n FROM t, UNNEST(ARRAY(SELECT AS STRUCT u.n, u.a FROM u)) e WHERE e.a = t.a',
  'SELECT s.*, b FROM t',
  'SELECT t.* EXCEPT (arr, s) FROM t',
  'SELECT t FROM t WHERE a = 1',
  'SELECT TO_JSON_STRING(t) FROM t WHERE a < 3',
  'SELECT a, CASE WHEN a > 2 THEN "big" WHEN a IS NULL THEN NULL ELSE "small" END, CASE a WHEN 1 THEN 10 WHEN 5 THEN 50 END FROM t',
  'SELECT IF(a = 0, 1, DIV(10, a)) FROM t WHERE a IS NOT NULL',
  'SELECT a FROM t WHERE (a, b) = (1, "x") OR s IN UNNEST(ARRAY<STRUCT<x INT64, y STRING>>[])',
  'SELECT CAST(s AS STRUCT<STRING, STRING>), CAST(arr AS ARRAY<FLOAT64>) FROM t',
  'SELECT COUNT(DISTINCT s.y), COUNT(DISTINCT IF(a > 1, b, NULL)) FROM t',
  'SELECT SUM(IF(b = "x", a, 0)), AVG(f) FROM t WHERE f < 10',
  'SELECT MIN(f), MAX(f), SUM(f) FROM t',
  'SELECT MIN(f) FROM t WHERE f < 10 GROUP BY b',
  'SELECT a FROM t WHERE f > 0',
  'SELECT a, f = f, f < 1, f >= 1, f IN (1.5, 0.0) FROM t',
  'SELECT a FROM t GROUP BY a, b HAVING LOGICAL_AND(f IS NOT NULL)',
  'SELECT a + 0.5, a / 2, MOD(a, 2), -a, a * a FROM t',
  'SELECT COUNT(*) FROM t, t AS t2, u WHERE t.a = t2.a',
  'SELECT (SELECT AS STRUCT MIN(a) AS lo, MAX(a) AS hi FROM t) AS m',
  'SELECT EXISTS (SELECT a FROM t WHERE a > 100), NOT EXISTS (SELECT 1 FROM u)',
  'SELECT * FROM (SELECT b, a FROM t) PIVOT (MAX(a) FOR b IN ("x", "y", "nope")) ORDER BY 1',
  'SELECT y, k, q FROM (SELECT 1 AS y, 2 AS a1, 3 AS a2, 4 AS b1, 5 AS b2) UNPIVOT ((p, q) FOR k IN ((a1, a2) AS "A", (b1, b2) AS "B"))',
  'SELECT a FROM (SELECT a FROM t UNION ALL SELECT NULL) WHERE a IS NULL OR a > 4 ORDER BY a DESC LIMIT 2',
  'SELECT x, COUNT(*) FROM (SELECT "p" AS x UNION ALL SELECT "q" UNION ALL SELECT "p") GROUP BY x ORDER BY 2 DESC, 1',
  'SELECT [STRUCT(a AS p), STRUCT(a + 1)][OFFSET(1)].p FROM t',
  'SELECT ARRAY(SELECT x FROM UNNEST([3, 1, 2]) x ORDER BY x), ARRAY_REVERSE([1, 2]), ARRAY_CONCAT(arr, [0]) FROM t',
  'SELECT (SELECT ARRAY_AGG(DISTINCT e ORDER BY e) FROM UNNEST(arr) e) FROM t',
  'SELECT STRING(DATE "2020-01-05"), DATE_TRUNC(DATE "2020-01-05", WEEK), d FROM UNNEST(GENERATE_DATE_ARRAY("2020-01-30", "2020-02-02")) d',
];

async function rowsOrFailure(sql: string, types: readonly GType[]): Promise<[unknown[][], string]> {
  const rows: unknown[][] = [];
  try {
    const reader = await warehouse.connection.stream(sql);
    for (
      let chunk = await reader.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await reader.fetchChunk()
    ) {
      for (const row of encodeChunk(chunk, types, { useInt64Timestamp: false })) rows.push(row.f.map((cell) => cell.v));
    }
    return [rows, ''];
  } catch (error) {
    return [rows, mapRuntimeError(error).message];
  }
}

type Answer = { readonly rows: readonly string[]; readonly failure: string };

/** DuckDB's answer to `sql` and the evaluator's to the query behind the prefix. */
async function answers(sql: string, query: string, prefix: string): Promise<{ ours: Answer; theirs: Answer }> {
  const { statement } = await warehouse.analyze(sql);
  if (statement.kind !== 'SELECT') throw new Error('not a SELECT');
  const types = statement.query.columns.map((c) => c.type);
  const given = await oracle.rows(`${prefix}${query}`, types);
  const [mine, failure] = await rowsOrFailure(statement.query.sql, types);
  // Rows come in an order only where the query asks for one.
  const ordered = / ORDER BY [^()]*$/.test(query);
  const text = (rows: readonly unknown[][]): string[] => {
    const lines = rows.map((row) => JSON.stringify(row));
    return ordered ? lines : lines.toSorted();
  };
  const theirs = { rows: text(given), failure: '' };
  // The evaluator lets arrays with NULL in them out; BigQuery does not.
  const refused =
    failure.startsWith('Array cannot have a null element') && theirs.rows.some((row) => row.includes('{"v":null}'));
  return { ours: refused ? theirs : { rows: text(mine), failure }, theirs };
}

describe('over WITH entries', () => {
  it.each(QUERIES)('%s', async (query) => {
    const { ours, theirs } = await answers(`WITH ${DATA} ${query}`, query, `WITH ${DATA} `);
    expect(ours).toEqual(theirs);
  });
});

describe('over stored tables', () => {
  /** A stored array holds no NULL. */
  const stored = `t AS (SELECT * REPLACE (ARRAY(SELECT e FROM UNNEST(arr) AS e WHERE e IS NOT NULL) AS arr) FROM written)`;
  const prefix = `WITH ${DATA.replace(/^t AS/, 'written AS')}, ${stored} `;

  beforeAll(async () => {
    await warehouse.run(`CREATE TABLE ds.t AS ${prefix} SELECT * FROM t`);
    await warehouse.run(`CREATE TABLE ds.u AS ${prefix} SELECT * FROM u`);
  });

  it.each(QUERIES)('%s', async (query) => {
    const { ours, theirs } = await answers(query, query, prefix);
    expect(ours).toEqual(theirs);
  });
});
