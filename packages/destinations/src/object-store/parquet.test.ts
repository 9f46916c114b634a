import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, it } from 'vitest';
import type { JsonObject } from '@sluice/core';
import type { ParquetType } from './parquet.ts';
import { UnfitValue, encodeParquetRow, parquetFile } from './parquet.ts';

const types = new Map<string, ParquetType>([
  ['i', 'INT64'],
  ['f', 'FLOAT64'],
  ['b', 'BOOL'],
  ['n', 'NUMERIC'],
  ['d', 'DATE'],
  ['t', 'TIMESTAMP'],
  ['x', 'BYTES'],
  ['j', 'JSON'],
]);
const encode = (row: JsonObject) => encodeParquetRow({ operation: 'added', recordId: 'r', row }, types);
const good = (row: JsonObject): ReadonlyMap<string, unknown> => {
  const encoded = encode(row);
  if (encoded instanceof UnfitValue) throw encoded;
  return encoded;
};
const bytesOf = (rows: readonly JsonObject[]): ArrayBuffer => new Uint8Array(parquetFile(rows.map(good), types)).buffer;

it('carries every type without loss, and null in every column', async () => {
  const file = bytesOf([
    {
      i: '-9223372036854775808',
      f: 'NaN',
      b: true,
      n: '-29999999999999999999999999999.123456789',
      d: '0001-01-01',
      t: '9999-12-31T23:59:59.999999Z',
      x: 'AP8K',
      j: { deep: [1, null] },
      text: '日本語',
      list: ['a', 1],
    },
    { i: null, f: null, b: null, n: null, d: null, t: null, x: null, j: null, text: null, list: null },
    { i: 5, f: 1.5, b: 'false', n: 0.5, d: '2024-02-29', t: '2024-02-29 01:02:03+02:00', x: '', j: '[1]', text: 7 },
  ]);
  const [first = {}, second = {}, third = {}] = await parquetReadObjects({ file, utf8: false });
  expect(first).toMatchObject({ i: -(2n ** 63n), f: NaN, b: true, x: new Uint8Array([0, 255, 10]), text: '日本語' });
  expect(first).toMatchObject({ j: { deep: [1, null] }, list: '["a",1]', d: new Date('0001-01-01T00:00:00Z') });
  expect((first['t'] as Date).toISOString()).toBe('9999-12-31T23:59:59.999Z');
  expect(Object.entries(second).filter(([, value]) => value !== null)).toEqual([
    ['_operation', 'added'],
    ['_record_id', 'r'],
  ]);
  expect(third).toMatchObject({ i: 5n, f: 1.5, b: false, n: 0.5, j: [1], text: '7', list: null });
  expect((third['t'] as Date).toISOString()).toBe('2024-02-28T23:02:03.000Z');
});

it('has the same types whatever is in a part', () => {
  const schema = (rows: readonly JsonObject[]): unknown =>
    parquetMetadata(bytesOf(rows)).schema.map(({ name, type, converted_type, repetition_type }) => ({
      name,
      type,
      converted_type,
      repetition_type,
    }));
  const columns = { i: null, f: null, b: null, n: null, d: null, t: null, x: null, j: null };
  expect(schema([{ ...columns, i: 1, f: 0.5, d: '2024-01-01' }])).toEqual(schema([columns]));
});

it.each<[string, JsonObject[string]]>([
  ['i', 1.5],
  ['i', '9223372036854775808'],
  ['f', 'one'],
  ['b', 1],
  ['n', '0.0000000001'],
  ['n', '1'.repeat(30)],
  ['d', '2024-13-01'],
  ['t', '2024-01-01T00:00:00'],
  ['x', 'not base 64'],
  ['j', '{'],
])('the column %s does not take %j', (column, value) => {
  const encoded = encode({ [column]: value });
  expect(encoded).toBeInstanceOf(UnfitValue);
  expect((encoded as UnfitValue).message).toContain(`"${column}" takes`);
});
