import { expect, it } from 'vitest';

import { splitQuotedPaths, splittable } from './quoted-path.ts';

it('takes quoted names of two and three parts apart', () => {
  expect(splittable(['my-project.ds.t'])).toEqual(['my-project', 'ds', 't']);
  expect(splittable(['ds.my table'])).toEqual(['ds', 'my table']);
});

it('leaves alone what cannot stand unquoted', () => {
  for (const name of ['t', 'select.ds.t', 'example.com:p.ds.t', '1p.ds.t', 'p.d-s.t', 'p..t'])
    expect(splittable([name])).toBeUndefined();
  expect(splittable(['p', 'ds', 't'])).toBeUndefined();
});

it('moves the back quote and keeps the length of the text', () => {
  const sql = 'SELECT t.a FROM `p.ds.t` JOIN `p.ds.u`';
  const split = splitQuotedPaths(sql, new Set(['p.ds.t']));
  expect(split).toBe('SELECT t.a FROM p.ds.`t` JOIN `p.ds.u`');
  expect(split).toHaveLength(sql.length);
});

it('does not touch strings and comments', () => {
  const names = new Set(['p.ds.t']);
  for (const sql of [
    "SELECT '`p.ds.t`'",
    'SELECT """ ` `p.ds.t` """',
    'SELECT 1 -- `p.ds.t`',
    '# `p.ds.t`',
    '/* `p.ds.t` */ SELECT 1',
    "SELECT r'\\'`p.ds.t`'",
  ]) {
    expect(splitQuotedPaths(sql, names)).toBe(sql);
  }
});
