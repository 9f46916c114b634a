import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { TestResult } from './test-warehouse.ts';
import { TestWarehouse } from './test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
});

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await warehouse.run(
    'CREATE OR REPLACE TABLE ds.t (id INT64 NOT NULL, name STRING, tags ARRAY<STRING>, s STRUCT<x INT64, y STRING>)',
  );
  await warehouse.run(
    "INSERT INTO ds.t VALUES (1, 'one', ['a'], (1, 'u')), (2, 'two', [], NULL), (3, 'three', NULL, (3, 'w'))",
  );
});

const counts = async (sql: string): Promise<TestResult['counts']> => (await warehouse.run(sql)).counts;
const table = (): Promise<readonly (readonly unknown[])[]> =>
  warehouse.rows('SELECT id, name FROM ds.t ORDER BY id, name');

describe('INSERT', () => {
  it('adds values to some of the columns and counts them', async () => {
    expect(await counts("INSERT ds.t (name, id) VALUES ('four', 4), (DEFAULT, 5)")).toEqual({
      inserted: '2',
      updated: '0',
      deleted: '0',
    });
    expect((await table()).slice(3)).toEqual([
      ['4', 'four'],
      ['5', null],
    ]);
  });

  it('adds the rows of a query, which sees the table as it was', async () => {
    expect(await counts('INSERT INTO ds.t (id, name) SELECT id + 10, name FROM ds.t')).toMatchObject({ inserted: '3' });
    expect(await table()).toHaveLength(6);
  });

  it('fills in defaults of omitted columns', async () => {
    await warehouse.run(
      "CREATE OR REPLACE TABLE ds.d (id INT64, txt STRING DEFAULT CONCAT('a', 'b'), n INT64 DEFAULT 1 + 1)",
    );
    await warehouse.run('INSERT INTO ds.d (id) VALUES (1)');
    await warehouse.run("INSERT INTO ds.d (id, txt, n) VALUES (2, 'x', DEFAULT)");
    await warehouse.run('INSERT INTO ds.d (id) SELECT 3');
    expect(await warehouse.rows('SELECT * FROM ds.d ORDER BY id')).toEqual([
      ['1', 'ab', '2'],
      ['2', 'x', '2'],
      ['3', 'ab', '2'],
    ]);
  });

  it('refuses NULL in a required column and leaves the table as it was', async () => {
    expect(await warehouse.failure("INSERT INTO ds.t (id, name) VALUES (9, 'x'), (NULL, 'y')")).toBe(
      'Required field id cannot be null',
    );
    expect(await table()).toHaveLength(3);
  });
});

describe('arrays', () => {
  it('with NULL in them are neither stored nor returned', async () => {
    const message = 'Array cannot have a null element; error in writing field tags';
    expect(await warehouse.failure("INSERT INTO ds.t (id, tags) VALUES (4, ['a', NULL])")).toBe(message);
    expect(await warehouse.failure("INSERT INTO ds.t (id, tags) SELECT 4, ['a', NULL]")).toBe(message);
    expect(await warehouse.failure("UPDATE ds.t SET tags = ['a', NULL] WHERE id = 1")).toBe(message);
    expect(
      await warehouse.failure(
        "MERGE ds.t USING (SELECT 4 AS k) ON id = k WHEN NOT MATCHED THEN INSERT (id, tags) VALUES (k, ['a', NULL])",
      ),
    ).toBe(message);
    expect(await warehouse.failure('SELECT [1, NULL] AS tags')).toBe(message);
    expect(await warehouse.rows('SELECT ARRAY_LENGTH([1, NULL])')).toEqual([['2']]);
    expect(await counts("INSERT INTO ds.t (id, tags) VALUES (4, ['a', 'b']), (5, NULL)")).toMatchObject({
      inserted: '2',
    });
  });
});

describe('UPDATE', () => {
  it('changes columns and fields of structs', async () => {
    expect(await counts("UPDATE ds.t SET name = UPPER(name), s.y = 'new', s.x = s.x + 1 WHERE id = 1")).toEqual({
      inserted: '0',
      updated: '1',
      deleted: '0',
    });
    expect(await warehouse.rows('SELECT name, s.x, s.y FROM ds.t WHERE id = 1')).toEqual([['ONE', '2', 'new']]);
  });

  it('takes values from FROM', async () => {
    expect(
      await counts(
        "UPDATE ds.t t SET name = u.n FROM (SELECT 2 AS i, 'zwei' AS n UNION ALL SELECT 9, 'neun') u WHERE t.id = u.i",
      ),
    ).toMatchObject({ updated: '1' });
    expect((await table())[1]).toEqual(['2', 'zwei']);
  });

  it('sees the old values everywhere', async () => {
    await warehouse.run('UPDATE ds.t SET id = id + 1 WHERE id IN (SELECT id FROM ds.t WHERE id < 3)');
    expect((await table()).map(([id]) => id)).toEqual(['2', '3', '3']);
  });

  it('refuses two source rows for one target row', async () => {
    expect(
      await warehouse.failure(
        'UPDATE ds.t t SET name = u.n FROM UNNEST([STRUCT(1 AS i, "a" AS n), (1, "b")]) u WHERE t.id = u.i',
      ),
    ).toBe('UPDATE/MERGE must match at most one source row for each target row');
    expect((await table())[0]).toEqual(['1', 'one']);
  });
});

describe('DELETE and TRUNCATE', () => {
  it('remove and count rows', async () => {
    expect(await counts('DELETE FROM ds.t WHERE id = (SELECT MAX(id) FROM ds.t)')).toEqual({
      inserted: '0',
      updated: '0',
      deleted: '1',
    });
    expect(await counts('DELETE ds.t WHERE NULL')).toMatchObject({ deleted: '0' });
    expect(await counts('TRUNCATE TABLE ds.t')).toMatchObject({ deleted: '2' });
    expect(await table()).toEqual([]);
  });
});

describe('MERGE', () => {
  it('runs every kind of clause over the table as it was before', async () => {
    expect(
      await counts(`MERGE ds.t t USING (SELECT 1 AS id, 'uno' AS name UNION ALL SELECT 4, 'four' UNION ALL SELECT 5, 'skip') s ON t.id = s.id
        WHEN MATCHED AND s.name = 'nope' THEN DELETE
        WHEN MATCHED THEN UPDATE SET name = CONCAT(t.name, '/', s.name)
        WHEN NOT MATCHED AND s.name != 'skip' THEN INSERT (id, name) VALUES (s.id, s.name)
        WHEN NOT MATCHED BY SOURCE AND t.id = 3 THEN DELETE
        WHEN NOT MATCHED BY SOURCE THEN UPDATE SET name = 'orphan'`),
    ).toEqual({ inserted: '1', updated: '2', deleted: '1' });
    expect(await table()).toEqual([
      ['1', 'one/uno'],
      ['2', 'orphan'],
      ['4', 'four'],
    ]);
  });

  it('has INSERT ROW, and ON FALSE to replace rows', async () => {
    expect(
      await counts(
        "MERGE ds.t USING (SELECT 7 AS id, 'seven' AS name, ['x'] AS tags, STRUCT(1 AS x, 'y' AS y) AS s) ON FALSE WHEN NOT MATCHED THEN INSERT ROW WHEN NOT MATCHED BY SOURCE AND id < 3 THEN DELETE",
      ),
    ).toEqual({ inserted: '1', updated: '0', deleted: '2' });
    expect(await table()).toEqual([
      ['3', 'three'],
      ['7', 'seven'],
    ]);
  });

  it('joins on conditions other than equality, and on NULL', async () => {
    expect(
      await counts(
        'MERGE ds.t t USING (SELECT 2 AS id) s ON t.id < s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (99)',
      ),
    ).toEqual({
      inserted: '0',
      updated: '0',
      deleted: '1',
    });
    expect(
      await counts(
        'MERGE ds.t t USING (SELECT CAST(NULL AS INT64) AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (99) WHEN NOT MATCHED BY SOURCE THEN DELETE',
      ),
    ).toEqual({
      inserted: '1',
      updated: '0',
      deleted: '2',
    });
  });

  it('refuses several source rows for one target row, and changes nothing', async () => {
    expect(
      await warehouse.failure(
        'MERGE ds.t t USING UNNEST([1, 1]) AS i ON t.id = i WHEN MATCHED THEN UPDATE SET name = "x" WHEN NOT MATCHED BY SOURCE THEN DELETE',
      ),
    ).toBe('UPDATE/MERGE must match at most one source row for each target row');
    expect(await table()).toHaveLength(3);
  });

  it('does not evaluate the values of clauses that do not apply', async () => {
    expect(
      await counts(
        "MERGE ds.t t USING (SELECT 1 AS id, 'x' AS v UNION ALL SELECT 8, '8') s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.v WHEN NOT MATCHED THEN INSERT (id) VALUES (CAST(s.v AS INT64))",
      ),
    ).toMatchObject({
      inserted: '1',
      updated: '1',
    });
  });
});

describe('CREATE TABLE', () => {
  it('tells columns, modes, descriptions, partitions, clusters and options', async () => {
    const { statement } = await warehouse.analyze(`CREATE TABLE IF NOT EXISTS other.ds.n (
        id INT64 NOT NULL OPTIONS (description = 'the key'), made TIMESTAMP DEFAULT CURRENT_TIMESTAMP(),
        r STRUCT<a INT64 NOT NULL, b ARRAY<STRING>>, n NUMERIC)
      PARTITION BY TIMESTAMP_TRUNC(made, HOUR) CLUSTER BY id
      OPTIONS (description = 'd', friendly_name = 'f', labels = [('k', 'v')], expiration_timestamp = TIMESTAMP_ADD(TIMESTAMP '2030-01-01', INTERVAL 14 DAY))`);
    expect(statement).toEqual({
      kind: 'CREATE_TABLE',
      target: { projectId: 'other', datasetId: 'ds', tableId: 'n' },
      mode: 'if_not_exists',
      fields: [
        { name: 'id', type: 'INTEGER', mode: 'REQUIRED', description: 'the key' },
        { name: 'made', type: 'TIMESTAMP', mode: 'NULLABLE', defaultValueExpression: 'CURRENT_TIMESTAMP()' },
        {
          name: 'r',
          type: 'RECORD',
          mode: 'NULLABLE',
          fields: [
            { name: 'a', type: 'INTEGER', mode: 'REQUIRED' },
            { name: 'b', type: 'STRING', mode: 'REPEATED' },
          ],
        },
        { name: 'n', type: 'NUMERIC', mode: 'NULLABLE' },
      ],
      partitionBy: { kind: 'time', field: 'made', type: 'HOUR' },
      clusterBy: ['id'],
      foreignKeys: [],
      options: { description: 'd', friendlyName: 'f', labels: { k: 'v' }, expirationMicros: 1_894_665_600_000_000n },
    });
  });

  it('evaluates an expiration from the current time', async () => {
    const before = BigInt(Date.now()) * 1000n;
    const { statement } = await warehouse.analyze(
      'CREATE TABLE ds.n (a INT64) OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY))',
    );
    const micros = statement.kind === 'CREATE_TABLE' ? statement.options.expirationMicros : undefined;
    expect(micros).toBeGreaterThanOrEqual(before + 86_400_000_000n);
  });

  it('is filled from a query', async () => {
    const { statement, reads } = await warehouse.run(
      'CREATE OR REPLACE TABLE ds.copy CLUSTER BY id AS SELECT id, tags FROM ds.t',
    );
    expect(statement).toMatchObject({
      kind: 'CREATE_TABLE_AS_SELECT',
      mode: 'or_replace',
      clusterBy: ['id'],
      fields: [
        { name: 'id', type: 'INTEGER' },
        { name: 'tags', type: 'STRING', mode: 'REPEATED' },
      ],
    });
    expect(reads.map((r) => r.ref.tableId)).toEqual(['t']);
    expect(await warehouse.rows('SELECT COUNT(*) FROM ds.copy')).toEqual([['3']]);
  });

  it.each([
    ['PARTITION BY d', 'DATE', 'DAY'],
    ['PARTITION BY DATE(d)', 'TIMESTAMP', 'DAY'],
    ['PARTITION BY DATE_TRUNC(d, MONTH)', 'DATE', 'MONTH'],
    ['PARTITION BY DATETIME_TRUNC(d, YEAR)', 'DATETIME', 'YEAR'],
  ])('takes %s over %s', async (clause, type, unit) => {
    const { statement } = await warehouse.analyze(`CREATE TABLE ds.n (d ${type}) ${clause}`);
    expect(statement).toMatchObject({ partitionBy: { field: 'd', type: unit } });
  });
});

describe('other DDL', () => {
  it('creates and drops schemas', async () => {
    expect(
      (await warehouse.analyze("CREATE SCHEMA IF NOT EXISTS `q.new` OPTIONS (location = 'EU', description = 'x')"))
        .statement,
    ).toEqual({
      kind: 'CREATE_SCHEMA',
      target: { projectId: 'q', datasetId: 'new' },
      ifNotExists: true,
      options: { location: 'EU', description: 'x' },
    });
    expect((await warehouse.analyze('DROP SCHEMA IF EXISTS recent CASCADE')).statement).toEqual({
      kind: 'DROP_SCHEMA',
      target: { projectId: 'p', datasetId: 'recent' },
      ifExists: true,
      cascade: true,
    });
  });

  it('drops tables and views', async () => {
    expect((await warehouse.analyze('DROP TABLE IF EXISTS ds.gone')).statement).toEqual({
      kind: 'DROP_TABLE',
      target: { projectId: 'p', datasetId: 'ds', tableId: 'gone' },
      ifExists: true,
    });
    expect(
      (await warehouse.analyze('DROP VIEW v', { defaultDataset: { projectId: 'q', datasetId: 'd' } })).statement,
    ).toMatchObject({
      kind: 'DROP_VIEW',
      target: { projectId: 'q', datasetId: 'd', tableId: 'v' },
    });
    expect(await warehouse.failure('DROP TABLE gone')).toBe(
      'Table "gone" must be qualified with a dataset (e.g. dataset.table).',
    );
  });
});

describe('what is not supported', () => {
  it.each([
    ['CREATE TABLE ds.n (a INT64, CHECK (a > 0))', 'CHECK'],
    ['CREATE TABLE ds.n (a INT64) OPTIONS (kms_key_name = "x")', 'Option kms_key_name of CREATE TABLE'],
    ['SELECT id FROM ds.t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()', 'FOR SYSTEM_TIME AS OF'],
    ['SELECT SAFE.SUM(id) FROM ds.t', 'SAFE.SUM'],
  ])('%s is refused by name', async (sql, name) => {
    expect(await warehouse.failure(sql)).toBe(`${name} is not supported by the local BigQuery`);
  });

  it.each([
    ['SELECT *, COUNT(*) FROM ds.t GROUP BY ALL', 'GROUP BY ALL with * in the SELECT list', '1:8'],
    ['FROM ds.t\n  |> RENAME id AS n', 'Pipe operator RENAME', '2:6'],
  ])('%s is refused by name and place', async (sql, name, place) => {
    expect(await warehouse.failure(sql)).toBe(`${name} is not supported by the local BigQuery at [${place}]`);
  });

  it('a syntax error beside the text of a pipe operator stays one', async () => {
    expect(await warehouse.failure("SELECT '|>' FROM FROM -- |>")).toMatch(/^Syntax error/);
  });

  it.each([
    ['CREATE VIEW ds.w AS SELECT @x AS a', /^Query parameters cannot be used inside SQL view bodies/],
    ['CREATE TABLE ds.w (a INT64 DEFAULT @x)', /^Query parameters cannot be used inside a column default expression/],
  ])('%s is refused: it would be stored without its parameter', async (sql, text) => {
    const values = new Map([['x', { type: { kind: 'INT64' as const }, value: 1n }]]);
    expect(await warehouse.failure(sql, { parameters: { mode: 'NAMED', values } })).toMatch(text);
  });
});
