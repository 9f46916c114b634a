import { expect, it } from 'vitest';

import { withTemporaryFunctions } from './statement-list.ts';

it('takes functions and the query behind them apart, each in its place', () => {
  const sql =
    'CREATE TEMP FUNCTION f() AS (1);\ncreate or replace temporary aggregate function g(x INT64) as (sum(x));\nSELECT f();';
  const list = withTemporaryFunctions(sql)!;
  expect(list.functions.map((text) => text.trim())).toEqual([
    'CREATE TEMP FUNCTION f() AS (1)',
    'create or replace temporary aggregate function g(x INT64) as (sum(x))',
  ]);
  expect(list.last.trim()).toBe('SELECT f()');
  expect(list.last.split('\n')).toHaveLength(3);
  expect(list.last.indexOf('SELECT')).toBe(sql.indexOf('SELECT'));
});

it.each([
  'SELECT 1',
  'CREATE TEMP FUNCTION f() AS (1)',
  'CREATE TEMP FUNCTION f() AS (1);',
  'SELECT 1; SELECT 2',
  'CREATE TEMP FUNCTION f() AS (1); SELECT 1; SELECT 2',
  'DECLARE x INT64; CREATE TEMP FUNCTION f() AS (1); SELECT x',
  'CREATE TEMP TABLE t (x INT64); SELECT 1',
  'CREATE TEMP FUNCTION f() AS (1);; SELECT 1',
  'CREATE TEMP FUNCTION f() AS (1); BEGIN SELECT 1; END',
  "SELECT 'CREATE TEMP FUNCTION f() AS (1); SELECT 1'",
])('leaves alone: %s', (sql) => {
  expect(withTemporaryFunctions(sql)).toBeUndefined();
});

it('has functions alone as a list whose last one is left', () => {
  const list = withTemporaryFunctions('CREATE TEMP FUNCTION f() AS (1); CREATE TEMP FUNCTION g() AS (2)')!;
  expect([list.functions.length, list.last.trim()]).toEqual([1, 'CREATE TEMP FUNCTION g() AS (2)']);
});
