import { describe, expect, it } from 'vitest';
import { desugared } from './desugar.ts';
import { offsetAt, placeAt } from './rewritten-text.ts';
import { pathAt, tokenize } from './tokens.ts';

describe('desugared', () => {
  it.each([
    'SELECT a\nFROM t\nWHERE b IS DISTINCT\nFROM c',
    'SELECT EXTRACT(DAY\nFROM d), (a IS DISTINCT FROM b), ((a)) IS NOT DISTINCT FROM (b)\nFROM t',
    'DELETE\nFROM t WHERE x = 1',
    'UPDATE t SET x = u.x\nFROM u WHERE t.id = u.id',
    "REVOKE `roles/bigquery.dataViewer` ON TABLE d.t\nFROM 'user:a@example.com'",
    'MERGE t USING (SELECT 1 AS x\nFROM u) AS s ON t.x = s.x WHEN MATCHED THEN DELETE',
    'INSERT INTO t (a)\nSELECT a\nFROM u',
    'SELECT \'|> WHERE\', "GROUP BY ALL" -- |> x\nFROM t /* FROM u |> WHERE */',
    'SELECT a FROM t GROUP BY a ORDER BY ALL_THINGS',
    'CREATE PROCEDURE p() BEGIN\nDELETE\nFROM t WHERE TRUE; END',
    'SELECT TRIM(x)\nFROM UNNEST([1, (2)]) AS x WITH OFFSET',
    'SELECT (((1)\nFROM t',
    'SELECT ARRAY(SELECT x\nFROM UNNEST([1]) AS x)\nFROM (SELECT 1)',
    'WITH w AS (\nSELECT 1\n)\nSELECT *\nFROM w',
    '',
    'FROM',
  ])('leaves alone or to the analyser: %s', (sql) => {
    let text: string | undefined;
    try {
      text = desugared(sql)?.text;
    } catch (error) {
      text = String(error).includes('FROM clause') ? undefined : String(error);
    }
    expect(text).toBeUndefined();
  });

  it('gives each place of the new text one in the old', () => {
    const sql = 'FROM t\n|> WHERE nope = 1\n|> SELECT also';
    const rewritten = desugared(sql)!;
    for (const word of ['t', 'nope', 'also']) {
      const pattern = new RegExp(`\\b${word}\\b`);
      expect(rewritten.sourceOffset(rewritten.text.search(pattern))).toBe(sql.search(pattern));
    }
  });
});

it('reads the places of errors, with tabs and wide characters, there and back', () => {
  const text = 'SELECT\t\t1,\n\t日本 é, 𝒙 nope';
  for (const offset of [0, 7, 8, 9, 11, 12, 13, 15, 21]) {
    const { line, column } = placeAt(text, offset);
    expect(offsetAt(text, line, column)).toBe(offset);
  }
  expect(placeAt(text, 12)).toEqual({ line: 2, column: 9 });
});

it('finds paths with dashes, back quotes and numbers', () => {
  const path = (sql: string) => pathAt(tokenize(sql), 0)?.path;
  expect(path('my-project.d.t SET')).toEqual(['my-project', 'd', 't']);
  expect(path('my-project-1.d.t')).toEqual(['my-project-1', 'd', 't']);
  expect(path('`p.d`.t')).toEqual(['p.d', 't']);
  expect(path('d.t-1')).toEqual(['d', 't']);
  expect(path('(x)')).toBeUndefined();
});
