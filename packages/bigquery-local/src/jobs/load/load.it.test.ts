import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data');

const field = (name: string, type: string, mode = 'NULLABLE'): Record<string, string> => ({ name, type, mode });

async function schemaOf(table: string): Promise<[string, string][]> {
  const { body } = await server.request('GET', `/projects/${PROJECT}/datasets/ds/tables/${table}`);
  return body.schema.fields.map((f: { name: string; type: string }) => [f.name, f.type]);
}

describe('CSV', () => {
  it('detects header, names and types', async () => {
    const job = await server.load('airports', await readFile(join(data, 'airports.csv')), { autodetect: true });
    expect(job.status).toEqual({ state: 'DONE' });
    expect(job.statistics.load.outputRows).toBe('3376');
    expect(await schemaOf('airports')).toEqual([
      ['iata', 'STRING'],
      ['name', 'STRING'],
      ['city', 'STRING'],
      ['state', 'STRING'],
      ['country', 'STRING'],
      ['latitude', 'FLOAT'],
      ['longitude', 'FLOAT'],
    ]);
  });

  it('detects TIMESTAMP in a column of several notations', async () => {
    const csv =
      'id,t,s\n1,2024-01-02 03:04:05.123456,2024-01-02\n2,,x\n3,2024-01-02T03:04:05Z,\n4,2024-01-02 03:04:05+02:00,y\n';
    const job = await server.load('notations', csv, { autodetect: true });
    expect(job.status).toEqual({ state: 'DONE' });
    expect(await schemaOf('notations')).toEqual([
      ['id', 'INTEGER'],
      ['t', 'TIMESTAMP'],
      ['s', 'STRING'],
    ]);
    expect(await server.rows('SELECT FORMAT_TIMESTAMP("%F %H:%M:%E*S", t) FROM ds.notations ORDER BY id')).toEqual([
      ['2024-01-02 03:04:05.123456'],
      [null],
      ['2024-01-02 03:04:05'],
      ['2024-01-02 01:04:05'],
    ]);
  });

  it('tells NULL from an empty string and reads quotes, delimiters and every scalar type', async () => {
    const csv =
      's|i|f|b|d|t|n|y\n""|1|1.5|true|2020-01-02|2020-01-02 03:04:05.123456 UTC|1.25|YWI=\n|||||||\n"a|""b"""|-9223372036854775808|NaN|0|0001-01-01|1577836800.5|-0.000000001|\n';
    const fields = [
      field('s', 'STRING'),
      field('i', 'INTEGER'),
      field('f', 'FLOAT'),
      field('b', 'BOOLEAN'),
      field('d', 'DATE'),
      field('t', 'TIMESTAMP'),
      field('n', 'NUMERIC'),
      field('y', 'BYTES'),
    ];
    const job = await server.load('scalars', csv, { schema: { fields }, fieldDelimiter: '|', skipLeadingRows: 1 });
    expect(job.status).toEqual({ state: 'DONE' });
    const { body } = await server.request('GET', `/projects/${PROJECT}/datasets/ds/tables/scalars/data`);
    expect(body.rows.map((row: { f: { v: unknown }[] }) => row.f.map((cell) => cell.v))).toEqual([
      ['', '1', '1.5', 'true', '2020-01-02', '1.577934245123456E9', '1.25', 'YWI='],
      [null, null, null, null, null, null, null, null],
      ['a|"b"', '-9223372036854775808', 'NaN', 'false', '0001-01-01', '1.5778368005E9', '-0.000000001', null],
    ]);
  });

  it('names the row and the column of a value that does not fit, and loads nothing', async () => {
    const job = await server.load('bad', 'id,name\n1,a\nx,b\n3,c\n', {
      schema: { fields: [field('id', 'INTEGER'), field('name', 'STRING')] },
      skipLeadingRows: 1,
    });
    expect(job.status.errorResult.reason).toBe('invalid');
    expect(job.status.errorResult.message).toContain("could not parse 'x' as INT64 for field id in row 3");
    expect((await server.request('GET', `/projects/${PROJECT}/datasets/ds/tables/bad`)).status).toBe(404);
  });

  it('leaves out at most maxBadRecords rows', async () => {
    const load = { schema: { fields: [field('id', 'INTEGER'), field('name', 'STRING')] } };
    const some = await server.load('lenient', '1,a\nx,b\n3,c\n', { ...load, maxBadRecords: 1 });
    expect(some.statistics.load).toMatchObject({ outputRows: '2', badRecords: '1' });
    const many = await server.load('lenient', '1,a\nx,b\ny,c\n', { ...load, maxBadRecords: 1 });
    expect(many.status.errorResult.reason).toBe('invalid');
    const broken = await server.load('lenient', '1,a\n2,b,more,fields\n', { ...load, maxBadRecords: 0 });
    expect(broken.status.errorResult.reason).toBe('invalid');
    const ragged = await server.load('lenient', '1,a\n2,b,more,fields\n4,d\n', {
      ...load,
      maxBadRecords: 1,
      writeDisposition: 'WRITE_TRUNCATE',
    });
    expect(ragged.statistics.load).toMatchObject({ outputRows: '2', badRecords: '1' });
  });

  it('refuses lines that are no rows, by line', async () => {
    const load = { schema: { fields: [field('id', 'INTEGER'), field('name', 'STRING')] } };
    const many = await server.load('odd', '1,a\n2,b,c\n', load);
    expect(many.status.errorResult.message).toBe(
      'Error while reading data, error message: CSV Error on Line: 2; Original Line: 2,b,c; Expected Number of Columns: 2 Found: 3',
    );
    const open = await server.load('odd', '1,a\n2,"b\n3,c\n', load);
    expect(open.status.errorResult.message).toBe(
      'Error while reading data, error message: Error detected while parsing row starting at position: 4. Error: Missing close quote (") character. File: the uploaded data',
    );
  });

  it('refuses a file without a schema', async () => {
    const job = await server.load('nothing', '1,2\n', {});
    expect(job.status.errorResult.message).toBe('No schema specified on job or table.');
  });
});

describe('newline-delimited JSON', () => {
  it('reads nested and repeated fields, compressed too', async () => {
    const fields = [
      field('id', 'INTEGER'),
      { ...field('address', 'RECORD'), fields: [field('city', 'STRING'), field('zip', 'INTEGER')] },
      {
        ...field('events', 'RECORD', 'REPEATED'),
        fields: [field('at', 'TIMESTAMP'), field('tags', 'STRING', 'REPEATED')],
      },
      field('raw', 'JSON'),
    ];
    const line = {
      id: '7',
      address: { city: 'Rome', zip: 12 },
      events: [
        { at: '2020-01-01T00:00:00Z', tags: ['a', 'b'] },
        { at: null, tags: [] },
      ],
      raw: { k: [1, null] },
    };
    const job = await server.load('nested', gzipSync(`${JSON.stringify(line)}\n{"id":8}\n`), {
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      schema: { fields },
    });
    expect(job.status).toEqual({ state: 'DONE' });
    expect(
      await server.rows(
        'SELECT id, address.city, address.zip, ARRAY_LENGTH(events), events[SAFE_OFFSET(0)].tags, TO_JSON_STRING(raw) FROM ds.nested ORDER BY id',
      ),
    ).toEqual([
      ['7', 'Rome', '12', '2', [{ v: 'a' }, { v: 'b' }], '{"k":[1,null]}'],
      ['8', null, null, expect.anything(), [], expect.anything()],
    ]);
  });

  it('refuses unknown fields unless told to ignore them, and values that do not fit', async () => {
    const load = { sourceFormat: 'NEWLINE_DELIMITED_JSON', schema: { fields: [field('id', 'INTEGER')] } };
    const unknown = await server.load('strict', '{"id":1}\n{"id":2,"extra":3}\n', load);
    expect(unknown.status.errorResult.message).toContain('extra');
    const ignored = await server.load('strict', '{"id":1}\n{"id":2,"extra":3}\n', {
      ...load,
      ignoreUnknownValues: true,
    });
    expect(ignored.statistics.load.outputRows).toBe('2');
    const wrong = await server.load('strict', '{"id":1}\n{"id":"two"}\n', load);
    expect(wrong.status.errorResult.message).toContain('could not parse \'"two"\' as INT64 for field id in row 2');
    const shape = await server.load('strict', '{"id":[1]}\n', load);
    expect(shape.status.errorResult.reason).toBe('invalid');
    const list = await server.load('strict', '[{"id":1}]\n', load);
    expect(list.status.errorResult.message).toContain('in row 1');
    const malformed = await server.load('strict', '{"id":1}\n{"id":\n', load);
    expect(malformed.status.errorResult.message).toContain('Malformed JSON in the uploaded data');
    expect(await server.rows('SELECT COUNT(*) FROM ds.strict')).toEqual([['2']]);
  });

  it('detects STRING for what is null in every row, and refuses other shapes at any depth', async () => {
    const load = { sourceFormat: 'NEWLINE_DELIMITED_JSON', autodetect: true };
    const job = await server.load('nulls', '{"a":null,"b":{"c":null,"d":[]},"e":1}\n{"e":"x"}\n', load);
    expect(job.status).toEqual({ state: 'DONE' });
    const { body } = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/nulls`);
    expect(body.schema.fields).toMatchObject([
      { name: 'a', type: 'STRING' },
      {
        name: 'b',
        fields: [
          { name: 'c', type: 'STRING' },
          { name: 'd', type: 'STRING', mode: 'REPEATED' },
        ],
      },
      { name: 'e', type: 'STRING' },
    ]);
    expect(await server.rows('SELECT a, b.c, e FROM ds.nulls ORDER BY e')).toEqual([
      [null, null, '1'],
      [null, null, 'x'],
    ]);
    for (const line of ['{"b":{"c":{"x":1}}}', '{"b":{"d":"no list"}}', '{"b":{"d":[["deep"]]}}', '{"b":7}']) {
      const refused = await server.load('nulls', `${line}\n`, { sourceFormat: 'NEWLINE_DELIMITED_JSON' });
      expect([line, refused.status.errorResult?.reason]).toEqual([line, 'invalid']);
    }
  });

  it('detects a schema', async () => {
    const job = await server.load('detected', '{"a":1,"b":"x","c":[1.5],"d":{"e":true},"f":"2020-01-01T00:00:00Z"}\n', {
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      autodetect: true,
    });
    expect(job.status).toEqual({ state: 'DONE' });
    expect(await schemaOf('detected')).toEqual([
      ['a', 'INTEGER'],
      ['b', 'STRING'],
      ['c', 'FLOAT'],
      ['d', 'RECORD'],
      ['f', 'TIMESTAMP'],
    ]);
  });
});

describe('Parquet', () => {
  it('loads three million rows, appends and truncates', async () => {
    const file = await readFile(join(data, 'flights-3m.parquet'));
    const job = await server.load('flights', file, { sourceFormat: 'PARQUET' });
    expect(job.statistics.load.outputRows).toBe('3000000');
    expect(await server.rows('SELECT COUNT(*), COUNT(DISTINCT origin) FROM ds.flights')).toEqual([['3000000', '229']]);
    await server.load('flights', file, { sourceFormat: 'PARQUET' });
    expect(await server.rows('SELECT COUNT(*) FROM ds.flights')).toEqual([['6000000']]);
    await server.load('flights', file, { sourceFormat: 'PARQUET', writeDisposition: 'WRITE_TRUNCATE' });
    expect(await server.rows('SELECT COUNT(*) FROM ds.flights')).toEqual([['3000000']]);
    const again = await server.load('flights', file, { sourceFormat: 'PARQUET', writeDisposition: 'WRITE_EMPTY' });
    expect(again.status.errorResult).toMatchObject({
      reason: 'duplicate',
      message: `Already Exists: Table ${PROJECT}:ds.flights`,
    });
  });

  it('refuses a file of another format', async () => {
    const job = await server.load('damaged', 'this is no parquet file', { sourceFormat: 'PARQUET' });
    expect(job.status.errorResult.message).toContain('Failed to read the data as Parquet');
  });
});

describe('uploads', () => {
  it('goes on where a resumable upload stopped', async () => {
    const job = {
      configuration: {
        load: {
          destinationTable: { datasetId: 'ds', tableId: 'resumed' },
          schema: { fields: [field('id', 'INTEGER')] },
        },
      },
    };
    const begun = await server.request(
      'POST',
      `/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=resumable`,
      job,
    );
    const location = begun.headers.get('location')!;
    expect(location.startsWith(server.url)).toBe(true);
    const path = location.slice(server.url.length);
    const csv = Array.from({ length: 1000 }, (_, i) => `${i}\n`).join('');
    const put = (range: string, body: string) =>
      server.request('PUT', path, body, {
        headers: { 'content-range': range, 'content-type': 'application/octet-stream' },
      });
    const first = await put(`bytes 0-999/${csv.length}`, csv.slice(0, 1000));
    expect([first.status, first.headers.get('range')]).toEqual([308, 'bytes=0-999']);
    const probe = await put(`bytes */${csv.length}`, '');
    expect([probe.status, probe.headers.get('range')]).toEqual([308, 'bytes=0-999']);
    expect((await put(`bytes 500-999/${csv.length}`, csv.slice(500, 1000))).status).toBe(400);
    const last = await put(`bytes 1000-${csv.length - 1}/${csv.length}`, csv.slice(1000));
    expect(last.status).toBe(200);
    await server.finished(last.body.jobReference.jobId);
    expect(await server.rows('SELECT COUNT(*), SUM(id) FROM ds.resumed')).toEqual([['1000', '499500']]);
    expect((await put(`bytes */${csv.length}`, '')).status).toBe(404);
  });

  it('leaves no file behind when the client breaks off, or sends what is no upload', async () => {
    await using broken = await ServerUnderTest.start();
    await broken.createDataset('ds');
    const spool = join(broken.dataDir, 'spool');
    const path = `/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=multipart`;
    const gone = new AbortController();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('--b0\r\ncontent-type: application/json\r\n\r\n{}\r\n--b0\r\n\r\n1,2\n'));
      },
    });
    const headers = {
      authorization: `Bearer ${await broken.token(OWNER)}`,
      'content-type': 'multipart/related; boundary=b0',
    };
    const sent = fetch(`${broken.url}${path}`, {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
      signal: gone.signal,
    }).catch(() => 'broken off');
    await vi.waitFor(async () => expect(await readdir(spool)).toHaveLength(1), { timeout: 5_000 });
    gone.abort();
    expect(await sent).toBe('broken off');
    await vi.waitFor(async () => expect(await readdir(spool)).toEqual([]), { timeout: 5_000 });

    const multipart = (text: string) =>
      broken.request('POST', path, text, { headers: { 'content-type': 'multipart/related; boundary=b0' } });
    const noJson = await multipart('--b0\r\n\r\n{broken\r\n--b0\r\n\r\n1,2\r\n--b0--\r\n');
    expect(noJson.body.error).toMatchObject({ code: 400, message: 'Invalid JSON payload received.' });
    const noData = await multipart('--b0\r\n\r\n{}\r\n--b0--\r\n');
    expect(noData.body.error.message).toBe('A multipart upload has two parts: the job as JSON, then the data.');
    const noLoad = await multipart('--b0\r\n\r\n{}\r\n--b0\r\n\r\n1,2\r\n--b0--\r\n');
    expect(noLoad.body.error.message).toBe('Required parameter is missing: configuration');
    expect(await readdir(spool)).toEqual([]);
  });

  it('refuses data above the limit of the server, and an upload without the right to run jobs', async () => {
    await using small = await ServerUnderTest.start({ maxUploadBytes: 1000 });
    await small.createDataset('ds');
    const answer = await small.load('big', 'x'.repeat(2000), { schema: { fields: [field('s', 'STRING')] } });
    expect(answer.error).toMatchObject({
      code: 413,
      message: 'The upload is larger than 1000 bytes, the limit of this server.',
    });
    const denied = await server.load('t', 'x', { schema: { fields: [field('s', 'STRING')] } }, 'nobody@example.com');
    expect(denied.error.message).toBe(
      `Access Denied: Project ${PROJECT}: User does not have bigquery.jobs.create permission in project ${PROJECT}.`,
    );
  });
});
