import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GType } from '../googlesql/types.ts';
import { encodeChunk } from '../googlesql/values/encode.ts';
import { duckdbType } from '../googlesql/values/physical.ts';
import { rowTextSql } from './page-text.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  for (const sql of ['LOAD json', 'LOAD icu', "SET TimeZone = 'UTC'"]) await connection.run(sql);
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

/** The rows of a table of these values, by the page's SQL and by the encoder that reads value by value. */
async function both(types: readonly GType[], values: readonly string[], useInt64Timestamp: boolean) {
  const columns = types.map((type, i) => `c${i} ${duckdbType(type)}`).join(', ');
  await connection.run(`CREATE OR REPLACE TABLE t (${columns})`);
  await connection.run(`INSERT INTO t VALUES ${values.join(', ')}`);
  const sql = rowTextSql(
    types.map((type, i) => ({ sql: `t."c${i}"`, type })),
    { useInt64Timestamp },
  );
  const read = async <T>(sql: string, rows: (chunk: never) => Iterable<T>): Promise<T[]> => {
    const found: T[] = [];
    const result = await connection.stream(sql);
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk())
      found.push(...rows(chunk as never));
    return found;
  };
  return {
    bySql: (await connection.runAndReadAll(`SELECT ${sql} FROM t ORDER BY rowid`)).getRowsJS().map(String),
    byValue: await read('SELECT * FROM t ORDER BY rowid', (chunk) => encodeChunk(chunk, types, { useInt64Timestamp })),
  };
}

const texts = (kind: GType['kind']) => ({ kind }) as GType;

const CASES: readonly (readonly [GType, readonly string[]])[] = [
  [texts('INT64'), ['0', '-9223372036854775808', '9223372036854775807']],
  [texts('BOOL'), ['true', 'false']],
  [texts('STRING'), ["''", `'"\\/ ü 😀'`, 'chr(10) || chr(13) || chr(9) || chr(1) || chr(127) || chr(8232)']],
  [texts('JSON'), [`'{"a": [1, "x\\"y"]}'`, `'null'`, `'"text"'`]],
  [texts('BYTES'), ["''::BLOB", `'\\x00\\xFFabc'::BLOB`]],
  [texts('DATE'), ["'0001-01-01'", "'1969-12-31'", "'9999-12-31'"]],
  [
    texts('DATETIME'),
    [
      "'0001-01-01 00:00:00'",
      "'1969-12-31 23:59:59.5'",
      "'9999-12-31 23:59:59.999999'",
      "'2020-01-01 10:00:00.000001'",
    ],
  ],
  [texts('NUMERIC'), ['0', '-0.5', '10', '1200.000000001', '-99999999999999999999999999999.999999999']],
  [
    texts('FLOAT64'),
    [
      '1.5',
      "'NaN'::DOUBLE",
      "'-Infinity'::DOUBLE",
      '1e300',
      '-0.0::DOUBLE',
      '1e7',
      '123456789.125',
      '-0.000125',
      '1e-5',
      '9999999.5',
      '1e16',
      '5e-324',
    ],
  ],
  [texts('TIME'), ["'10:00:00'", "'23:59:59.000001'"]],
  [{ kind: 'ARRAY', element: texts('INT64') }, ['[1, NULL, 2]', '[]']],
  [
    {
      kind: 'ARRAY',
      element: {
        kind: 'STRUCT',
        fields: [
          { name: 'x', type: texts('STRING') },
          { name: 'y', type: { kind: 'ARRAY', element: texts('FLOAT64') } },
        ],
      },
    },
    ["[{f0: 'a\"b', f1: [1.5, NULL]}, NULL, {f0: NULL, f1: NULL}]", '[]'],
  ],
  [
    texts('TIMESTAMP'),
    [
      "'0001-01-01 00:00:00+00'",
      "'9999-12-31 23:59:59.999999+00'",
      ...[
        '0',
        '1',
        '-1',
        '999',
        '1000',
        '-1500',
        '100000',
        '1000000',
        '1500000',
        '-2000000',
        '9999999999999',
        '10000000000000',
        '1577934245123456',
        '1600000000000000',
      ].map((micros) => `make_timestamptz(${micros})`),
    ],
  ],
];

describe('the text of a page', () => {
  it.each(CASES)('writes %o as the encoder does', async (type, values) => {
    for (const useInt64Timestamp of [false, true]) {
      const { bySql, byValue } = await both(
        [type],
        [...values, 'NULL'].map((value) => `(${value})`),
        useInt64Timestamp,
      );
      expect(bySql).toHaveLength(values.length + 1);
      expect(bySql.map((text) => JSON.parse(text) as unknown)).toEqual(byValue);
    }
  });

  it('joins the columns in their order, and leaves what it cannot write to the encoder', async () => {
    const types = [texts('INT64'), texts('STRING'), texts('FLOAT64'), texts('FLOAT64'), texts('DATE')];
    const { bySql, byValue } = await both(
      types,
      ["(1, 'a', 2.5, NULL, '2020-01-01')", '(NULL, NULL, NULL, 1, NULL)'],
      false,
    );
    expect(bySql[0]).toBe('{"f":[{"v":"1"},{"v":"a"},{"v":"2.5"},{"v":null},{"v":"2020-01-01"}]}');
    expect(bySql.map((text) => JSON.parse(text) as unknown)).toEqual(byValue);
    expect(rowTextSql([{ sql: 'c', type: texts('INTERVAL') }], { useInt64Timestamp: true })).toBeUndefined();
  });

  it('writes any string, float and timestamp as the encoder does', async () => {
    const value = fc.tuple(
      fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
      fc.double(),
      fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 50 }), async (rows) => {
        const values = rows.map(
          ([text, float, micros]) =>
            `(decode(from_base64('${Buffer.from(text).toString('base64')}')), make_timestamptz(${micros}), epoch_us(make_timestamptz(${micros})), make_timestamp(${micros}), '${float}'::DOUBLE)`,
        );
        const types = [texts('STRING'), texts('TIMESTAMP'), texts('INT64'), texts('DATETIME'), texts('FLOAT64')];
        const { bySql, byValue } = await both(types, values, false);
        expect(bySql.map((text) => JSON.parse(text) as unknown)).toEqual(byValue);
      }),
      { numRuns: 50 },
    );
  });
});
