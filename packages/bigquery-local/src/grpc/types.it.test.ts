// Every type that a table can hold, as Arrow and as Avro: the schema that BigQuery documents,
// and the values to the last bit.
import type { Data, Field } from 'apache-arrow';
import avro from 'avsc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';
import { StorageClient } from './storage-client.ts';

let server: ServerUnderTest;
let storage: StorageClient;

/** Name, expression, Arrow type, Avro type (of a NULLABLE column), value in Arrow's buffers, Avro value. */
const TYPES: readonly (readonly [string, string, string, unknown, unknown, unknown])[] = [
  ['i', '-9007199254740993', 'Int64', 'long', -9007199254740993n, -9007199254740993n],
  ['f', '0.1', 'Float64', 'double', 0.1, 0.1],
  ['b', 'TRUE', 'Bool', 'boolean', true, true],
  ['s', "'Grüße an alle Leser'", 'Utf8', 'string', 'Grüße an alle Leser', 'Grüße an alle Leser'],
  ['short', "''", 'Utf8', 'string', '', ''],
  ['y', "b'\\x00\\xff'", 'Binary', 'bytes', '00ff', '00ff'],
  ['d', "DATE '1969-12-30'", 'Date32<DAY>', { type: 'int', logicalType: 'date' }, -2, -2],
  [
    't',
    "TIME '23:59:59.999999'",
    'Time64<MICROSECOND>',
    { type: 'long', logicalType: 'time-micros' },
    86_399_999_999n,
    86_399_999_999n,
  ],
  [
    'dt',
    "DATETIME '1969-12-31 23:59:59.000001'",
    'Timestamp<MICROSECOND>',
    { type: 'string', sqlType: 'DATETIME' },
    -999_999n,
    '1969-12-31T23:59:59.000001',
  ],
  [
    'ts',
    "TIMESTAMP '9999-12-31 23:59:59.999999+00'",
    'Timestamp<MICROSECOND, UTC>',
    { type: 'long', logicalType: 'timestamp-micros' },
    253_402_300_799_999_999n,
    253_402_300_799_999_999n,
  ],
  [
    'n',
    "NUMERIC '-99999999999999999999999999999.999999999'",
    'Decimal[38e+9]',
    { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 },
    -99999999999999999999999999999999999999n,
    -99999999999999999999999999999999999999n,
  ],
  ['j', `JSON '{"a":[1,null]}'`, 'Utf8', { type: 'string', sqlType: 'JSON' }, '{"a":[1,null]}', '{"a":[1,null]}'],
  [
    'big',
    "BIGNUMERIC '-1.00000000000000000000000000000000000001'",
    'Decimal[76e+38]',
    { type: 'bytes', logicalType: 'decimal', precision: 77, scale: 38 },
    -100000000000000000000000000000000000001n,
    -100000000000000000000000000000000000001n,
  ],
];

beforeAll(async () => {
  server = await ServerUnderTest.start();
  storage = new StorageClient(server);
  await server.createDataset('ds');
  const columns = TYPES.map(([name, expression]) => `${expression} AS ${name}`);
  const lists = TYPES.map(([name, expression]) => `[${expression}, ${expression}] AS ${name}_list`);
  const nulls = [...TYPES.map(([name]) => `NULL AS ${name}`), ...TYPES.map(([name]) => `[] AS ${name}_list`)];
  await server.rows(
    `CREATE TABLE ds.types AS SELECT 1 AS ordinal, ${[...columns, ...lists].join(', ')} UNION ALL SELECT 2, ${nulls.join(', ')}`,
  );
});

afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const request = (dataFormat: string, tableId = 'types'): object => ({
  parent: `projects/${PROJECT}`,
  readSession: { table: `projects/${PROJECT}/datasets/ds/tables/${tableId}`, dataFormat },
});

/** `Timestamp<MICROSECOND, UTC>` */
function typeText(type: { toString(): string }): string {
  return type.toString();
}

/** The value as Arrow's buffers hold it; undefined for NULL. */
function stored(data: Data, index: number): unknown {
  if (data.nullCount > 0 && ((data.nullBitmap[index >> 3]! >> (index & 7)) & 1) === 0) return undefined;
  const type = typeText(data.type);
  const values = data.values as Uint8Array;
  if (type === 'Bool') return ((values[index >> 3]! >> (index & 7)) & 1) === 1;
  if (type === 'Utf8' || type === 'Binary') {
    const bytes = Buffer.from(values).subarray(data.valueOffsets[index], data.valueOffsets[index + 1]);
    return bytes.toString(type === 'Utf8' ? 'utf8' : 'hex');
  }
  if (type.startsWith('Decimal')) {
    const width = type.startsWith('Decimal[38') ? 16 : 32;
    const bytes = Buffer.from(values.buffer, values.byteOffset + index * width, width).toReversed();
    return BigInt.asIntN(width * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
  }
  return (data.values as ArrayLike<unknown>)[index];
}

it('Arrow', async () => {
  const session = await storage.createReadSession(OWNER, request('ARROW'));
  const batches = await storage.batches(OWNER, session, session.streams[0].name);
  expect(batches.length).toBe(1);
  const { schema, data } = batches[0]!;
  const field = (name: string): Field => schema.fields.find((one) => one.name === name)!;
  const column = (name: string): Data => data.children[schema.fields.indexOf(field(name))]!;
  const row = [...batches[0]!.getChild('ordinal')!].map(Number).indexOf(1);
  for (const [name, , type, , value] of TYPES) {
    expect([name, typeText(field(name).type), field(name).nullable]).toEqual([name, type, true]);
    expect([name, stored(column(name), row), stored(column(name), 1 - row)]).toEqual([name, value, undefined]);
    const list = column(`${name}_list`);
    expect([name, typeText(list.type), field(`${name}_list`).nullable]).toEqual([name, `List<${type}>`, false]);
    expect([...list.valueOffsets]).toEqual(row === 0 ? [0, 2, 2] : [0, 0, 2]);
    expect([stored(list.children[0]!, 0), stored(list.children[0]!, 1)]).toEqual([value, value]);
  }
  expect(field('dt').metadata.get('ARROW:extension:name')).toBe('google:sqlType:datetime');
  expect(field('j').metadata.get('ARROW:extension:name')).toBe('google:sqlType:json');
  expect([...field('s').metadata]).toEqual([]);
});

/** Longs as BigInt, so that none is rounded. */
const longType = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: () => {
    throw new Error('not written here');
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: () => 0,
});

function avroRows(schema: string, responses: readonly { avroRows: { serializedBinaryRows: Uint8Array } }[]): unknown[] {
  const longs = (_key: string, value: { type?: unknown } | null): unknown =>
    value?.type === 'long' && !('name' in value) ? 'long' : value;
  const type = avro.Type.forSchema(JSON.parse(schema, longs), { registry: { long: longType }, wrapUnions: false });
  return responses.flatMap(({ avroRows: { serializedBinaryRows } }) => {
    const buffer = Buffer.from(serializedBinaryRows);
    const rows: unknown[] = [];
    for (let at = 0; at < buffer.length;) {
      const { value, offset } = type.decode(buffer, at);
      rows.push(value);
      at = offset;
    }
    return rows;
  });
}

/** What avsc gives, in the form of the table above. */
function plain(value: unknown, type: unknown): unknown {
  if (!Buffer.isBuffer(value)) return value;
  const hex = Buffer.from(value).toString('hex');
  return type === 'bytes' ? hex : BigInt.asIntN(value.length * 8, BigInt(`0x${hex}`));
}

it('Avro', async () => {
  const session = await storage.createReadSession(OWNER, request('AVRO'));
  const schema = JSON.parse(session.avroSchema.schema) as { name: string; fields: { name: string; type: unknown }[] };
  expect(schema.name).toBe('__root__');
  const rows = avroRows(session.avroSchema.schema, await storage.responses(OWNER, session.streams[0].name)) as Record<
    string,
    unknown
  >[];
  expect(rows.length).toBe(2);
  const full = rows.find(({ ordinal }) => ordinal === 1n)!;
  const empty = rows.find(({ ordinal }) => ordinal === 2n)!;
  for (const [name, , , type, , value] of TYPES) {
    const typeOf = (field: string): unknown => schema.fields.find((one) => one.name === field)?.type;
    expect(typeOf(name)).toEqual(['null', type]);
    expect(typeOf(`${name}_list`)).toEqual({ type: 'array', items: type });
    expect([name, plain(full[name], type), empty[name]]).toEqual([name, value, null]);
    expect((full[`${name}_list`] as unknown[]).map((item) => plain(item, type))).toEqual([value, value]);
    expect(empty[`${name}_list`]).toEqual([]);
  }
});

it('records, records in lists and lists in records, NULLs among them', async () => {
  await server.rows(
    `CREATE TABLE ds.deep AS
       SELECT 1 AS id, STRUCT('a' AS x, [1, 2] AS y) AS r, [STRUCT(TRUE AS p, STRUCT(DATE '2020-01-01' AS q) AS o)] AS l
       UNION ALL SELECT 2, NULL, []
       UNION ALL SELECT 3, STRUCT(CAST(NULL AS STRING) AS x, CAST([] AS ARRAY<INT64>) AS y), [STRUCT(CAST(NULL AS BOOL) AS p, NULL AS o), STRUCT(FALSE AS p, STRUCT(CAST(NULL AS DATE) AS q) AS o)]`,
  );
  const arrow = await storage.createReadSession(OWNER, request('ARROW', 'deep'));
  const batches = await storage.batches(OWNER, arrow, arrow.streams[0].name);
  const rows = batches.flatMap((batch) =>
    [...batch].map((row) => JSON.parse(String(row)) as { id: number; r: unknown; l: unknown }),
  );
  const day = Date.UTC(2020, 0, 1);
  expect(rows.toSorted((a, b) => a.id - b.id)).toMatchObject([
    { id: 1, r: { x: 'a' }, l: [{ p: true, o: { q: day } }] },
    { id: 2, r: null, l: [] },
    {
      id: 3,
      r: { x: null },
      l: [
        { p: null, o: null },
        { p: false, o: { q: null } },
      ],
    },
  ]);
  const session = await storage.createReadSession(OWNER, request('AVRO', 'deep'));
  const decoded = avroRows(session.avroSchema.schema, await storage.responses(OWNER, session.streams[0].name));
  expect((decoded as { id: bigint }[]).toSorted((a, b) => Number(a.id - b.id))).toEqual([
    { id: 1n, r: { x: 'a', y: [1n, 2n] }, l: [{ p: true, o: { q: 18_262 } }] },
    { id: 2n, r: null, l: [] },
    {
      id: 3n,
      r: { x: null, y: [] },
      l: [
        { p: null, o: null },
        { p: false, o: { q: null } },
      ],
    },
  ]);
});

it('ranges, whose ends may be unbounded, and places', async () => {
  await server.rows(
    `CREATE TABLE ds.ranges AS SELECT RANGE(DATE '1970-01-03', NULL) AS r, ST_GEOGPOINT(1, 2) AS g, RANGE(NULL, TIMESTAMP '1970-01-01 00:00:01+00') AS t
     UNION ALL SELECT NULL, NULL, NULL`,
  );
  const arrow = await storage.createReadSession(OWNER, request('ARROW', 'ranges'));
  const [batch] = await storage.batches(OWNER, arrow, arrow.streams[0].name);
  const [r, g, t] = batch!.data.children;
  expect([r, g, t].map((data) => typeText(data!.type))).toEqual([
    'Struct<{start:Date32<DAY>, end:Date32<DAY>}>',
    'Utf8',
    'Struct<{start:Timestamp<MICROSECOND, UTC>, end:Timestamp<MICROSECOND, UTC>}>',
  ]);
  expect([...batch!.schema.fields[1]!.metadata]).toEqual([
    ['ARROW:extension:name', 'google:sqlType:geography'],
    ['ARROW:extension:metadata', '{"encoding": "WKT"}'],
  ]);
  const row = stored(g!, 0) === undefined ? 1 : 0;
  expect([stored(g!, row), stored(r!.children[0]!, row), stored(r!.children[1]!, row)]).toEqual([
    'POINT(1 2)',
    2,
    undefined,
  ]);
  expect([stored(t!.children[0]!, row), stored(t!.children[1]!, row)]).toEqual([undefined, 1_000_000n]);
  expect([r!.nullCount, g!.nullCount, t!.nullCount]).toEqual([1, 1, 1]);

  const session = await storage.createReadSession(OWNER, request('AVRO', 'ranges'));
  const rows = avroRows(session.avroSchema.schema, await storage.responses(OWNER, session.streams[0].name));
  expect(rows).toHaveLength(2);
  expect(rows).toContainEqual({ r: { start: 2, end: null }, g: 'POINT(1 2)', t: { start: null, end: 1_000_000n } });
  expect(rows).toContainEqual({ r: null, g: null, t: null });
});

it('REQUIRED columns and intervals', async () => {
  await server.rows('CREATE TABLE ds.required (id INT64 NOT NULL, v INTERVAL)');
  await server.rows("INSERT INTO ds.required (id, v) VALUES (7, INTERVAL '1-2 3 4:5:6.789' YEAR TO SECOND)");
  const arrow = await storage.createReadSession(OWNER, request('ARROW', 'required'));
  const [batch] = await storage.batches(OWNER, arrow, arrow.streams[0].name);
  expect(batch!.schema.fields.map(({ name, nullable }) => [name, nullable])).toEqual([
    ['id', false],
    ['v', true],
  ]);
  const words = batch!.data.children[1]!.values as Int32Array;
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  expect([view.getInt32(0, true), view.getInt32(4, true), view.getBigInt64(8, true)]).toEqual([
    14,
    3,
    14_706_789_000_000n,
  ]);
  const session = await storage.createReadSession(OWNER, request('AVRO', 'required'));
  const schema = JSON.parse(session.avroSchema.schema) as { fields: unknown[] };
  expect(schema.fields).toEqual([
    { name: 'id', type: 'long' },
    { name: 'v', type: ['null', { type: 'string', sqlType: 'INTERVAL' }] },
  ]);
  expect(avroRows(session.avroSchema.schema, await storage.responses(OWNER, session.streams[0].name))).toEqual([
    { id: 7n, v: '1-2 3 4:5:6.789' },
  ]);
});
