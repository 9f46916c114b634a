import { expect, test } from 'vitest';
import { firstSemicolon, isBlank, withoutStringsAndComments } from './statement.ts';

test.each([
  ['SELECT 1', -1],
  ['SELECT 1;', 8],
  ["SELECT ';'", -1],
  ["SELECT 'it\\';s';", 15],
  ['SELECT "a;b", `c;d`', -1],
  ["SELECT '''a';b'''", -1],
  ["SELECT r'\\';'", -1],
  ['SELECT 1 -- a;b', -1],
  ['SELECT 1 # a;b\n;', 15],
  ['SELECT 1 /* ; */', -1],
  ["SELECT '' ;", 10],
])('finds the end of %s', (sql, at) => {
  expect(firstSemicolon(sql)).toBe(at);
});

test('comments and semicolons alone are blank', () => {
  expect(isBlank(' ; -- done\n/* x */')).toBe(true);
  expect(isBlank('; SELECT 2')).toBe(false);
});

test('words in strings and comments do not count as calls', () => {
  expect(withoutStringsAndComments("SELECT 'RAND()' AS a -- RAND()\n, `t` /* RAND() */")).not.toContain('RAND');
});
