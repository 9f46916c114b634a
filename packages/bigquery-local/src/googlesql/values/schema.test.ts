import { describe, expect, test } from 'vitest';
import type { GType } from '../types.ts';
import { parseParameter } from './parameter.ts';
import { fieldOf, typeOfField } from './schema.ts';

describe('schemas', () => {
  const type: GType = {
    kind: 'STRUCT',
    fields: [
      { name: 'a', type: { kind: 'INT64' } },
      { name: '', type: { kind: 'ARRAY', element: { kind: 'FLOAT64' } } },
    ],
  };
  test('fields carry the names that the REST API returns', () => {
    expect(fieldOf({ name: 's', type: { kind: 'ARRAY', element: type } })).toEqual({
      name: 's',
      type: 'RECORD',
      mode: 'REPEATED',
      fields: [
        { name: 'a', type: 'INTEGER', mode: 'NULLABLE' },
        { name: '_field_2', type: 'FLOAT', mode: 'REPEATED' },
      ],
    });
  });
  test('legacy and standard names mean the same type, in any case', () => {
    expect(typeOfField({ name: 'x', type: 'integer' })).toEqual({ kind: 'INT64' });
    expect(typeOfField({ name: 'x', type: 'INT64', mode: 'REPEATED' })).toEqual({
      kind: 'ARRAY',
      element: { kind: 'INT64' },
    });
    expect(typeOfField({ name: 'x', type: 'STRUCT', fields: [{ name: 'y', type: 'BOOL' }] })).toEqual({
      kind: 'STRUCT',
      fields: [{ name: 'y', type: { kind: 'BOOL' } }],
    });
  });
  test('unknown types and records without fields are refused by name', () => {
    expect(() => typeOfField({ name: 'x', type: 'constructor' })).toThrow('constructor is not a valid value');
    expect(() => typeOfField({ name: 'x', type: 'RECORD' })).toThrow('Field x is type RECORD but has no schema');
    expect(() =>
      fieldOf({ name: 'x', type: { kind: 'ARRAY', element: { kind: 'ARRAY', element: { kind: 'BOOL' } } } }),
    ).toThrow('array of arrays');
  });
});

describe('query parameters', () => {
  const scalar = (type: string, value: unknown): unknown =>
    parseParameter({ name: 'p', parameterType: { type }, parameterValue: { value } }).value;
  test('each type gets the value that literals have', () => {
    expect(scalar('INT64', '-9223372036854775808')).toBe(-(2n ** 63n));
    expect(scalar('FLOAT64', '-inf')).toBe(-Infinity);
    expect(scalar('BOOL', 'TRUE')).toBe(true);
    expect(scalar('BYTES', 'AP8=')).toEqual(new Uint8Array([0, 255]));
    expect(scalar('DATE', '2020-1-2')).toBe('2020-01-02');
    expect(scalar('DATETIME', '2020-01-02T3:4:5.5')).toBe('2020-01-02 03:04:05.5');
    expect(scalar('TIMESTAMP', '2020-01-02 03:04:05.123456-08:00')).toBe(1_577_963_045_123_456n);
    expect(scalar('TIMESTAMP', '2020-01-02')).toBe(1_577_923_200_000_000n);
    expect(scalar('STRING', null)).toBe(null);
  });
  test.each([
    ['INT64', '9223372036854775808'],
    ['INT64', '1.5'],
    ['BOOL', 'yes'],
    ['DATE', '2020-02-30'],
    ['TIME', '25:00:00'],
    ['TIMESTAMP', 'soon'],
    ['JSON', '{bad'],
    ['NUMERIC', "1'; DROP"],
  ])('a %s of %s is refused with the parameter named', (type, value) => {
    expect(() => scalar(type, value)).toThrow(/query parameter 'p'/);
  });
  test('arrays and structs come in the order of their type', () => {
    const parsed = parseParameter({
      parameterType: {
        type: 'STRUCT',
        structTypes: [
          { name: 'b', type: { type: 'INT64' } },
          { name: 'a', type: { type: 'ARRAY', arrayType: { type: 'STRING' } } },
        ],
      },
      parameterValue: { structValues: { a: { arrayValues: [{ value: 'x' }, {}] }, b: { value: '1' } } },
    });
    expect(parsed.value).toEqual([1n, ['x', null]]);
  });
  test('a missing type is an error of the caller', () => {
    expect(() => parseParameter({ name: 'p' })).toThrow("Query parameter 'p' has no parameterType");
    expect(() => parseParameter(5)).toThrow('must be an object');
  });
});
