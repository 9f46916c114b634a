import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;

const WRITER = 'writer@example.com';

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const tables = `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables`;

async function send(table: string, rows: readonly unknown[], more: Record<string, unknown> = {}, as?: string) {
  const { status, body } = await server.request(
    'POST',
    `${tables}/${table}/insertAll`,
    { rows, ...more },
    as === undefined ? {} : { as },
  );
  return status === 200 ? body : body.error;
}

describe('insertAll', () => {
  test('drops repeated insertIds, also within one request', async () => {
    await server.rows('CREATE TABLE ds.ids (x INT64)');
    const row = (insertId: string | undefined, x: number) => ({
      ...(insertId === undefined ? {} : { insertId }),
      json: { x },
    });
    await send('ids', [row('a', 1), row('a', 2), row('b', 3), row(undefined, 4), row(undefined, 4)]);
    await send('ids', [row('b', 5), row('c', 6)]);
    expect(await server.rows('SELECT x FROM ds.ids ORDER BY x')).toEqual([['1'], ['3'], ['4'], ['4'], ['6']]);
  });

  test('a row that failed may be sent again with its insertId', async () => {
    await server.rows('CREATE TABLE ds.again (x INT64)');
    const failed = await send('again', [
      { insertId: 'a', json: { x: 'no number' } },
      { insertId: 'b', json: { x: 1 } },
    ]);
    expect(failed.insertErrors).toMatchObject([
      { index: 0, errors: [{ reason: 'invalid', location: 'x' }] },
      { index: 1, errors: [{ reason: 'stopped' }] },
    ]);
    expect((await send('again', [{ insertId: 'a', json: { x: 2 } }])).insertErrors).toBeUndefined();
    expect((await send('again', [{ insertId: 'b', json: { x: 1 } }])).insertErrors).toBeUndefined();
    expect(await server.rows('SELECT x FROM ds.again ORDER BY x')).toEqual([['1'], ['2']]);
  });

  test('inserts what is right of skipInvalidRows, in groups by the defaults that rows leave out', async () => {
    await server.rows("CREATE TABLE ds.defaults (id INT64 NOT NULL, a STRING DEFAULT 'a', b STRING DEFAULT 'b')");
    const answer = await send(
      'defaults',
      [
        { json: { id: 1 } },
        { json: { id: 2, a: 'own' } },
        { json: { id: 3, a: null, b: 'own' } },
        { json: { a: 'no id' } },
        { json: { id: 'x', b: 'own' } },
        { json: { id: 6, extra: 1 } },
        { json: 7 },
      ],
      { skipInvalidRows: true },
    );
    expect(answer.insertErrors).toMatchObject([
      { index: 3, errors: [{ reason: 'invalid', location: 'id', message: 'Missing required field: id.' }] },
      { index: 4, errors: [{ reason: 'invalid', location: 'id' }] },
      { index: 5, errors: [{ reason: 'invalid', location: 'extra', message: 'no such field: extra.' }] },
      { index: 6, errors: [{ reason: 'invalid', message: 'The row is not an object.' }] },
    ]);
    expect(await server.rows('SELECT id, a, b FROM ds.defaults ORDER BY id')).toEqual([
      ['1', 'a', 'b'],
      ['2', 'own', 'b'],
      ['3', null, 'own'],
    ]);
    await send('defaults', [{ json: { id: 8, extra: 1 } }], { ignoreUnknownValues: true });
    expect(await server.rows('SELECT id FROM ds.defaults WHERE id > 3')).toEqual([['8']]);
  });

  test('makes instance tables of a template', async () => {
    await server.rows('CREATE TABLE ds.template (x INT64, day DATE) PARTITION BY day');
    const rows = [{ json: { x: 1, day: '2026-01-01' } }];
    expect((await send('template', rows, { templateSuffix: '_one' })).insertErrors).toBeUndefined();
    await send('template', rows, { templateSuffix: '_one' });
    expect(await server.rows('SELECT x FROM ds.template_one')).toEqual([['1'], ['1']]);
    expect(await server.rows('SELECT x FROM ds.template')).toEqual([]);
    expect((await server.request('GET', `${tables}/template_one`)).body.timePartitioning).toMatchObject({
      field: 'day',
    });
    expect((await send('template', rows, { templateSuffix: '-no' })).message).toContain('templateSuffix');
    expect((await send('missing', rows, { templateSuffix: '_one' })).message).toBe(
      `Not found: Table ${PROJECT}:ds.missing`,
    );
  });

  test('takes tables.create for the first row of an instance', async () => {
    const role = {
      title: 'w',
      includedPermissions: ['bigquery.tables.updateData', 'bigquery.tables.get', 'bigquery.datasets.get'],
    };
    await server.request('POST', `/v1/projects/${PROJECT}/roles`, { roleId: 'row_writer', role });
    await server.grant(`user:${WRITER}`, [`projects/${PROJECT}/roles/row_writer`]);
    const rows = [{ json: { x: 1 } }];
    expect((await send('template', rows, { templateSuffix: '_two' }, WRITER)).message).toBe(
      `Access Denied: Dataset ${PROJECT}:ds: Permission bigquery.tables.create denied on dataset ${PROJECT}:ds (or it may not exist).`,
    );
    expect((await send('template', rows, { templateSuffix: '_one' }, WRITER)).insertErrors).toBeUndefined();
  });

  test('keeps to the limits of a request, and leaves no file behind', async () => {
    const many = Array.from({ length: 50_001 }, () => ({ json: {} }));
    expect((await send('ids', many)).message).toBe(
      'Too many rows present in the request, limit: 50000 row count: 50001.',
    );
    expect((await send('ids', [])).message).toBe('No rows present in the request.');
    const large = await send('ids', [{ json: { x: 'y'.repeat(11 * 1024 * 1024) } }]);
    expect(large.code).toBe(413);
    expect(await readdir(join(server.dataDir, 'spool'))).toEqual([]);
  });
});
