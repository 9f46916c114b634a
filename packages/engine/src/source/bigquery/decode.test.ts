import { describe, expect, test } from 'vitest';
import { columnsOf, compileNestingDecoder, compileRowDecoder } from './decode.ts';

const one = (type: string, wire: unknown, mode = 'NULLABLE'): unknown =>
  compileRowDecoder([{ name: 'x', type, mode }])({ f: [{ v: wire }] })['x'];

describe('compileRowDecoder', () => {
  test('keeps every digit of an INT64', () => {
    expect(one('INTEGER', '9007199254740991')).toBe(9007199254740991);
    expect(one('INTEGER', '9007199254740993')).toBe('9007199254740993');
    expect(one('INT64', '-9223372036854775808')).toBe('-9223372036854775808');
  });

  test('tells NULL, empty text and NaN apart', () => {
    expect(one('STRING', null)).toBe(null);
    expect(one('STRING', '')).toBe('');
    expect(one('FLOAT', 'NaN')).toBe('NaN');
    expect(one('FLOAT', '-Infinity')).toBe('-Infinity');
    expect(one('FLOAT', '1e-7')).toBe(1e-7);
    expect(one('FLOAT', '0')).toBe(0);
  });

  test('keeps the microseconds of a TIMESTAMP, before 1970 too', () => {
    expect(one('TIMESTAMP', '1577836800123456')).toBe('2020-01-01T00:00:00.123456Z');
    expect(one('TIMESTAMP', '1577836800000000')).toBe('2020-01-01T00:00:00.000Z');
    expect(one('TIMESTAMP', '-1')).toBe('1969-12-31T23:59:59.999999Z');
    expect(one('TIMESTAMP', '253402300799999999')).toBe('9999-12-31T23:59:59.999999Z');
    expect(one('TIMESTAMP', '-62135596800000000')).toBe('0001-01-01T00:00:00.000Z');
  });

  test('refuses a TIMESTAMP that is not a count of microseconds instead of guessing', () => {
    expect(() => one('TIMESTAMP', '1577836800.5')).toThrow(/not a count of microseconds/);
    expect(() => one('TIMESTAMP', 'yesterday')).toThrow(/not a count of microseconds/);
  });

  test('keeps decimals as text', () => {
    expect(one('NUMERIC', '12345678901234567890.123456789')).toBe('12345678901234567890.123456789');
  });

  test('reads booleans, also from servers that send JSON booleans', () => {
    expect([one('BOOLEAN', 'true'), one('BOOL', 'false'), one('BOOL', true)]).toEqual([true, false, true]);
  });

  test('reads JSON columns without losing digits', () => {
    expect(one('JSON', '{"a":[1,null,{"b":"x"}]}')).toEqual({ a: [1, null, { b: 'x' }] });
    expect(one('JSON', '{"big":12345678901234567890}')).toEqual({ big: '12345678901234567890' });
    expect(one('JSON', 'null')).toBe(null);
  });

  test('nests STRUCT and ARRAY', () => {
    const decode = compileRowDecoder([
      {
        name: 'items',
        type: 'RECORD',
        mode: 'REPEATED',
        fields: [
          { name: 'sku', type: 'STRING' },
          { name: 'sizes', type: 'INTEGER', mode: 'REPEATED' },
        ],
      },
    ]);
    const wire = {
      f: [{ v: [{ v: { f: [{ v: 'a' }, { v: [{ v: '1' }, { v: '2' }] }] } }, { v: { f: [{ v: null }, { v: [] }] } }] }],
    };
    expect(decode(wire)).toEqual({
      items: [
        { sku: 'a', sizes: [1, 2] },
        { sku: null, sizes: [] },
      ],
    });
  });
});

test('compileNestingDecoder gathers the prefixed columns without their prefix', () => {
  const decode = compileNestingDecoder(
    [
      { name: 'ordinal', type: 'INTEGER' },
      { name: 'c_ordinal', type: 'STRING' },
      { name: 'c_c_x', type: 'BOOL' },
      { name: 'known', type: 'BOOL' },
    ],
    'c_',
  );
  expect(decode({ f: [{ v: '7' }, { v: 'text' }, { v: 'true' }, { v: 'false' }] })).toEqual({
    ordinal: 7,
    known: false,
    columns: { ordinal: 'text', c_x: true },
  });
});

test('columnsOf speaks GoogleSQL', () => {
  expect(
    columnsOf([{ name: 'a', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'b', type: 'INTEGER' }] }]),
  ).toEqual([{ name: 'a', type: 'ARRAY<STRUCT<b INT64>>' }]);
});
