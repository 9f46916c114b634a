// Arrays and REQUIRED fields inside structs, on their way into tables, out of them and into results.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { TestWarehouse } from './test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
  await warehouse.run(
    'CREATE TABLE ds.t (id INT64, s STRUCT<a INT64 NOT NULL, b ARRAY<STRING>>, r ARRAY<STRUCT<k STRING NOT NULL, v ARRAY<INT64>>>)',
  );
  await warehouse.run("INSERT ds.t VALUES (1, (1, ['x']), [('k', [1])])");
});

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
});

describe('NULL in an array inside a struct', () => {
  it.each([
    ['SELECT STRUCT([1, NULL] AS a)', 'f0_.a'],
    ['SELECT [STRUCT(STRUCT(["a", NULL] AS b) AS a)] AS x', 'x.a.b'],
    ["INSERT ds.t VALUES (4, (1, ['x', NULL]), [])", 's.b'],
    ["INSERT ds.t VALUES (4, NULL, [('k', [1, NULL])])", 'r.v'],
    ['INSERT ds.t (id, s) SELECT 4, STRUCT(1, [CAST(NULL AS STRING)])', 's.b'],
    ['UPDATE ds.t SET s.b = [CAST(NULL AS STRING)] WHERE id = 1', 's.b'],
    [
      "MERGE ds.t USING (SELECT 9 AS n) ON id = n WHEN NOT MATCHED THEN INSERT (id, s) VALUES (n, (1, ['x', NULL]))",
      's.b',
    ],
    ['CREATE TABLE ds.n AS SELECT STRUCT([1, NULL] AS a) AS s', 's.a'],
  ])('fails %s', async (sql, field) => {
    expect(await warehouse.failure(sql)).toBe(`Array cannot have a null element; error in writing field ${field}`);
  });
});

describe('NULL in a REQUIRED field of a struct', () => {
  it.each([
    ["INSERT ds.t VALUES (4, (NULL, ['x']), [])", 's.a'],
    ['INSERT ds.t VALUES (4, NULL, [(CAST(NULL AS STRING), [1])])', 'r.k'],
    ["INSERT ds.t (id, s) SELECT 5, STRUCT(CAST(NULL AS INT64), ['a'])", 's.a'],
    ['UPDATE ds.t SET s.a = NULL WHERE id = 1', 's.a'],
    ['MERGE ds.t USING (SELECT 1 AS n) ON id = n WHEN MATCHED THEN UPDATE SET s.a = NULL', 's.a'],
    [
      "MERGE ds.t USING (SELECT 9 AS n) ON id = n WHEN NOT MATCHED THEN INSERT (id, s) VALUES (n, (NULL, ['x']))",
      's.a',
    ],
    ['CREATE TABLE ds.n (s STRUCT<a INT64 NOT NULL>) AS SELECT STRUCT(CAST(NULL AS INT64) AS a)', 's.a'],
  ])('fails %s', async (sql, field) => {
    expect(await warehouse.failure(sql)).toBe(`Required field ${field} cannot be null`);
  });

  it('is no fault where the struct itself is NULL', async () => {
    await warehouse.run('CREATE TABLE ds.o (s STRUCT<a INT64 NOT NULL>) AS SELECT CAST(NULL AS STRUCT<a INT64>)');
    await warehouse.run('INSERT ds.o VALUES (NULL), (STRUCT(1))');
    expect(await warehouse.rows('SELECT COUNT(*), COUNT(s) FROM ds.o')).toEqual([['3', '1']]);
  });
});

describe('a stored NULL array', () => {
  it('is an empty one, in structs and in arrays of structs too', async () => {
    await warehouse.connection.run(
      "INSERT INTO ds.t VALUES (2, {f0: 2, f1: NULL}, [{f0: 'k', f1: NULL}]), (3, NULL, NULL)",
    );
    expect(
      await warehouse.rows(
        'SELECT id, s IS NULL, s.b IS NULL, ARRAY_LENGTH(s.b), ARRAY_LENGTH(r), (SELECT SUM(ARRAY_LENGTH(e.v)) FROM UNNEST(r) AS e) FROM ds.t WHERE id > 1 ORDER BY id',
      ),
    ).toEqual([
      ['2', false, false, '0', '1', '0'],
      ['3', true, true, null, '0', null],
    ]);
  });
});
