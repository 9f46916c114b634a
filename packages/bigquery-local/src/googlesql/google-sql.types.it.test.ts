// Columns of the types that DuckDB does not have: what a table takes in and gives back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { TestWarehouse } from './test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
});

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
});

describe('parameterized columns', () => {
  beforeAll(async () => {
    await warehouse.run(
      `CREATE TABLE ds.p (s STRING(3), b BYTES(2), n NUMERIC(5, 2), e NUMERIC(3, 1) OPTIONS (rounding_mode = 'ROUND_HALF_EVEN'),
         g BIGNUMERIC(40, 2), r ARRAY<STRUCT<x STRING(2), y NUMERIC(3)>>)`,
    );
  });

  it('are in the schema as the REST API writes them', async () => {
    const { statement } = await warehouse.analyze(
      'CREATE TABLE ds.q (s STRING(3), n NUMERIC(5, 2), g BIGNUMERIC(30), r ARRAY<STRUCT<x STRING(2)>>, a ARRAY<BYTES(4)>)',
    );
    expect(statement).toMatchObject({
      fields: [
        { name: 's', type: 'STRING', maxLength: '3' },
        { name: 'n', type: 'NUMERIC', precision: '5', scale: '2' },
        { name: 'g', type: 'BIGNUMERIC', precision: '30' },
        { name: 'r', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'x', maxLength: '2' }] },
        { name: 'a', type: 'BYTES', mode: 'REPEATED', maxLength: '4' },
      ],
    });
  });

  it('take what fits, decimals rounded to their scale', async () => {
    await warehouse.run(
      `INSERT ds.p (s, b, n, e, g, r) VALUES ('äöü', b'ab', 123.455, 1.25, 0.005, [STRUCT('ab', NUMERIC '99.5'), STRUCT(NULL, NULL)]), (NULL, NULL, NULL, 1.35, NULL, [])`,
    );
    expect(
      await warehouse.rows(
        'SELECT s, CAST(n AS STRING), CAST(e AS STRING), CAST(g AS STRING), TO_JSON_STRING(r) FROM ds.p ORDER BY s DESC',
      ),
    ).toEqual([
      ['äöü', '123.46', '1.2', '0.01', '[{"x":"ab","y":100},{"x":null,"y":null}]'],
      [null, null, '1.4', null, '[]'],
    ]);
  });

  it.each([
    [`INSERT ds.p (s) VALUES ('abcd')`, 'Field s: STRING(3) has maximum length 3 but got a value with length 4'],
    [`INSERT ds.p (b) SELECT b'abc'`, 'Field b: BYTES(2) has maximum length 2 but got a value with length 3'],
    [
      'INSERT ds.p (n) VALUES (999.995)',
      'Field n: NUMERIC(5, 2) has precision 5 and scale 2 but got a value that is not in range of [-999.99, 999.99]',
    ],
    [
      `INSERT ds.p (r) VALUES ([STRUCT('abc', 1)])`,
      'Field r: STRING(2) has maximum length 2 but got a value with length 3',
    ],
    [`UPDATE ds.p SET s = 'long' WHERE TRUE`, 'Field s: STRING(3) has maximum length 3 but got a value with length 4'],
    [
      `MERGE ds.p USING (SELECT 'many' AS x) ON FALSE WHEN NOT MATCHED THEN INSERT (s) VALUES (x)`,
      'Field s: STRING(3) has maximum length 3 but got a value with length 4',
    ],
    [
      `CREATE TABLE ds.r (s STRING(1)) AS SELECT 'ab' AS s`,
      'Field s: STRING(1) has maximum length 1 but got a value with length 2',
    ],
  ])('refuse what does not fit: %s', async (sql, message) => {
    const before = await warehouse.rows('SELECT COUNT(*) FROM ds.p');
    expect(await warehouse.failure(sql)).toBe(message);
    expect(await warehouse.rows('SELECT COUNT(*) FROM ds.p')).toEqual(before);
  });
});

describe('BIGNUMERIC columns', () => {
  it('join, group, order and add up as numbers', async () => {
    await warehouse.run('CREATE TABLE ds.big (id INT64, x BIGNUMERIC)');
    await warehouse.run(
      `INSERT ds.big VALUES (1, BIGNUMERIC '-10'), (2, BIGNUMERIC '-9.5'), (3, BIGNUMERIC '0'), (4, 2), (5, BIGNUMERIC '10.000'), (6, 10), (7, NULL)`,
    );
    expect(await warehouse.rows('SELECT id FROM ds.big ORDER BY x, id')).toEqual([
      ['7'],
      ['1'],
      ['2'],
      ['3'],
      ['4'],
      ['5'],
      ['6'],
    ]);
    expect(await warehouse.rows('SELECT COUNT(*) FROM ds.big a JOIN ds.big b ON a.x = b.x')).toEqual([['8']]);
    expect(
      await warehouse.rows('SELECT CAST(x AS STRING), COUNT(*) FROM ds.big WHERE x > 0 GROUP BY x ORDER BY x'),
    ).toEqual([
      ['2', '1'],
      ['10', '2'],
    ]);
    await warehouse.run('UPDATE ds.big SET x = x / 3 WHERE id = 6');
    expect(await warehouse.rows('SELECT CAST(SUM(x) AS STRING), CAST(MIN(x) AS STRING) FROM ds.big')).toEqual([
      ['-4.16666666666666666666666666666666666667', '-10'],
    ]);
  });
});

describe('RANGE, INTERVAL and GEOGRAPHY columns', () => {
  it('keep their values through INSERT, UPDATE and MERGE', async () => {
    await warehouse.run('CREATE TABLE ds.w (id INT64, r RANGE<DATE>, v INTERVAL, p GEOGRAPHY, a ARRAY<RANGE<DATE>>)');
    await warehouse.run(
      `INSERT ds.w VALUES (1, RANGE(DATE '2020-01-01', NULL), INTERVAL 1 MONTH, ST_GEOGPOINT(1, 2), [RANGE(NULL, DATE '2020-01-01')]),
         (2, NULL, NULL, NULL, NULL)`,
    );
    await warehouse.run(
      `UPDATE ds.w SET r = RANGE(DATE '2021-01-01', DATE '2021-02-01'), v = v + INTERVAL 1 DAY, p = ST_GEOGPOINT(3, 4) WHERE v = INTERVAL 30 DAY`,
    );
    await warehouse.run(
      `MERGE ds.w USING (SELECT RANGE(DATE '2021-01-01', DATE '2021-02-01') AS r) s ON w.r = s.r
         WHEN MATCHED THEN UPDATE SET id = 10 WHEN NOT MATCHED BY SOURCE THEN DELETE`,
    );
    expect(
      await warehouse.rows(
        'SELECT id, RANGE_START(r), RANGE_END(r), CAST(v AS STRING), ST_ASTEXT(p), RANGE_END(a[OFFSET(0)]) FROM ds.w',
      ),
    ).toEqual([['10', '2021-01-01', '2021-02-01', '0-1 1 0:0:0', 'POINT(3 4)', '2020-01-01']]);
  });

  it('cannot be grouped by where GoogleSQL does not', async () => {
    expect(await warehouse.failure('SELECT p, COUNT(*) FROM ds.w GROUP BY p')).toMatch(
      /Grouping by expressions of type GEOGRAPHY/,
    );
    expect(await warehouse.failure('SELECT p = p FROM ds.w')).toMatch(/GEOGRAPHY/);
  });
});

describe('collated columns', () => {
  it('compare, group and sort without regard to case', async () => {
    await warehouse.run(`CREATE TABLE ds.ci (id INT64, x STRING COLLATE 'und:ci')`);
    await warehouse.run(`INSERT ds.ci VALUES (1, 'b'), (2, 'A'), (3, 'a'), (4, 'B'), (5, 'é'), (6, 'É'), (7, NULL)`);
    expect(await warehouse.rows(`SELECT id FROM ds.ci WHERE x = 'a' ORDER BY id`)).toEqual([['2'], ['3']]);
    expect(await warehouse.rows(`SELECT LOWER(x), COUNT(*) FROM ds.ci GROUP BY x ORDER BY x`)).toEqual([
      [null, '1'],
      ['a', '2'],
      ['b', '2'],
      ['é', '2'],
    ]);
    expect(await warehouse.rows('SELECT COUNT(*) FROM ds.ci a JOIN ds.ci b ON a.x = b.x AND a.id < b.id')).toEqual([
      ['3'],
    ]);
    await warehouse.run(`DELETE ds.ci WHERE x IN ('É', 'B')`);
    expect(await warehouse.rows('SELECT id FROM ds.ci ORDER BY x, id')).toEqual([['7'], ['2'], ['3']]);
  });

  it('are refused by name where the collation would not be kept', async () => {
    expect(await warehouse.failure(`SELECT x LIKE 'a%' FROM ds.ci`)).toBe(
      'LIKE with collation is not supported by the local BigQuery',
    );
    expect(await warehouse.failure(`SELECT x FROM ds.ci EXCEPT DISTINCT SELECT 'a'`)).toMatch(/EXCEPT with collation/);
    expect(await warehouse.failure(`SELECT 'A' IN (SELECT x FROM ds.ci)`)).toMatch(/IN \(subquery\) with collation/);
    expect(await warehouse.failure(`CREATE TABLE ds.deep (a ARRAY<STRING COLLATE 'und:ci'>)`)).toMatch(
      /COLLATE inside of/,
    );
  });
});
