import { expect, test } from 'vitest';
import { namedTables, tableName } from './query-names.ts';

const names = (sql: string): string[] => namedTables(sql, 'p').map(tableName);

test.each([
  ['a table with and without its project', 'SELECT * FROM shop.a JOIN `q.shop.b` USING (id)', ['p.shop.a', 'q.shop.b']],
  ['each part in quotes of its own', 'SELECT 1 FROM `my-p`.`shop`.`a b` AS x', ['my-p.shop.a b']],
  ['a project with dashes, unquoted', 'SELECT 1 FROM my-p.shop.a', ['my-p.shop.a']],
  [
    'a list with commas',
    'SELECT a.x, b.y FROM shop.a, shop.b AS b, shop.c WHERE a.x = b.y',
    ['p.shop.a', 'p.shop.b', 'p.shop.c'],
  ],
  [
    'a list that goes on after a condition',
    'SELECT 1 FROM s.a JOIN s.b ON a.x = b.x, s.c',
    ['p.s.a', 'p.s.b', 'p.s.c'],
  ],
  ['a subquery and a union', 'SELECT 1 FROM (SELECT x FROM s.a) AS q UNION ALL SELECT x FROM s.b', ['p.s.a', 'p.s.b']],
  [
    'a join in parentheses',
    'SELECT 1 FROM ((s.a JOIN s.b USING (x)) JOIN s.c USING (x)), s.d',
    ['p.s.a', 'p.s.b', 'p.s.c', 'p.s.d'],
  ],
  [
    'what the arguments of a table function read',
    'SELECT 1 FROM s.fn(1, (SELECT MAX(x) FROM s.a)) AS f, s.b',
    ['p.s.a', 'p.s.b'],
  ],
  ['pipe syntax', 'FROM s.a |> JOIN s.b USING (x) |> WHERE x > 1 |> SELECT x', ['p.s.a', 'p.s.b']],
  ['a wildcard', 'SELECT 1 FROM `p.s.events_*`', ['p.s.events_*']],
  ['one table twice', 'SELECT 1 FROM s.a JOIN `p.s.a` AS b USING (x)', ['p.s.a']],
])('finds %s', (_what, sql, expected) => {
  expect(names(sql)).toEqual(expected);
});

test.each([
  ['names of common table expressions', 'WITH q AS (SELECT 1 AS x) SELECT x FROM q', []],
  ['arrays of the tables before', 'SELECT 1 FROM s.orders, orders.items, UNNEST(orders.tags)', ['p.s.orders']],
  ['arrays by an alias', 'SELECT 1 FROM s.orders AS o CROSS JOIN o.items', ['p.s.orders']],
  ['arrays of a subquery', 'SELECT 1 FROM (SELECT * FROM s.a) q, q.items', ['p.s.a']],
  ['FROM in expressions', 'SELECT EXTRACT(DAY FROM o.at), o.a IS DISTINCT FROM o.b FROM s.orders AS o', ['p.s.orders']],
  ['strings and comments', `SELECT 'FROM s.x' -- FROM s.y\nFROM s.a /* JOIN s.z */ # FROM s.q`, ['p.s.a']],
  ['columns', 'SELECT a.x, a.y FROM s.a AS a WHERE a.x IN (1, 2) GROUP BY a.x, a.y', ['p.s.a']],
  ['the information schema', 'SELECT 1 FROM s.INFORMATION_SCHEMA.TABLES', []],
  ['what would break out of a command', "SELECT 1 FROM `p.s.a'; DROP`", []],
])('leaves out %s', (_what, sql, expected) => {
  expect(names(sql)).toEqual(expected);
});

test('gives at most 100 names', () => {
  const list = Array.from({ length: 300 }, (_, index) => `s.t${index}`).join(', ');
  expect(names(`SELECT 1 FROM ${list}`).length).toBe(100);
});
