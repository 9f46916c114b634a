import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { TestWarehouse } from './test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
  await warehouse.run(
    'CREATE TABLE ds.t (a INT64, b STRING, arr ARRAY<INT64>, f FLOAT64, s STRUCT<x INT64, y STRING>)',
  );
  await warehouse.run(`INSERT INTO ds.t (a, b, arr, f, s) VALUES
    (1, 'x', [1, 2, 3], 1.5, (1, 'u')),
    (2, 'y', [], CAST('nan' AS FLOAT64), (2, NULL)),
    (3, 'x', [7], -1, NULL),
    (NULL, NULL, NULL, NULL, NULL)`);
});

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
});

const select = (sql: string): Promise<readonly (readonly unknown[])[]> => warehouse.rows(sql);

async function columnsOf(sql: string): Promise<string[]> {
  const { statement } = await warehouse.analyze(sql);
  if (statement.kind !== 'SELECT') throw new Error('not a SELECT');
  return statement.query.columns.map((c) => c.name);
}

describe('SELECT', () => {
  it('reads, filters, computes and sorts', async () => {
    expect(await select("SELECT a + 1 AS n, b FROM ds.t WHERE b = 'x' ORDER BY a DESC")).toEqual([
      ['4', 'x'],
      ['2', 'x'],
    ]);
  });

  it('names unnamed columns f0_, f1_, … in order', async () => {
    expect(await columnsOf('SELECT 1, a, 2 FROM ds.t')).toEqual(['f0_', 'a', 'f1_']);
  });

  it('refuses two result columns of one name', async () => {
    expect(await warehouse.failure('SELECT 1 AS a, 2 AS A')).toBe(
      'Duplicate column names in the result are not supported. Found duplicate(s): A',
    );
  });

  it('sorts NULL and then NaN before all numbers, and after them when descending', async () => {
    expect(await select('SELECT f FROM ds.t ORDER BY f')).toEqual([[null], ['NaN'], [-1], [1.5]]);
    expect(await select('SELECT f FROM ds.t ORDER BY f DESC')).toEqual([[1.5], [-1], ['NaN'], [null]]);
    expect(await select('SELECT a FROM ds.t ORDER BY a NULLS LAST LIMIT 2 OFFSET 2')).toEqual([['3'], [null]]);
  });

  it('gives the fields of SELECT AS STRUCT as columns', async () => {
    expect(await columnsOf('SELECT AS STRUCT 1 AS x, 2 AS y')).toEqual(['x', 'y']);
    expect(await select('SELECT AS VALUE STRUCT(1 AS x, 2 AS y)')).toEqual([['1', '2']]);
    expect(await columnsOf('SELECT AS VALUE 7')).toEqual(['f0_']);
  });

  it('takes a back-quoted path apart, so that the table gives the alias', async () => {
    expect(await select('SELECT t.a FROM `my-project-1.ds.t` WHERE t.a = 2')).toEqual([['2']]);
    expect(await select('SELECT t.a FROM `ds`.`t` WHERE t.a = 2')).toEqual([['2']]);
  });

  it('reads names without a dataset in the default dataset', async () => {
    expect(
      await warehouse.rows('SELECT a FROM t WHERE a = 3', { defaultDataset: { projectId: 'p', datasetId: 'ds' } }),
    ).toEqual([['3']]);
  });
});

describe('joins', () => {
  it('joins inner, left, right, full and cross', async () => {
    const on = 'ON x.a = y.a + 1 ORDER BY 1, 2';
    expect(await select(`SELECT x.a, y.a AS b FROM ds.t x JOIN ds.t y ${on}`)).toEqual([
      ['2', '1'],
      ['3', '2'],
    ]);
    expect(await select(`SELECT x.a, y.a AS b FROM ds.t x LEFT JOIN ds.t y ${on}`)).toEqual([
      [null, null],
      ['1', null],
      ['2', '1'],
      ['3', '2'],
    ]);
    expect(await select(`SELECT x.a, y.a AS b FROM ds.t x RIGHT JOIN ds.t y ${on}`)).toEqual([
      [null, null],
      [null, '3'],
      ['2', '1'],
      ['3', '2'],
    ]);
    expect(await select(`SELECT x.a, y.a AS b FROM ds.t x FULL JOIN ds.t y ${on}`)).toHaveLength(6);
    expect(await select('SELECT COUNT(*) FROM ds.t x, ds.t y')).toEqual([['16']]);
  });

  it('merges the columns of USING', async () => {
    expect(await select("SELECT b, COUNT(*) FROM ds.t JOIN (SELECT 'x' AS b) USING (b) GROUP BY b")).toEqual([
      ['x', '2'],
    ]);
  });
});

describe('arrays', () => {
  it('unnests a column, with offsets', async () => {
    expect(await select('SELECT a, x, o FROM ds.t, UNNEST(arr) AS x WITH OFFSET o ORDER BY a, o')).toEqual([
      ['1', '1', '0'],
      ['1', '2', '1'],
      ['1', '3', '2'],
      ['3', '7', '0'],
    ]);
  });

  it('keeps rows without elements in LEFT JOIN UNNEST, also with a condition', async () => {
    expect(
      await select('SELECT a, x, o FROM ds.t LEFT JOIN UNNEST(arr) x WITH OFFSET o WHERE a > 1 ORDER BY a'),
    ).toEqual([
      ['2', null, null],
      ['3', '7', '0'],
    ]);
    expect(await select('SELECT a, e FROM ds.t LEFT JOIN UNNEST(arr) e ON e > 1 WHERE a < 3 ORDER BY a, e')).toEqual([
      ['1', '2'],
      ['1', '3'],
      ['2', null],
    ]);
  });

  it('reads a stored NULL array as an empty one', async () => {
    expect(await select('SELECT ARRAY_LENGTH(arr) FROM ds.t WHERE a IS NULL')).toEqual([['0']]);
  });

  it('keeps the order of ARRAY(subquery), also when it is correlated', async () => {
    expect(
      await select('SELECT ARRAY(SELECT x * 2 FROM UNNEST(arr) x ORDER BY x DESC LIMIT 2) FROM ds.t WHERE a = 1'),
    ).toEqual([[['6', '4']]]);
    expect(await select('SELECT ARRAY(SELECT a FROM ds.t WHERE a > 5)')).toEqual([[[]]]);
  });

  it('builds arrays of structs and reads their fields', async () => {
    expect(await select("SELECT e.n, e.t FROM UNNEST([STRUCT(1 AS n, 'a' AS t), (2, 'b')]) AS e ORDER BY n")).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
  });
});

describe('structs', () => {
  it('reads fields, of NULL too', async () => {
    expect(await select('SELECT s.x, s.y FROM ds.t ORDER BY a')).toEqual([
      [null, null],
      ['1', 'u'],
      ['2', null],
      [null, null],
    ]);
  });

  it('compares field by field, with NULL where the answer hangs on a NULL field', async () => {
    expect(await select('SELECT (1, 2) = (1, 2), (1, 2) = (1, NULL), (1, 2) = (2, NULL), (1, 2) != (1, 3)')).toEqual([
      [true, null, false, true],
    ]);
    expect(await select('SELECT (1, 2) IN ((3, 4), (1, 2)), (1, 2) IN ((1, NULL))')).toEqual([[true, null]]);
    expect(
      await select(
        'SELECT (1, 2) IN (SELECT AS STRUCT 1, 2), (1, 2) IN (SELECT AS STRUCT 1, CAST(NULL AS INT64)), (1, 2) IN (SELECT AS STRUCT 3, 4)',
      ),
    ).toEqual([[true, null, false]]);
    expect(
      await select(
        "SELECT CASE (1, 2) WHEN (1, 3) THEN 'no' WHEN (1, 2) THEN 'yes' END, NULLIF((1, 2), (1, 2)) IS NULL",
      ),
    ).toEqual([['yes', true]]);
  });
});

describe('aggregation', () => {
  it('groups, and filters groups', async () => {
    expect(await select('SELECT b, COUNT(*), SUM(a) FROM ds.t GROUP BY b HAVING COUNT(*) > 1')).toEqual([
      ['x', '2', '4'],
    ]);
    expect(await select('SELECT b FROM ds.t GROUP BY 1 ORDER BY 1')).toEqual([[null], ['x'], ['y']]);
    expect(await select('SELECT COUNT(*), SUM(a) FROM ds.t WHERE FALSE')).toEqual([['0', null]]);
  });

  it('groups by a constant', async () => {
    expect(await select('SELECT k, COUNT(*) FROM (SELECT 5 AS k FROM ds.t) GROUP BY k')).toEqual([['5', '4']]);
  });

  it('has ROLLUP, CUBE, GROUPING SETS and GROUPING', async () => {
    expect(await select('SELECT b, SUM(a) FROM ds.t WHERE b IS NOT NULL GROUP BY ROLLUP(b) ORDER BY b')).toEqual([
      [null, '6'],
      ['x', '4'],
      ['y', '2'],
    ]);
    expect(
      await select(
        'SELECT b, GROUPING(b) AS g, SUM(a) FROM ds.t WHERE b IS NOT NULL GROUP BY GROUPING SETS (b, ()) ORDER BY b',
      ),
    ).toEqual([
      [null, '1', '6'],
      ['x', '0', '4'],
      ['y', '0', '2'],
    ]);
    expect(await select('SELECT COUNT(*) FROM (SELECT a, b FROM ds.t GROUP BY CUBE(a, b))')).toEqual([['12']]);
  });

  it('aggregates with DISTINCT, ORDER BY and LIMIT', async () => {
    expect(
      await select('SELECT COUNT(DISTINCT b), ARRAY_AGG(a ORDER BY a DESC LIMIT 2) FROM ds.t WHERE a IS NOT NULL'),
    ).toEqual([['2', ['3', '2']]]);
  });
});

describe('window functions', () => {
  it('partitions, orders and frames', async () => {
    expect(
      await select(
        'SELECT a, SUM(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM ds.t WHERE a IS NOT NULL ORDER BY a',
      ),
    ).toEqual([
      ['1', '1'],
      ['2', '3'],
      ['3', '5'],
    ]);
    expect(
      await select(
        'SELECT b, ROW_NUMBER() OVER (PARTITION BY b ORDER BY a) AS n FROM ds.t WHERE b IS NOT NULL ORDER BY b, n',
      ),
    ).toEqual([
      ['x', '1'],
      ['x', '2'],
      ['y', '1'],
    ]);
  });

  it('filters by QUALIFY', async () => {
    expect(
      await select(
        'SELECT a FROM ds.t WHERE a IS NOT NULL QUALIFY ROW_NUMBER() OVER (PARTITION BY b ORDER BY a DESC) = 1 ORDER BY a',
      ),
    ).toEqual([['2'], ['3']]);
  });
});

describe('set operations', () => {
  it('has UNION, EXCEPT and INTERSECT', async () => {
    expect(await select('SELECT COUNT(*) FROM (SELECT a FROM ds.t UNION ALL SELECT a FROM ds.t)')).toEqual([['8']]);
    expect(await select("SELECT b FROM ds.t UNION DISTINCT SELECT 'x' ORDER BY b")).toEqual([[null], ['x'], ['y']]);
    expect(await select("SELECT b FROM ds.t EXCEPT DISTINCT SELECT 'x' ORDER BY b")).toEqual([[null], ['y']]);
    expect(await select("SELECT b FROM ds.t INTERSECT DISTINCT SELECT 'x'")).toEqual([['x']]);
  });
});

describe('WITH', () => {
  it('is referred to several times, and nested', async () => {
    expect(
      await select('WITH w AS (SELECT a FROM ds.t), v AS (SELECT a FROM w WHERE a > 1) SELECT COUNT(*) FROM w, v'),
    ).toEqual([['8']]);
    expect(
      await select(
        'SELECT * FROM (WITH w AS (SELECT 1 AS x) SELECT x FROM w) JOIN (WITH w AS (SELECT 1 AS x, 2 AS y) SELECT x, y FROM w) USING (x)',
      ),
    ).toEqual([['1', '2']]);
  });

  it('recurs', async () => {
    expect(
      await select(
        'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT SUM(n) FROM r',
      ),
    ).toEqual([['15']]);
  });

  it('recurs over joins, arrays and further entries', async () => {
    expect(
      await select(`WITH RECURSIVE edges AS (SELECT * FROM UNNEST([STRUCT(1 AS a, 2 AS b), (2, 3), (3, 4), (9, 1)])),
        walk AS (SELECT 1 AS node, 0 AS depth UNION ALL SELECT e.b, w.depth + x FROM edges e JOIN walk w ON w.node = e.a, UNNEST([1]) x WHERE e.b < 10)
        SELECT node, depth FROM walk ORDER BY depth`),
    ).toEqual([
      ['1', '0'],
      ['2', '1'],
      ['3', '2'],
      ['4', '3'],
    ]);
    expect(
      await select(
        'WITH RECURSIVE r AS (SELECT 1 AS n UNION DISTINCT SELECT MOD(n + 1, 4) FROM r) SELECT n FROM r ORDER BY n',
      ),
    ).toEqual([['0'], ['1'], ['2'], ['3']]);
  });

  it('recurs no more than 500 times', async () => {
    expect(
      await select(
        'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 500) SELECT COUNT(*) FROM r',
      ),
    ).toEqual([['500']]);
    expect(
      await warehouse.failure(
        'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r',
      ),
    ).toBe('A recursive CTE has reached the maximum number of iterations: 500');
  });

  it('evaluates random values once', async () => {
    expect(await select('WITH r AS (SELECT RAND() AS v) SELECT x.v = y.v FROM r x, r y')).toEqual([[true]]);
  });
});

describe('subqueries', () => {
  it('may be correlated: scalar, EXISTS and IN', async () => {
    expect(
      await select(
        'SELECT a, (SELECT SUM(x) FROM UNNEST(t.arr) x), (SELECT COUNT(*) FROM ds.t u WHERE u.b = t.b) FROM ds.t t WHERE a < 3 ORDER BY a',
      ),
    ).toEqual([
      ['1', '6', '2'],
      ['2', null, '1'],
    ]);
    expect(await select('SELECT a FROM ds.t WHERE EXISTS (SELECT 1 FROM UNNEST(arr) e WHERE e = a + 1)')).toEqual([
      ['1'],
    ]);
    expect(
      await select('SELECT a FROM ds.t t WHERE a IN (SELECT u.a FROM ds.t u WHERE u.b = t.b AND u.a > 2)'),
    ).toEqual([['3']]);
  });

  it('must give one row where one value is wanted', async () => {
    expect(await warehouse.failure('SELECT (SELECT a FROM ds.t)')).toBe(
      'Scalar subquery produced more than one element',
    );
  });
});

describe('PIVOT and UNPIVOT', () => {
  it('turn rows into columns and back', async () => {
    expect(await select("SELECT x, y FROM (SELECT a, b FROM ds.t) PIVOT (SUM(a) FOR b IN ('x', 'y'))")).toEqual([
      ['4', '2'],
    ]);
    expect(await select('SELECT k, v FROM (SELECT 1 AS q1, 2 AS q2) UNPIVOT (v FOR k IN (q1, q2)) ORDER BY k')).toEqual(
      [
        ['q1', '1'],
        ['q2', '2'],
      ],
    );
  });
});

describe('the state of a query', () => {
  it('keeps the time the same within a statement', async () => {
    expect(await select('SELECT CURRENT_TIMESTAMP() = (SELECT CURRENT_TIMESTAMP()), SESSION_USER()')).toEqual([
      [true, 'ada@example.com'],
    ]);
  });

  it('is not deterministic with random values, the time or the caller', async () => {
    const deterministic = async (sql: string): Promise<boolean> => {
      const { statement } = await warehouse.analyze(sql);
      return statement.kind === 'SELECT' && statement.query.deterministic;
    };
    expect(await deterministic('SELECT a FROM ds.t')).toBe(true);
    for (const call of ['RAND()', 'CURRENT_DATE()', 'CURRENT_TIMESTAMP()', 'SESSION_USER()']) {
      expect(await deterministic(`SELECT a, ${call} FROM ds.t`)).toBe(false);
    }
  });
});

describe('SAFE', () => {
  it('gives NULL in place of an error', async () => {
    expect(await select("SELECT SAFE.SUBSTR('abc', 1, -1), SAFE_CAST('x' AS INT64)")).toEqual([[null, null]]);
  });
});

describe('TABLESAMPLE', () => {
  it('gives a part of the rows, and is never cached', async () => {
    await warehouse.run('CREATE TABLE ds.many AS SELECT n FROM UNNEST(GENERATE_ARRAY(1, 200000)) AS n');
    const [[some] = []] = await select('SELECT COUNT(*) FROM ds.many TABLESAMPLE SYSTEM (50 PERCENT)');
    expect(Number(some)).toBeGreaterThan(20_000);
    expect(Number(some)).toBeLessThan(180_000);
    expect(await select('SELECT COUNT(*) FROM ds.many TABLESAMPLE SYSTEM (100 PERCENT)')).toEqual([['200000']]);
    expect(await select('SELECT COUNT(*) FROM ds.many TABLESAMPLE SYSTEM (0 PERCENT)')).toEqual([['0']]);
    const { statement } = await warehouse.analyze('SELECT n FROM ds.many TABLESAMPLE SYSTEM (5 PERCENT)');
    expect(statement).toMatchObject({ query: { deterministic: false } });
  });

  it.each([
    ['SELECT n FROM ds.many TABLESAMPLE SYSTEM (101 PERCENT)', 'must be in the range [0, 100]'],
    ['SELECT n FROM ds.many TABLESAMPLE BERNOULLI (10 PERCENT)', 'must be of the form TABLESAMPLE SYSTEM'],
    ['SELECT n FROM (SELECT 1 AS n) TABLESAMPLE SYSTEM (10 PERCENT)', 'only be applied directly to tables'],
  ])('refuses %s', async (sql, text) => {
    expect(await warehouse.failure(sql)).toContain(text);
  });
});
