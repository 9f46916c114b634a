import { expect, it } from 'vitest';

import { calledPaths } from './callees.ts';

it.each([
  ['SELECT d.f(1), p.d.g (2), `p-1.d.h`(3), `p-1`.d.i(4)', ['d.f', 'p.d.g', 'p-1.d.h', 'p-1.d.i']],
  ['SELECT a-d.f(1) FROM d.tf(2) AS x JOIN d.t USING (a)', ['d.f', 'd.tf']],
  ['SELECT SAFE.d.f(1), NET.HOST(x)', ['d.f', 'NET.HOST']],
  ['SELECT \'d.f(1)\', "d.g(2)", 1 -- d.h(3)\n/* d.i(4) */', []],
  ['SELECT d /* so */ . /* what */ f -- now\n (1)', ['d.f']],
  ['INSERT INTO d.t (a) SELECT d.f(a) FROM d.s', ['d.f']],
  ['CREATE OR REPLACE FUNCTION d.f(x INT64) AS (d.g(x))', ['d.g']],
  ['CREATE TABLE IF NOT EXISTS d.t (x INT64)', []],
  ['CALL d.p(d.f(1))', ['d.f']],
  ['SELECT f(1), COUNT(*)', []],
  ['SELECT d.f(1), d.f(2)', ['d.f']],
])('%s calls %j', (sql, paths) => {
  expect(
    calledPaths(sql, false)
      .filter((path) => path.join('.').includes('.'))
      .map((path) => path.join('.')),
  ).toEqual(paths);
});

it('finds plain names where they are asked for', () => {
  expect(calledPaths('SELECT f(1), COUNT(*) FROM t', true)).toEqual([['f'], ['COUNT']]);
  expect(calledPaths('SELECT f(1), COUNT(*) FROM t', false)).toEqual([]);
});
