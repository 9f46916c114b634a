import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { TableRead } from './statement.ts';
import { TestWarehouse } from './test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
  await warehouse.run('CREATE TABLE ds.t (id INT64, name STRING, secret STRING)');
  await warehouse.run("INSERT INTO ds.t VALUES (1, 'one', 's1'), (2, 'two', 's2')");
  await warehouse.run('CREATE VIEW ds.v AS SELECT id, name AS label FROM ds.t WHERE secret IS NOT NULL');
  await warehouse.run('CREATE VIEW ds.vv (k, twice) AS SELECT id, CONCAT(label, label) FROM ds.v');
});

afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
});

const shortRead = (read: TableRead): unknown[] => [
  read.ref.tableId,
  read.kind,
  [...read.columns].sort(),
  read.via !== undefined && 'tableId' in read.via ? read.via.tableId : undefined,
];
const reads = async (sql: string): Promise<unknown[]> => (await warehouse.analyze(sql)).reads.map(shortRead);

describe('reads', () => {
  it('are the tables and columns that the query uses, no more', async () => {
    expect(await reads('SELECT NAME FROM ds.t WHERE id > 1')).toEqual([['t', 'TABLE', ['id', 'name'], undefined]]);
    expect(await reads('SELECT COUNT(*) FROM ds.t')).toEqual([['t', 'TABLE', [], undefined]]);
    expect(await reads('SELECT 1')).toEqual([]);
  });

  it('name a table once, with the columns of all its scans', async () => {
    expect(await reads('SELECT x.id FROM ds.t x JOIN ds.t y ON x.id = y.id WHERE y.secret = "s"')).toEqual([
      ['t', 'TABLE', ['id', 'secret'], undefined],
    ]);
  });

  it('name views, and what lies under them with the view that leads there', async () => {
    expect(new Set(await reads('SELECT k FROM ds.vv'))).toEqual(
      new Set([
        ['vv', 'VIEW', ['k'], undefined],
        ['v', 'VIEW', ['id', 'label'], 'vv'],
        ['t', 'TABLE', ['id', 'name', 'secret'], 'v'],
      ]),
    );
  });

  it('of DML are what it reads of its target, and its sources', async () => {
    expect(await reads("UPDATE ds.t SET name = 'x' WHERE id = 1")).toEqual([['t', 'TABLE', ['id'], undefined]]);
    expect(await reads('INSERT INTO ds.t (id) VALUES (1)')).toEqual([]);
    expect(await reads('INSERT INTO ds.t (id) SELECT k FROM ds.vv')).toContainEqual(['vv', 'VIEW', ['k'], undefined]);
    expect(await reads('MERGE ds.t t USING ds.v s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.label')).toEqual(
      expect.arrayContaining([
        ['t', 'TABLE', ['id'], undefined],
        ['v', 'VIEW', ['id', 'label'], undefined],
      ]),
    );
  });
});

describe('views', () => {
  it('are expanded, one over the other', async () => {
    expect(
      await warehouse.rows(
        'SELECT a.k, b.twice, c.label FROM ds.vv a JOIN ds.vv b USING (k) JOIN ds.v c ON c.id = b.k ORDER BY a.k',
      ),
    ).toEqual([
      ['1', 'oneone', 'one'],
      ['2', 'twotwo', 'two'],
    ]);
  });

  it('tell their tables to the lookup with the view they are under, in the project of the view', async () => {
    const asked: unknown[] = [];
    const fields = [{ name: 'id', type: 'INTEGER' }];
    await warehouse.analyze('SELECT id FROM ds.view', {
      lookup: {
        table: (path, via) => {
          asked.push([path, via]);
          const ref = { projectId: 'other', datasetId: 'ds', tableId: path.at(-1)! };
          return Promise.resolve(
            ref.tableId === 'view'
              ? { ref, kind: 'VIEW', fields, viewQuery: 'SELECT id FROM ds.base' }
              : { ref, kind: 'TABLE', fields, physicalName: 'x' },
          );
        },
      },
    });
    expect(asked).toEqual([
      [['ds', 'view'], undefined],
      [['other', 'ds', 'base'], { projectId: 'other', datasetId: 'ds', tableId: 'view' }],
    ]);
  });

  it('may not go deeper than 16, nor name themselves', async () => {
    await warehouse.run('CREATE VIEW ds.loop AS SELECT 1 AS a');
    await warehouse.run('CREATE OR REPLACE VIEW ds.loop AS SELECT a FROM ds.loop');
    expect(await warehouse.failure('SELECT a FROM ds.loop')).toBe(
      'Exceeded the maximum nested view depth of 16 at view p:ds.loop.',
    );
  });

  it('cannot be changed by DML, nor be made over tables without a dataset', async () => {
    expect(await warehouse.failure('INSERT INTO ds.v (id) VALUES (1)')).toBe(
      'Modifying views is not supported: p:ds.v',
    );
    expect(
      await warehouse.failure('CREATE VIEW ds.w AS SELECT id FROM t', {
        defaultDataset: { projectId: 'p', datasetId: 'ds' },
      }),
    ).toBe('Table "t" must be qualified with a dataset (e.g. dataset.table).');
  });
});

describe('parameters', () => {
  it('are given by name, in any case', async () => {
    const values = new Map([['Wanted', { type: { kind: 'STRING' as const }, value: "two' --" }]]);
    expect(
      await warehouse.rows("SELECT @wanted, CONCAT(@WANTED, 'x')", { parameters: { mode: 'NAMED', values } }),
    ).toEqual([["two' --", "two' --x"]]);
  });

  it('are given by position, arrays and NULL too', async () => {
    const values = [
      { type: { kind: 'ARRAY' as const, element: { kind: 'INT64' as const } }, value: [2n, 3n] },
      { type: { kind: 'STRING' as const }, value: null },
    ];
    expect(
      await warehouse.rows('SELECT id, ? IS NULL FROM ds.t WHERE id IN UNNEST(?)', {
        parameters: { mode: 'POSITIONAL', values: [values[1]!, values[0]!] },
      }),
    ).toEqual([['2', true]]);
  });

  it('that are missing are named', async () => {
    expect(await warehouse.failure('SELECT @nope')).toBe("Query parameter 'nope' not found at [1:8]");
  });
});

describe('errors', () => {
  it.each([
    ['SELECT nme FROM ds.t', 'Unrecognized name: nme; Did you mean name? at [1:8]'],
    [
      'SELECT\n  UPPER(id) FROM ds.t',
      'No matching signature for function UPPER for argument types: INT64. Supported signatures: UPPER(STRING); UPPER(BYTES) at [2:3]',
    ],
    ['SELECT FROM', 'Syntax error: SELECT list must not be empty at [1:8]'],
    [
      'SELECT id, COUNT(*) FROM ds.t',
      'SELECT list expression references column id which is neither grouped nor aggregated at [1:8]',
    ],
    ['SELECT x.nocol FROM `p.ds.t` AS x', 'Name nocol not found inside x at [1:10]'],
    [
      "INSERT INTO ds.t (id) VALUES ('x')",
      'Value has type STRING which cannot be inserted into column id, which has type INT64 at [1:31]',
    ],
  ])("%s fails with BigQuery's text and place", async (sql, message) => {
    expect(await warehouse.failure(sql)).toBe(message);
  });

  it('are invalidQuery', async () => {
    await expect(warehouse.analyze('SELECT nme')).rejects.toMatchObject({ reason: 'invalidQuery', httpStatus: 400 });
  });

  it('of the lookup pass through', async () => {
    await expect(warehouse.analyze('SELECT 1 FROM ds.gone')).rejects.toMatchObject({ reason: 'notFound' });
  });

  it('name a function that the library does not have', async () => {
    expect(await warehouse.failure('SELECT ST_AREA(ST_GEOGPOINT(1, 1))')).toMatch(
      /is not supported by the local BigQuery$/,
    );
  });

  it('come soon for queries that are too deep', async () => {
    const nested = (n: number): string => `SELECT ${'(SELECT '.repeat(n)}1${')'.repeat(n)}`;
    expect(await warehouse.rows(nested(10))).toEqual([['1']]);
    expect(await warehouse.failure(nested(30))).toMatch(/too many subqueries or query is too complex/);
    const concatenated = (n: number): string =>
      `SELECT ${Array.from({ length: n }, () => 'x').join(' || ')} FROM (SELECT 'a' AS x)`;
    expect(await warehouse.rows(concatenated(100))).toEqual([['a'.repeat(100)]]);
    expect(await warehouse.failure(concatenated(1000))).toMatch(/too many subqueries or query is too complex/);
  });

  it('of an empty text are syntax errors', async () => {
    expect(await warehouse.failure('-- nothing')).toMatch(/^Syntax error: Unexpected end of/);
  });

  it('refuse a text that is too long', async () => {
    expect(await warehouse.failure(`SELECT 1 -- ${'x'.repeat(1024 * 1024)}`)).toMatch(/^The query is too large/);
  });
});

describe('a diff against stored state', () => {
  it('runs in one statement', async () => {
    await warehouse.run(
      "CREATE TABLE ds.records_m CLUSTER BY record_id AS SELECT '1' AS record_id, 'stale' AS checksum UNION ALL SELECT '9', 'gone'",
    );
    await warehouse.run(`CREATE TABLE ds.plan_m OPTIONS (expiration_timestamp = TIMESTAMP '2040-01-01', description = 'plan') AS
      WITH m AS (
        SELECT CAST(id AS STRING) AS record_id, TO_HEX(MD5(CONCAT('v1', TO_JSON_STRING(STRUCT(id, name, secret))))) AS checksum, COUNT(*) OVER (PARTITION BY id) AS n, t.*
        FROM (SELECT * FROM ds.t) AS t)
      SELECT ROW_NUMBER() OVER (ORDER BY COALESCE(m.record_id, s.record_id)) AS ordinal, COALESCE(m.record_id, s.record_id) AS record_id,
        CASE WHEN s.record_id IS NULL THEN 'added' WHEN m.record_id IS NULL THEN 'deleted' ELSE 'updated' END AS operation, m.name
      FROM m FULL OUTER JOIN (SELECT * FROM ds.records_m) s ON s.record_id = m.record_id
      WHERE s.checksum IS DISTINCT FROM m.checksum`);
    expect(await warehouse.rows('SELECT * FROM ds.plan_m ORDER BY ordinal')).toEqual([
      ['1', '1', 'updated', 'one'],
      ['2', '2', 'added', 'two'],
      ['3', '9', 'deleted', null],
    ]);
  });
});
