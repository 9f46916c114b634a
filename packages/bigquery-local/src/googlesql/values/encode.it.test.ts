import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GType, TypedValue } from '../types.ts';
import { castSql } from './cast.ts';
import { encodeChunk } from './encode.ts';
import { literalSql } from './literal.ts';
import { duckdbType } from './physical.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

async function encoded(sql: string, types: readonly GType[], useInt64Timestamp = false): Promise<unknown[][]> {
  const result = await connection.stream(`SELECT ${sql}`);
  const rows: unknown[][] = [];
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    rows.push(...encodeChunk(chunk, types, { useInt64Timestamp }).map((row) => row.f.map((cell) => cell.v)));
  }
  return rows;
}

const struct: GType = {
  kind: 'STRUCT',
  fields: [
    { name: 'x', type: { kind: 'INT64' } },
    { name: 'x', type: { kind: 'STRING' } },
  ],
};

const VALUES: readonly (readonly [TypedValue, unknown])[] = [
  [{ type: { kind: 'INT64' }, value: -(2n ** 63n) }, '-9223372036854775808'],
  [{ type: { kind: 'FLOAT64' }, value: Number.NaN }, 'NaN'],
  [{ type: { kind: 'FLOAT64' }, value: -Infinity }, '-Infinity'],
  [{ type: { kind: 'FLOAT64' }, value: -0 }, '-0.0'],
  [{ type: { kind: 'BOOL' }, value: true }, 'true'],
  [{ type: { kind: 'STRING' }, value: `it's; -- "x" \\ \n \u0000 é 😀` }, `it's; -- "x" \\ \n \u0000 é 😀`],
  [{ type: { kind: 'BYTES' }, value: new Uint8Array([0, 255, 39]) }, 'AP8n'],
  [{ type: { kind: 'DATE' }, value: '0001-01-01' }, '0001-01-01'],
  [{ type: { kind: 'DATETIME' }, value: '2020-01-02 03:04:05.000001' }, '2020-01-02T03:04:05.000001'],
  [{ type: { kind: 'TIME' }, value: '23:59:59.5' }, '23:59:59.500000'],
  [{ type: { kind: 'TIMESTAMP' }, value: -1n }, '-1.0E-6'],
  [
    { type: { kind: 'NUMERIC' }, value: '-12345678901234567890123456789.123456789' },
    '-12345678901234567890123456789.123456789',
  ],
  [
    {
      type: { kind: 'BIGNUMERIC' },
      value: '-123456789012345678901234567890123456789.00000000000000000000000000000000000001',
    },
    '-123456789012345678901234567890123456789.00000000000000000000000000000000000001',
  ],
  [{ type: { kind: 'GEOGRAPHY' }, value: 'point( -122.5  47 )' }, 'POINT(-122.5 47)'],
  [
    { type: { kind: 'RANGE', element: { kind: 'DATE' } }, value: ['2020-01-01', '2020-02-01'] },
    '[2020-01-01, 2020-02-01)',
  ],
  [{ type: { kind: 'RANGE', element: { kind: 'TIMESTAMP' } }, value: [null, 1_000_000n] }, '[UNBOUNDED, 1.0)'],
  [{ type: { kind: 'RANGE', element: { kind: 'DATETIME' } }, value: [null, null] }, '[UNBOUNDED, UNBOUNDED)'],
  [{ type: { kind: 'JSON' }, value: '{"a":[1,null]}' }, '{"a":[1,null]}'],
  [{ type: { kind: 'INTERVAL' }, value: { months: 14n, days: -3n, micros: 5_000_000n } }, '1-2 -3 0:0:5'],
  [{ type: { kind: 'ARRAY', element: { kind: 'INT64' } }, value: [1n, null] }, [{ v: '1' }, { v: null }]],
  [{ type: { kind: 'ARRAY', element: { kind: 'STRING' } }, value: [] }, []],
  [{ type: { kind: 'ARRAY', element: { kind: 'STRING' } }, value: null }, []],
  [{ type: struct, value: [1n, 'b'] }, { f: [{ v: '1' }, { v: 'b' }] }],
  [{ type: struct, value: null }, null],
  [
    {
      type: { kind: 'ARRAY', element: struct },
      value: [
        [1n, null],
        [2n, 'c'],
      ],
    },
    [{ v: { f: [{ v: '1' }, { v: null }] } }, { v: { f: [{ v: '2' }, { v: 'c' }] } }],
  ],
];

describe('literals and REST encoding', () => {
  test.each(VALUES)('%o comes back unchanged', async (literal, wire) => {
    expect(await encoded(literalSql(literal), [literal.type])).toEqual([[wire]]);
  });
  test('every type has a typed NULL', async () => {
    for (const [{ type }] of VALUES) {
      const rows = await connection.runAndReadAll(
        `SELECT typeof(${literalSql({ type, value: null })}) = typeof(CAST(NULL AS ${duckdbType(type)})) AS same`,
      );
      expect(rows.getRowsJson()).toEqual([[true]]);
    }
  });
  test('timestamps are microseconds on request', async () => {
    expect(await encoded('make_timestamptz(1577836800123456)', [{ kind: 'TIMESTAMP' }], true)).toEqual([
      ['1577836800123456'],
    ]);
  });
  test('lists of several chunks keep their own elements, NULL lists among them', async () => {
    const rows = await encoded('CASE WHEN i % 3 = 0 THEN NULL ELSE [i, i + 1] END, i FROM range(5000) t(i)', [
      { kind: 'ARRAY', element: { kind: 'INT64' } },
      { kind: 'INT64' },
    ]);
    expect(rows).toHaveLength(5000);
    for (const [list, i] of rows) {
      expect(list).toEqual(Number(i) % 3 === 0 ? [] : [{ v: String(i) }, { v: String(Number(i) + 1) }]);
    }
  });
  test('a value that its type cannot hold is refused', () => {
    expect(() => literalSql({ type: { kind: 'GEOGRAPHY' }, value: 'LINESTRING(1 2, 3 4)' })).toThrow(
      'Invalid value for type GEOGRAPHY',
    );
    expect(() => literalSql({ type: { kind: 'BIGNUMERIC' }, value: '6e38' })).toThrow(
      'Invalid value for type BIGNUMERIC',
    );
    expect(() => literalSql({ type: { kind: 'DATE' }, value: "2020-01-01' OR '1" })).toThrow(
      'Invalid value for type DATE',
    );
  });
  test('a cast that does not exist is refused by name', () => {
    expect(() => castSql({ sql: 'x', from: { kind: 'DATE' }, to: { kind: 'INT64' }, safe: true })).toThrow(
      'CAST from DATE to INT64 is not supported',
    );
  });
});
