// Every column type of BigQuery reaches the destination as a JSON value that loses nothing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const CASES: readonly (readonly [type: string, sql: string, value: unknown])[] = [
  ['BOOL', 'TRUE', true],
  ['INT64', '9007199254740991', 9_007_199_254_740_991],
  ['INT64 beyond 2^53', '-9223372036854775808', '-9223372036854775808'],
  ['FLOAT64', '0.1', 0.1],
  ['FLOAT64 NaN', `CAST('NaN' AS FLOAT64)`, 'NaN'],
  ['FLOAT64 infinity', `CAST('-inf' AS FLOAT64)`, '-Infinity'],
  ['NUMERIC', `NUMERIC '99999999999999999999999999999.999999999'`, '99999999999999999999999999999.999999999'],
  [
    'BIGNUMERIC',
    `BIGNUMERIC '12345678901234567890123456789012345678.12345678901234567890123456789012345678'`,
    '12345678901234567890123456789012345678.12345678901234567890123456789012345678',
  ],
  ['STRING', `'it’s "quoted"\\n☃'`, 'it’s "quoted"\n☃'],
  ['BYTES', `b'\\x00\\xff'`, 'AP8='],
  ['DATE', `DATE '0001-01-01'`, '0001-01-01'],
  ['TIME', `TIME '23:59:59.999999'`, '23:59:59.999999'],
  ['DATETIME', `DATETIME '2026-01-31 12:00:00.000001'`, '2026-01-31T12:00:00.000001'],
  ['TIMESTAMP', `TIMESTAMP '9999-12-31 23:59:59.999999+00'`, '9999-12-31T23:59:59.999999Z'],
  ['INTERVAL', `INTERVAL '1-2 3 4:5:6.789' YEAR TO SECOND`, '1-2 3 4:5:6.789'],
  [
    'JSON',
    `JSON '{"a": [1, null, {"b": "c"}], "n": 9007199254740993}'`,
    { a: [1, null, { b: 'c' }], n: '9007199254740993' },
  ],
  ['STRUCT', `STRUCT(1 AS a, STRUCT('x' AS c) AS b)`, { a: 1, b: { c: 'x' } }],
  ['ARRAY', `[9007199254740993, 1]`, ['9007199254740993', 1]],
  ['ARRAY of STRUCT', `[STRUCT(NUMERIC '1.5' AS a, [DATE '2026-01-01'] AS b)]`, [{ a: '1.5', b: ['2026-01-01'] }]],
  ['RANGE', `RANGE(DATE '2026-01-01', NULL)`, '[2026-01-01, UNBOUNDED)'],
  ['GEOGRAPHY', `ST_GEOGPOINT(1, 2)`, 'POINT(1 2)'],
  ['NULL', 'CAST(NULL AS TIMESTAMP)', null],
];

test.for(CASES)('%s', async ([type, sql, value], { skip }) => {
  const id = `type_${type.toLowerCase().replaceAll(/\W+/g, '_')}`;
  bench.take();
  const mapping = bench.mapping(id, `SELECT 'one' AS id, ${sql} AS v`);
  const report = await bench.sync(mapping).catch((thrown: unknown) => thrown as Error);
  const refusal = report instanceof Error ? report.message : report.error?.message;
  // What the local BigQuery refuses by name says nothing about the engine.
  if (refusal?.includes('is not supported by the local BigQuery') === true) skip(refusal);
  expect(report).toMatchObject({ state: 'succeeded' });
  expect(bench.take()).toMatchObject([{ id: 'one', row: { id: 'one' } }]);
  expect(bench.received.at(-1)?.['row']).toEqual({ id: 'one', v: value });
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 0, updated: 0, deleted: 0 });
});
