// Functions of users: made, called, put in the place of their calls, and run.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestWarehouse } from '../test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
  await warehouse.run(
    "CREATE TABLE ds.t AS SELECT x, CONCAT('n', CAST(x AS STRING)) AS name FROM UNNEST([1, 2, 3]) AS x",
  );
}, 60_000);

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
});

const rows = (sql: string): Promise<readonly (readonly unknown[])[]> => warehouse.rows(sql);

describe('temporary functions before a query', () => {
  it.each([
    ['CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT f(x) FROM ds.t ORDER BY 1', [['2'], ['3'], ['4']]],
    ['CREATE TEMPORARY FUNCTION f(x FLOAT64) RETURNS FLOAT64 AS (x / 2); SELECT F(3);', [[1.5]]],
    [
      "CREATE TEMP FUNCTION f(x ANY TYPE) AS ([x, x]); SELECT f('a'), f(1)",
      [
        [
          ['a', 'a'],
          ['1', '1'],
        ],
      ],
    ],
    [
      'CREATE TEMP FUNCTION f(x ANY TYPE) RETURNS STRING AS (CAST(x AS STRING)); SELECT f(1), f(DATE "2020-01-02")',
      [['1', '2020-01-02']],
    ],
    ['CREATE TEMP FUNCTION f(x ANY TYPE, y ANY TYPE) AS (IF(x IS NULL, y, x)); SELECT f(NULL, 1.5)', [[1.5]]],
    [
      'CREATE TEMP FUNCTION f(n ANY TYPE) AS ((SELECT MAX(t.x) + n FROM ds.t AS t)); SELECT f(1), f(0.5) FROM ds.t LIMIT 1',
      [['4', 3.5]],
    ],
    [
      'CREATE TEMP FUNCTION g(x ANY TYPE) AS (x + 1); CREATE TEMP FUNCTION f(x ANY TYPE) AS (g(g(x))); SELECT f(1), f(1.5)',
      [['3', 3.5]],
    ],
    ['CREATE TEMP FUNCTION f(`a b` INT64) AS (`a b` * 2); SELECT f(x) FROM ds.t WHERE x-f(1) = 1', [['6']]],
    [
      "CREATE TEMP FUNCTION f(x STRING) AS (LENGTH(x)); SELECT COUNT(*) FROM ds.t WHERE f(name) = 2 AND EXISTS(SELECT 1 FROM UNNEST(['ab']) AS v WHERE f(v) = f(name))",
      [['3']],
    ],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS (x * 2); SELECT x, SUM(f(x)) OVER (ORDER BY f(x)) FROM ds.t QUALIFY ROW_NUMBER() OVER (ORDER BY f(x) DESC) = 1',
      [['3', '12']],
    ],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS (x * 2); SELECT ARRAY(SELECT f(v) FROM UNNEST([1, 2]) AS v ORDER BY 1)',
      [[['2', '4']]],
    ],
    ['CREATE TEMP FUNCTION f() AS (42); CREATE TEMP FUNCTION g(x INT64) AS (f() + x); SELECT g(1)', [['43']]],
    ['CREATE TEMP FUNCTION f(x INT64) RETURNS STRING AS (CAST(x AS STRING)); SELECT f(7)', [['7']]],
    [
      'CREATE TEMP FUNCTION f(y INT64) AS ((SELECT SUM(t.x + y) FROM ds.t AS t)); SELECT f(x) FROM ds.t ORDER BY 1',
      [['9'], ['12'], ['15']],
    ],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS ((WITH w AS (SELECT x AS y) SELECT y * y FROM w)); SELECT f(x + 1) FROM ds.t ORDER BY 1',
      [['4'], ['9'], ['16']],
    ],
    [
      'CREATE TEMP FUNCTION f(a ARRAY<INT64>) AS ((SELECT MAX(v) FROM UNNEST(a) AS v)); SELECT f([1, 5, 2]), f(ARRAY_AGG(x)) FROM ds.t',
      [['5', '3']],
    ],
    [
      'CREATE TEMP FUNCTION f(s STRUCT<a INT64, b STRING>) AS (CONCAT(s.b, CAST(s.a AS STRING))); SELECT f(STRUCT(1, "z"))',
      [['z1']],
    ],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS (x * x); SELECT SUM(f(x)) FROM ds.t WHERE f(x) > 1 GROUP BY MOD(f(x), 2) ORDER BY 1',
      [['4'], ['9']],
    ],
    ['CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(f(f(1)))', [['1']]],
    ['CREATE TEMP FUNCTION f(x INT64) AS (x + x + x); SELECT f(f(f(f(f(f(f(f(1))))))))', [['6561']]],
    ['CREATE TEMP FUNCTION f(x INT64) AS (IF(x IS NULL, -1, x)); SELECT f(NULL)', [['-1']]],
    ['CREATE TEMP FUNCTION f(x INT64 /* ; */) AS (x -- ;\n); SELECT f(1), ";"', [['1', ';']]],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS (x + x); SELECT f((SELECT MAX(x) FROM ds.t)), f(t.x) FROM ds.t ORDER BY 2 LIMIT 1',
      [['6', '2']],
    ],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS ((SELECT COUNT(*) FROM UNNEST([1, 2, 3]) AS v WHERE v > x)); SELECT SUM(f(x)) FROM ds.t',
      [['3']],
    ],
    [
      'CREATE TEMP AGGREGATE FUNCTION s(x FLOAT64, k INT64 NOT AGGREGATE) RETURNS FLOAT64 AS (SUM(x) * k + COUNT(*)); SELECT s(x, 2), COUNT(*) FROM ds.t',
      [[15, '3']],
    ],
    [
      'CREATE TEMP AGGREGATE FUNCTION r(x ANY TYPE) AS (MAX(x) - MIN(x)); SELECT MOD(x, 2), r(x) FROM ds.t GROUP BY 1 ORDER BY 1',
      [
        ['0', '0'],
        ['1', '2'],
      ],
    ],
    [
      'CREATE TEMP AGGREGATE FUNCTION r(x INT64) AS (MAX(x) - MIN(x)); SELECT r(x) + 1 AS n FROM ds.t HAVING r(x) > 1',
      [['3']],
    ],
  ])('%s', async (sql, expected) => {
    expect(await rows(sql)).toEqual(expected);
  });
});

describe('JavaScript functions', () => {
  const js = (signature: string, returns: string, body: string, call: string): string =>
    `CREATE TEMP FUNCTION f(${signature}) RETURNS ${returns} LANGUAGE js AS r"""${body}"""; SELECT ${call}`;
  it.each([
    [js('x FLOAT64, y FLOAT64', 'FLOAT64', 'return x * y;', 'f(2, x) FROM ds.t ORDER BY 1'), [[2], [4], [6]]],
    [js('x STRING', 'STRING', 'return x.toUpperCase() + "é\\u{1F600}";', 'f("a")'), [['Aé😀']]],
    [js('x FLOAT64', 'INT64', 'return x;', 'f(3)'), [['3']]],
    [js('', 'INT64', 'return "9007199254740993";', 'f()'), [['9007199254740993']]],
    [
      js('x FLOAT64', 'FLOAT64', 'return x;', "f(CAST('nan' AS FLOAT64)), f(CAST('-inf' AS FLOAT64)), f(0.1)"),
      [['NaN', '-Infinity', 0.1]],
    ],
    [js('x BYTES', 'BYTES', 'return x;', 'TO_HEX(f(b"\\x00\\xff"))'), [['00ff']]],
    [js('x BYTES', 'STRING', 'return x;', 'f(b"abc")'), [['YWJj']]],
    [
      js('x NUMERIC', 'STRING', 'return typeof x + x;', 'f(1), f(1.5), f(NUMERIC "99999999999999999999")'),
      [['number1', 'string1.5', 'string99999999999999999999']],
    ],
    [js('x NUMERIC', 'NUMERIC', 'return x;', 'CAST(f(1.5) AS STRING)'), [['1.5']]],
    [js('x DATE', 'STRING', 'return x.toISOString();', "f(DATE '2020-02-29')"), [['2020-02-29T00:00:00.000Z']]],
    [
      js('x DATE', 'DATE', 'x.setUTCDate(x.getUTCDate() + 1); return x;', "CAST(f(DATE '2020-02-29') AS STRING)"),
      [['2020-03-01']],
    ],
    [
      js('x TIMESTAMP', 'TIMESTAMP', 'return x;', "CAST(f(TIMESTAMP '1969-12-31 23:59:59.123456+00') AS STRING)"),
      [['1969-12-31 23:59:59.123456+00']],
    ],
    [
      js(
        'x STRUCT<a FLOAT64, b ARRAY<STRING>>',
        'STRUCT<n FLOAT64, l ARRAY<STRING>>',
        'return {n: x.a + 1, l: x.b.concat("z")};',
        'f(STRUCT(1, ["y"])).n, f(STRUCT(1, ["y"])).l',
      ),
      [[2, ['y', 'z']]],
    ],
    [js('x ARRAY<FLOAT64>', 'ARRAY<FLOAT64>', 'return x.map(v => v * 2);', 'f([1, 2]), f([])'), [[[2, 4], []]]],
    [
      js(
        'x ARRAY<STRUCT<k STRING, v BOOL>>',
        'STRING',
        'return JSON.stringify(x);',
        'f([STRUCT("a", true), STRUCT(NULL, false)])',
      ),
      [['[{"k":"a","v":true},{"k":null,"v":false}]']],
    ],
    [
      js('x JSON', 'JSON', 'x.n += 1; return x;', 'TO_JSON_STRING(f(JSON \'{"n": 1, "s": "q"}\'))'),
      [['{"n":2,"s":"q"}']],
    ],
    [js('x STRING', 'STRING', 'return x === null ? "null" : x;', 'f(NULL)'), [['null']]],
    [js('x STRING', 'STRING', 'if (x === "a") return undefined; return null;', 'f("a"), f("b")'), [[null, null]]],
    [js('x BOOL', 'BOOL', 'return !x;', 'f(true)'), [[false]]],
    [js('x STRING', 'STRING', 'return Promise.resolve(x + "!");', 'f("a")'), [['a!']]],
    [js('x STRING', 'STRING', 'async function g() { return x + (await 1); } return g();', 'f("a")'), [['a1']]],
    [
      js(
        '',
        'STRING',
        'return [typeof require, typeof process, typeof fetch, typeof setTimeout, typeof WebAssembly].join()',
        'f()',
      ),
      [['undefined,undefined,undefined,undefined,undefined']],
    ],
  ])('%s', async (sql, expected) => {
    expect(await rows(sql)).toEqual(expected);
  });

  it.each([
    [
      js('x STRING', 'STRING', 'throw new Error("bad " + x);', 'f("a")'),
      'Error: bad a at UDF$1(STRING) line 1, columns ',
    ],
    [
      js('x STRING, y ARRAY<FLOAT64>', 'STRING', '\nconst z = undefined;\n  return z.w;', 'f("a", [1])'),
      "TypeError: cannot read property 'w' of undefined at UDF$1(STRING, ARRAY<FLOAT64>) line 3, columns ",
    ],
    [js('', 'INT64', 'return 1.5;', 'f()'), 'Failed to coerce output value "1.5" to type INT64'],
    [js('', 'BOOL', 'return "x";', 'f()'), 'Failed to coerce output value "x" to type BOOL'],
    [js('', 'STRING', 'return {a: 1};', 'f()'), 'Failed to coerce output value "{"a":1}" to type STRING'],
    [js('', 'STRING', 'return new Promise(() => {});', 'f()'), 'never settled'],
    [js('', 'STRING', 'return Promise.reject(new Error("no"));', 'f()'), 'Error: no'],
    [js('', 'STRING', 'const a = []; for (;;) a.push(new Array(100000).fill(1));', 'f()'), 'UDF out of memory'],
    [
      js('', 'STRING', 'function g() { return g() + 1; } return g();', 'f()'),
      'RangeError: Maximum call stack size exceeded',
    ],
    [js('', 'STRING', 'return 1 +;', 'f()'), 'SyntaxError'],
    [js('x INT64', 'STRING', 'return x;', 'f(1)'), 'Type INT64 as an argument of a JavaScript function'],
    [js('x DATETIME', 'STRING', 'return x;', 'f(NULL)'), 'Type DATETIME as an argument of a JavaScript function'],
    [js('', 'TIME', 'return 1;', 'f()'), 'Type TIME as the result of a JavaScript function'],
    [
      'CREATE TEMP FUNCTION f() RETURNS STRING LANGUAGE js OPTIONS (library=["gs://a/b.js"]) AS "return 1"; SELECT f()',
      'Option library of a routine is not supported by the local BigQuery',
    ],
    [
      'CREATE TEMP FUNCTION f() RETURNS STRING LANGUAGE python AS "return 1"; SELECT f()',
      'LANGUAGE PYTHON is not supported',
    ],
  ])(
    '%s fails',
    async (sql, message) => {
      expect(await warehouse.failure(sql)).toContain(message);
    },
    60_000,
  );

  it('ends one that does not end, and goes on', async () => {
    expect(await warehouse.failure(js('', 'STRING', 'for (;;);', 'f()'))).toBe(
      'Resources exceeded during query execution: UDF timed out.',
    );
    expect(await rows(js('', 'STRING', 'return "a";', 'f()'))).toEqual([['a']]);
  }, 60_000);

  const pair =
    "CREATE TEMP FUNCTION j(x FLOAT64) RETURNS FLOAT64 LANGUAGE js AS 'return x === null ? -1 : x + 1'; " +
    'CREATE TEMP FUNCTION s(x FLOAT64) AS (x * x); ';
  it.each([
    ['SELECT s(j(x)) FROM ds.t ORDER BY 1', [[4], [9], [16]]],
    ['SELECT j(s(x)) FROM ds.t WHERE j(x) > 2 ORDER BY 1', [[5], [10]]],
    ['SELECT SUM(s(j(x))), COUNTIF(j(x) > 2), MAX(j(NULL)) FROM ds.t', [[29, '2', -1]]],
    ['SELECT SUM(s((SELECT MAX(v) + t.x FROM UNNEST([1, 2]) AS v))) FROM ds.t AS t', [[50]]],
    ['SELECT j(x), COUNT(*) FROM ds.t GROUP BY j(x) ORDER BY 1 LIMIT 1', [[2, '1']]],
    ['SELECT a.x FROM ds.t AS a JOIN ds.t AS b ON j(a.x) = b.x ORDER BY 1', [['1'], ['2']]],
    [
      'SELECT ARRAY(SELECT j(v) FROM UNNEST([1, 2]) AS v ORDER BY 1), SAFE_CAST(CAST(j(1) AS STRING) AS INT64)',
      [[[2, 3], '2']],
    ],
    ['SELECT SUM(j(n)) FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS n', [[12_507_500]]],
  ])('work in all places of a query: %s', async (sql, expected) => {
    expect(await rows(pair + sql)).toEqual(expected);
  });

  it('keeps what one statement does to its globals from the next', async () => {
    const count = js('', 'FLOAT64', 'globalThis.n = (globalThis.n || 0) + 1; JSON.stringify = null; return n;', 'f()');
    expect(await rows(count)).toEqual([[1]]);
    expect(await rows(count)).toEqual([[1]]);
  });
});

describe('functions are refused', () => {
  it.each([
    ['CREATE TEMP FUNCTION f(x INT64) AS (y); SELECT f(1)', 'Unrecognized name: y at [1:37]'],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f("a")',
      'No matching signature for function f for argument types: STRING. Supported signature: f(INT64) at [1:48]',
    ],
    ['CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT g(1)', 'Function not found: g'],
    [
      'CREATE TEMP FUNCTION f(x INT64) AS (x); CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(1)',
      'Already Exists: Function f',
    ],
    [
      'CREATE TEMP FUNCTION upper(x INT64) AS (x); SELECT upper(1)',
      'Function name upper is that of a built-in function',
    ],
    [
      'CREATE TEMP FUNCTION f(x FLOAT64) AS (x + x); SELECT f(RAND())',
      'A random value as argument x of f, which uses it in several places',
    ],
    ['CREATE TEMP FUNCTION f(x INT64) AS (f(x)); SELECT f(1)', 'Function not found: f'],
    ['CREATE TEMP FUNCTION f(x ANY TYPE) AS (UPPER(x)); SELECT f(1)', 'UPPER'],
    [
      'CREATE TEMP AGGREGATE FUNCTION s(x INT64) AS (SUM(x)); SELECT s(DISTINCT x) FROM ds.t',
      'A call of the aggregate function s with DISTINCT',
    ],
    [
      'CREATE TEMP AGGREGATE FUNCTION s(x INT64) AS (SUM(x)); SELECT s(x) OVER () FROM ds.t',
      'does not support an OVER clause',
    ],
    ['CREATE TEMP FUNCTION d.f(x INT64) AS (x); SELECT 1', 'must have a name without a dataset'],
    ['CREATE TEMP TABLE FUNCTION f(x INT64) AS (SELECT x AS y)', 'CREATE TEMP TABLE FUNCTION is not supported'],
    ['CREATE FUNCTION ds.f(x INT64) AS ((SELECT MAX(y) FROM u WHERE x > 0))', 'u'],
  ])('%s', async (sql, message) => {
    expect(await warehouse.failure(sql)).toContain(message);
  });
});
