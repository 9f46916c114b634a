// What a load job may say of its files and its table: each option with data that only it explains.
import avro from 'avsc';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PROJECT, ServerUnderTest } from '../../server-under-test.ts';
import { containerBlock, containerHeader, type AvroCodec } from '../extract/avro-file.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const field = (name: string, type: string, mode = 'NULLABLE'): Record<string, string> => ({ name, type, mode });
const schema = (...fields: Record<string, unknown>[]) => ({ fields });
const TWO = schema(field('id', 'INTEGER'), field('name', 'STRING'));
const JSON_LINES = 'NEWLINE_DELIMITED_JSON';

/** Rows of the table after a load that must succeed. */
async function loaded(table: string, data: string | Uint8Array, load: Record<string, unknown>): Promise<unknown[][]> {
  const job = await server.load(table, data, { writeDisposition: 'WRITE_TRUNCATE', ...load });
  expect(job.status?.errorResult ?? job.error).toBeUndefined();
  return server.rows(`SELECT * FROM ds.${table} ORDER BY 1`);
}

async function failure(table: string, data: string | Uint8Array, load: Record<string, unknown>): Promise<string> {
  const job = await server.load(table, data, load);
  return job.error?.message ?? job.status.errorResult.message;
}

async function tableOf(table: string) {
  return (await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/${table}`)).body;
}

describe('CSV options', () => {
  test('nullMarkers, quote and a delimiter of their own', async () => {
    const csv = "1;NA\n2;'NA'\n3;-\n4;'it''s;x'\n";
    const options = { schema: TWO, fieldDelimiter: ';', quote: "'", nullMarkers: ['NA', '-'] };
    expect(await loaded('markers', csv, options)).toEqual([
      ['1', null],
      ['2', 'NA'],
      ['3', null],
      ['4', "it's;x"],
    ]);
    expect(await failure('markers', csv, { ...options, nullMarker: 'x' })).toBe(
      'Only one of nullMarker and nullMarkers should be specified.',
    );
  });

  test('allowQuotedNewlines: otherwise a newline within quotes is an error', async () => {
    const csv = '1,"a\nb"\n2,c\n';
    expect(await loaded('newlines', csv, { schema: TWO, allowQuotedNewlines: true })).toEqual([
      ['1', 'a\nb'],
      ['2', 'c'],
    ]);
    expect(await failure('newlines', csv, { schema: TWO })).toContain('Missing close quote (") character.');
    expect(await loaded('newlines', csv, { autodetect: true })).toHaveLength(2);
  });

  test('allowJaggedRows: missing columns at the end are NULL', async () => {
    expect(await loaded('jagged', '1\n2,b\n', { schema: TWO, allowJaggedRows: true })).toEqual([
      ['1', null],
      ['2', 'b'],
    ]);
    expect(await failure('jagged', '1\n2,b\n', { schema: TWO })).toContain('Expected Number of Columns: 2');
  });

  test.each(['ISO-8859-1', 'UTF-16LE', 'UTF-16BE', 'UTF-32LE', 'UTF-32BE'])('encoding %s', async (encoding) => {
    const text = '1,größe\n2,é\n';
    expect(await loaded('encoded', encode(text, encoding), { schema: TWO, encoding })).toEqual([
      ['1', 'größe'],
      ['2', 'é'],
    ]);
  });

  test('ASCII 0 is refused unless control characters are preserved', async () => {
    expect(await failure('nul', '1,a\u0000b\n', { schema: TWO })).toContain('Bad character (ASCII 0) encountered.');
    expect(await loaded('nul', '1,a\u0000b\n', { schema: TWO, preserveAsciiControlCharacters: true })).toEqual([
      ['1', 'a\u0000b'],
    ]);
  });

  test('formats of dates and times, and the zone of timestamps that name none', async () => {
    const fields = schema(field('d', 'DATE'), field('t', 'TIME'), field('dt', 'DATETIME'), field('ts', 'TIMESTAMP'));
    const options = {
      schema: fields,
      dateFormat: 'DD.MM.YYYY',
      timeFormat: 'HH24"h" MI',
      datetimeFormat: 'YYYY/MM/DD HH24:MI',
      timeZone: 'Europe/Berlin',
    };
    const csv = '31.12.2025,07h 05,2025/12/31 23:59,2025-12-31 12:00:00\n,,,2025-12-31 12:00:00Z\n';
    await loaded('times', csv, options);
    expect(
      await server.rows(
        'SELECT CAST(d AS STRING), CAST(t AS STRING), CAST(dt AS STRING), CAST(ts AS STRING) FROM ds.times ORDER BY d DESC',
      ),
    ).toEqual([
      ['2025-12-31', '07:05:00', '2025-12-31 23:59:00', '2025-12-31 11:00:00+00'],
      [null, null, null, '2025-12-31 12:00:00+00'],
    ]);
    expect(await failure('times', '2025-12-31,,,\n', options)).toContain(
      "could not parse '2025-12-31' as DATE for field d in row 1",
    );
    expect(await failure('times', csv, { ...options, timeZone: 'Nowhere/Land' })).toContain('not a time zone');
    await loaded('times', '{"d":"31.12.2025"}\n', { ...options, sourceFormat: JSON_LINES });
    expect(await server.rows('SELECT CAST(d AS STRING) FROM ds.times')).toEqual([['2025-12-31']]);
  });

  test('columnNameCharacterMap', async () => {
    const csv = 'a-b,straße,2nd\n1,2,3\n';
    const names = async (map?: string): Promise<string[]> => {
      await loaded('named', csv, { autodetect: true, ...(map === undefined ? {} : { columnNameCharacterMap: map }) });
      return (await tableOf('named')).schema.fields.map((f: { name: string }) => f.name);
    };
    expect(await names()).toEqual(['a_b', 'straße', '_2nd']);
    expect(await names('V1')).toEqual(['a_b', 'stra_e', '_2nd']);
    expect(await names('V2')).toEqual(['a-b', 'straße', '2nd']);
    expect(await failure('named', 'a*b\n1\n2\n', { autodetect: true, columnNameCharacterMap: 'STRICT' })).toContain(
      'Invalid field name "a*b"',
    );
  });

  test('bad rows that are left out are listed', async () => {
    const job = await server.load('lenient', '1,a\nx,b\n3,c\n', { schema: TWO, maxBadRecords: 5 });
    expect(job.status).toEqual({
      state: 'DONE',
      errors: [
        {
          reason: 'invalid',
          message: "Error while reading data, error message: Could not parse 'x' as INT64 for field id (row 2)",
        },
      ],
    });
  });

  test('what is not supported is refused by name', async () => {
    for (const [name, value] of [
      ['hivePartitioningOptions', { mode: 'AUTO' }],
      ['projectionFields', ['x']],
      ['sourceColumnMatch', 'NAME'],
      ['jsonExtension', 'GEOJSON'],
    ] as const)
      expect(await failure('refused', '1,a\n', { schema: TWO, [name]: value })).toBe(
        `configuration.load.${name} is not supported by the local BigQuery.`,
      );
    expect(await failure('refused', '1,a\n', { sourceFormat: 'ORC' })).toContain('Loading ORC is not supported');
  });
});

function encode(text: string, encoding: string): Uint8Array {
  switch (encoding) {
    case 'ISO-8859-1':
      return Buffer.from(text, 'latin1');
    case 'UTF-16LE':
      return Buffer.from(text, 'utf16le');
    case 'UTF-16BE':
      return Buffer.from(text, 'utf16le').swap16();
    default: {
      const bytes = Buffer.alloc(text.length * 4);
      text.split('').forEach((c, i) => {
        if (encoding === 'UTF-32LE') bytes.writeUInt32LE(c.codePointAt(0)!, i * 4);
        else bytes.writeUInt32BE(c.codePointAt(0)!, i * 4);
      });
      return bytes;
    }
  }
}

describe('the table of a load', () => {
  test('gets the partitions and clusters that the job names, checked against the schema', async () => {
    await loaded('days', '1,2026-01-01\n', {
      schema: schema(field('id', 'INTEGER'), field('day', 'DATE')),
      timePartitioning: { type: 'DAY', field: 'day', expirationMs: '86400000000000' },
      clustering: { fields: ['id'] },
    });
    expect(await tableOf('days')).toMatchObject({
      timePartitioning: { type: 'DAY', field: 'day' },
      clustering: { fields: ['id'] },
    });
    await loaded('ranges', '7,a\n', {
      schema: TWO,
      rangePartitioning: { field: 'id', range: { start: 0, end: 100, interval: 10 } },
    });
    expect((await tableOf('ranges')).rangePartitioning.range).toEqual({ start: '0', end: '100', interval: '10' });
    const load = (more: Record<string, unknown>) => failure('unlaid', '1,a\n', { schema: TWO, ...more });
    expect(await load({ timePartitioning: { type: 'WEEK' } })).toContain('WEEK is not one of DAY');
    expect(await load({ timePartitioning: { type: 'DAY', field: 'x' } })).toContain('Invalid field: x.');
    expect(await load({ timePartitioning: { type: 'DAY', field: 'name' } })).toContain('The type found is: STRING.');
    expect(await load({ clustering: { fields: ['x'] } })).toContain('clustering cannot be found');
    expect(await failure('ranges', '1,a\n', { schema: TWO, timePartitioning: { type: 'DAY' } })).toContain(
      'Incompatible table partitioning specification',
    );
  });

  test('takes new columns and relaxes REQUIRED ones when the job may update the schema', async () => {
    const strict = schema(field('id', 'INTEGER', 'REQUIRED'));
    await loaded('grows', '1\n', { schema: strict });
    const wider = schema(field('id', 'INTEGER'), field('name', 'STRING'));
    expect(await failure('grows', '2,b\n', { schema: wider })).toContain('Field id has changed mode');
    const options = { schema: wider, schemaUpdateOptions: ['ALLOW_FIELD_ADDITION'] };
    expect(await failure('grows', '2,b\n', options)).toBe(
      `Provided Schema does not match Table ${PROJECT}:ds.grows. Field id has changed mode from REQUIRED to NULLABLE`,
    );
    options.schemaUpdateOptions.push('ALLOW_FIELD_RELAXATION');
    const bad = await failure('grows', 'x,b\n', options);
    expect(bad).toContain("could not parse 'x'");
    expect((await tableOf('grows')).schema).toEqual(strict);
    const job = await server.load('grows', ',b\n', options);
    expect(job.status).toEqual({ state: 'DONE' });
    expect(await server.rows('SELECT id, name FROM ds.grows ORDER BY id')).toEqual([
      [null, 'b'],
      ['1', null],
    ]);
    expect((await tableOf('grows')).schema.fields).toEqual([field('id', 'INTEGER'), field('name', 'STRING')]);
    expect(await failure('grows', '1\n', { ...options, writeDisposition: 'WRITE_TRUNCATE' })).toContain(
      'Schema update options should only be specified with WRITE_APPEND',
    );
    expect(
      await failure('grows', '1,b,c\n', {
        ...options,
        schema: schema(...wider.fields, field('more', 'STRING', 'REQUIRED')),
      }),
    ).toContain('Cannot add required fields to an existing schema. (field: more)');
  });

  test('fills columns that are left out with their default', async () => {
    await server.rows("CREATE TABLE ds.defaults (id INT64, name STRING DEFAULT 'none')");
    await server.load('defaults', '1\n', { schema: schema(field('id', 'INTEGER')) });
    expect(await server.rows('SELECT id, name FROM ds.defaults')).toEqual([['1', 'none']]);
  });
});

describe('large files', () => {
  test('flat JSON is read the quick way to the same values as the careful way', async () => {
    const fields = [
      field('i', 'INTEGER'),
      field('f', 'FLOAT'),
      field('b', 'BOOLEAN'),
      field('s', 'STRING'),
      field('n', 'NUMERIC'),
      field('t', 'TIMESTAMP'),
    ];
    const lines = Array.from({ length: 6_000 }, (_, i) =>
      JSON.stringify({
        i: i % 3 === 0 ? null : i * 1_000_003,
        ...(i % 5 === 0 ? {} : { f: i / 7 }),
        b: i % 2 === 0,
        s: i % 11 === 0 ? i : `text "${i}" ü ${'long '.repeat(20)}`,
        n: `${i}.25`,
        t: new Date(1.7e12 + i * 997).toISOString(),
      }),
    );
    const text = `${lines.join('\n')}\n`;
    expect(text.length).toBeGreaterThan(1_000_000);
    const options = { sourceFormat: JSON_LINES, schema: { fields } };
    await loaded('quick', text, options);
    // All alike, each with its own way of writing what a program writes always the same way.
    const alike = Array.from({ length: 9_000 }, (_, i) => {
      const t = ['2024-02-29 23:59:59.5', '2024-02-29T00:00:00Z', '0001-01-01 00:00:00.123456'][i % 3];
      return `{"i": ${i % 4 === 0 ? 'null' : -i}, "f" : ${i}e-3,"b":${i % 2 === 0}, "s": "a\\"\\u00fc ${'x'.repeat(40)}", "n": "1.5", "t":"${t}"}`;
    });
    await loaded('alike', `${alike.join('\n')}\n`, options);
    await loaded('alike_careful', `${alike.join('\n')}\n`, {
      ...options,
      schema: schema(...fields, field('none', 'STRING', 'REPEATED')),
    });
    const differences = (one: string, other: string) =>
      server.rows(
        `SELECT COUNT(*) FROM (SELECT TO_JSON_STRING((SELECT AS STRUCT q.*)) FROM ds.${one} AS q
          EXCEPT DISTINCT SELECT TO_JSON_STRING((SELECT AS STRUCT c.* EXCEPT (none))) FROM ds.${other} AS c)`,
      );
    expect(await differences('alike', 'alike_careful')).toEqual([['0']]);
    // A repeated field asks for the careful way.
    await loaded('careful', text, { ...options, schema: schema(...fields, field('none', 'STRING', 'REPEATED')) });
    expect(await differences('quick', 'careful')).toEqual([['0']]);
    expect(await server.rows('SELECT COUNT(*), COUNT(i), SUM(i), COUNT(f) FROM ds.quick')).toEqual(
      await server.rows('SELECT COUNT(*), COUNT(i), SUM(i), COUNT(f) FROM ds.careful'),
    );
    for (const line of ['{"extra":1}', '{"i":"x"}', '{"i":9223372036854775808}', '{"s":{"deep":1}}', '[1]', '{"i":'])
      expect([line, (await server.load('quick', `${text}${line}\n`, options)).status.errorResult?.reason]).toEqual([
        line,
        'invalid',
      ]);
    expect(await server.rows('SELECT COUNT(*) FROM ds.quick')).toEqual([['6000']]);
  });

  test('many packed files of wide rows at once stay within the memory of the server', async () => {
    await using small = await ServerUnderTest.start({ memoryBytes: 512 * 1024 * 1024 });
    await small.createDataset('ds');
    const wide = 'x'.repeat(200_000);
    const packed = gzipSync(Array.from({ length: 50 }, (_, i) => `${i},${wide}\n`).join(''));
    const jobs = await Promise.all(
      Array.from({ length: 6 }, (_, i) => small.load(`wide_${i}`, packed, { schema: TWO })),
    );
    expect(jobs.map((job) => job.status)).toEqual(jobs.map(() => ({ state: 'DONE' })));
    await vi.waitFor(async () => expect(await readdir(join(small.dataDir, 'spool'))).toEqual([]), { timeout: 30_000 });
  });

  test('a damaged packed file is refused', async () => {
    const packed = gzipSync('1,a\n'.repeat(1000));
    expect(await failure('torn', packed.subarray(0, packed.length - 12), { schema: TWO })).toContain(
      'Failed to decompress gzip stream of the uploaded data',
    );
  });
});

describe('Avro', () => {
  const TYPE = {
    type: 'record',
    name: 'row',
    fields: [
      { name: 'id', type: 'long' },
      { name: 'name', type: ['null', 'string'] },
      { name: 'ratio', type: ['null', 'double'] },
      { name: 'yes', type: 'boolean' },
      { name: 'raw', type: 'bytes' },
      { name: 'kind', type: { type: 'enum', name: 'kind', symbols: ['A', 'B'] } },
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'inner', type: { type: 'record', name: 'inner', fields: [{ name: 'x', type: 'int' }] } },
      { name: 'counts', type: { type: 'map', values: 'long' } },
      { name: 'day', type: { type: 'int', logicalType: 'date' } },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
      { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } },
    ],
  };
  const ROW = {
    id: 7,
    name: { string: 'sé' },
    ratio: null,
    yes: true,
    raw: Buffer.from('xyz'),
    kind: 'B',
    tags: ['p', 'q'],
    inner: { x: -3 },
    counts: { one: 1 },
    day: 20_454,
    at: 1_767_225_600_123_456,
    price: Buffer.from([0xff, 0x85]),
  };

  function container(codec: AvroCodec, rows: readonly unknown[] = [ROW]): Buffer {
    const type = avro.Type.forSchema(TYPE as avro.Schema, { wrapUnions: true });
    const sync = Buffer.alloc(16, 7);
    const data = Buffer.concat(rows.map((row) => type.toBuffer(row)));
    return Buffer.concat([
      containerHeader(JSON.stringify(TYPE), codec, sync),
      containerBlock(rows.length, data, codec, sync),
    ]);
  }

  test.each(['null', 'deflate', 'snappy'] as const)('codec %s: every type, with logical types', async (codec) => {
    const job = await server.load('avro', container(codec), {
      sourceFormat: 'AVRO',
      useAvroLogicalTypes: true,
      writeDisposition: 'WRITE_TRUNCATE',
    });
    expect(job.status).toEqual({ state: 'DONE' });
    expect(await server.rows('SELECT TO_JSON_STRING(t) FROM ds.avro t')).toEqual([
      [
        '{"id":7,"name":"sé","ratio":null,"yes":true,"raw":"eHl6","kind":"B","tags":["p","q"],"inner":{"x":-3},"counts":[{"key":"one","value":1}],"day":"2026-01-01","at":"2026-01-01T00:00:00.123456Z","price":"-1.23"}',
      ],
    ]);
    const { schema: made } = await tableOf('avro');
    expect(made.fields.map((f: { type: string; mode: string }) => `${f.type} ${f.mode}`)).toEqual([
      'INTEGER REQUIRED',
      'STRING NULLABLE',
      'FLOAT NULLABLE',
      'BOOLEAN REQUIRED',
      'BYTES REQUIRED',
      'STRING REQUIRED',
      'STRING REPEATED',
      'RECORD REQUIRED',
      'RECORD REPEATED',
      'DATE REQUIRED',
      'TIMESTAMP REQUIRED',
      'NUMERIC REQUIRED',
    ]);
  });

  test('without useAvroLogicalTypes loads what the values are stored as', async () => {
    await server.load('avro_raw', container('null'), { sourceFormat: 'AVRO' });
    expect(await server.rows('SELECT day, `at`, TO_HEX(price) FROM ds.avro_raw')).toEqual([
      ['20454', '1767225600123456', 'ff85'],
    ]);
  });

  test('refuses damaged files and files of other formats', async () => {
    const rows = Array.from({ length: 1000 }, () => ROW);
    const whole = container('deflate', rows);
    const load = { sourceFormat: 'AVRO' };
    expect(await failure('avro_bad', 'no avro', load)).toContain('The Apache Avro library failed to read data');
    const torn = Buffer.from(whole);
    torn.fill(0x5a, torn.length - 400, torn.length - 100);
    expect(await failure('avro_bad', torn, load)).toContain('The Apache Avro library failed to read data');
    expect((await tableOf('avro_bad')).error.code).toBe(404);
  });
});
