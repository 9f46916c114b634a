// Columns of every type through the server: schemas, streaming inserts, loads, parameters, and what queries and
// extracts give back.
import { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;
const base = `/bigquery/v2/projects/${PROJECT}`;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const FIELDS = [
  { name: 'id', type: 'INTEGER', mode: 'NULLABLE' },
  { name: 's', type: 'STRING', mode: 'NULLABLE', maxLength: '5' },
  { name: 'n', type: 'NUMERIC', mode: 'NULLABLE', precision: '5', scale: '2', roundingMode: 'ROUND_HALF_EVEN' },
  { name: 'g', type: 'BIGNUMERIC', mode: 'NULLABLE' },
  { name: 'd', type: 'RANGE', mode: 'NULLABLE', rangeElementType: { type: 'DATE' } },
  { name: 't', type: 'RANGE', mode: 'NULLABLE', rangeElementType: { type: 'TIMESTAMP' } },
  { name: 'p', type: 'GEOGRAPHY', mode: 'NULLABLE' },
  { name: 'v', type: 'INTERVAL', mode: 'NULLABLE' },
  { name: 'c', type: 'STRING', mode: 'NULLABLE', collation: 'und:ci' },
];

describe('a table with columns of every type', () => {
  const path = `${base}/datasets/ds/tables`;

  it('is made and described with the parameters of its types', async () => {
    const made = await server.request('POST', path, {
      tableReference: { projectId: PROJECT, datasetId: 'ds', tableId: 'kinds' },
      schema: { fields: FIELDS },
    });
    expect(made.status).toBe(200);
    const { body } = await server.request('GET', `${path}/kinds`);
    expect(body.schema.fields).toEqual(FIELDS);
  });

  it.each([
    [{ name: 'x', type: 'INTEGER', maxLength: '5' }, 'maxLength can only be set for STRING and BYTES'],
    [{ name: 'x', type: 'NUMERIC', precision: '40' }, 'precision must be between 1 and 29'],
    [{ name: 'x', type: 'NUMERIC', precision: '5', scale: '10' }, 'scale must be between 0 and 9'],
    [{ name: 'x', type: 'RANGE' }, 'needs a rangeElementType'],
    [{ name: 'x', type: 'STRING', collation: 'de:ci' }, 'Collation de:ci of field x is not supported'],
  ])('is refused with a field that cannot be: %o', async (field, message) => {
    const made = await server.request('POST', path, {
      tableReference: { projectId: PROJECT, datasetId: 'ds', tableId: 'never' },
      schema: { fields: [field] },
    });
    expect(made.status).toBeGreaterThanOrEqual(400);
    expect(made.body.error.message).toContain(message);
  });

  it('takes streamed rows that fit, and says which do not', async () => {
    const rows = [
      {
        json: {
          id: 1,
          s: 'five5',
          n: '1.225',
          g: '0.00000000000000000000000000000000000001',
          d: { start: '2020-01-01', end: '2020-02-01' },
          t: { start: '2020-01-01 00:00:00', end: null },
          p: 'POINT(1 2)',
          v: '1-2 3 4:5:6.5',
          c: 'Ada',
        },
      },
      { json: { id: 2, p: '{"type":"Point","coordinates":[3,4.5]}', c: 'ADA' } },
    ];
    const inserted = await server.request('POST', `${path}/kinds/insertAll`, { rows });
    expect(inserted.body.insertErrors).toBeUndefined();
    const bad = await server.request('POST', `${path}/kinds/insertAll`, {
      rows: [
        { json: { id: 3, s: 'sixsix' } },
        { json: { id: 4, n: '1000' } },
        { json: { id: 5, d: { start: '2020-02-01', end: '2020-01-01' } } },
        { json: { id: 6, p: 'POINT(1 100)' } },
      ],
    });
    expect(
      bad.body.insertErrors.map(({ errors }: { errors: { location: string }[] }) => errors.map((e) => e.location)),
    ).toEqual([['s'], ['n'], ['d'], ['p']]);
    expect(await server.rows('SELECT * FROM ds.kinds ORDER BY id')).toEqual([
      [
        '1',
        'five5',
        '1.22',
        '0.00000000000000000000000000000000000001',
        '[2020-01-01, 2020-02-01)',
        '[1.5778368E9, UNBOUNDED)',
        'POINT(1 2)',
        '1-2 3 4:5:6.500',
        'Ada',
      ],
      ['2', null, null, null, null, null, 'POINT(3 4.5)', null, 'ADA'],
    ]);
  });

  it('compares a collated column without regard to case, also through a view', async () => {
    expect(await server.rows("SELECT COUNT(*) FROM ds.kinds WHERE c = 'aDa'")).toEqual([['2']]);
    await server.rows('CREATE VIEW ds.collated AS SELECT c, id FROM ds.kinds');
    expect(await server.rows("SELECT COUNT(*), MIN(id) FROM ds.collated WHERE c = 'ada' GROUP BY c")).toEqual([
      ['2', '1'],
    ]);
  });

  it('counts its bytes as BigQuery does', async () => {
    const { body } = await server.request('GET', `${path}/kinds`);
    expect(Number(body.numBytes)).toBeGreaterThan(0);
  });

  it('widens but does not narrow the parameters of a type', async () => {
    const patched = (maxLength: string): Promise<{ status: number }> =>
      server.request('PATCH', `${path}/kinds`, {
        schema: { fields: FIELDS.map((f) => (f.name === 's' ? { ...f, maxLength } : f)) },
      });
    expect((await patched('4')).status).toBe(400);
    expect((await patched('6')).status).toBe(200);
  });
});

describe('loads', () => {
  it('read the types from CSV and hold values to their parameters', async () => {
    const job = await server.load(
      'from_csv',
      '1,abc,0.1,"[2020-01-01, UNBOUNDED)",POINT(1 2),0-0 1 0:0:0\n2,abcd,0.2,,,\n',
      {
        schema: {
          fields: [
            { name: 'id', type: 'INTEGER' },
            { name: 's', type: 'STRING', maxLength: '3' },
            { name: 'g', type: 'BIGNUMERIC' },
            { name: 'd', type: 'RANGE', rangeElementType: { type: 'DATE' } },
            { name: 'p', type: 'GEOGRAPHY' },
            { name: 'v', type: 'INTERVAL' },
          ],
        },
        maxBadRecords: 1,
      },
    );
    expect(job.statistics.load).toMatchObject({ outputRows: '1', badRecords: '1' });
    expect(await server.rows('SELECT * FROM ds.from_csv')).toEqual([
      ['1', 'abc', '0.1', '[2020-01-01, UNBOUNDED)', 'POINT(1 2)', '0-0 1 0:0:0'],
    ]);
  });

  it('append to a table under the parameters of its own columns', async () => {
    await server.rows('CREATE TABLE ds.narrow (s STRING(2), n NUMERIC(3, 1))');
    const schema = {
      fields: [
        { name: 's', type: 'STRING' },
        { name: 'n', type: 'NUMERIC' },
      ],
    };
    expect((await server.load('narrow', 'ab,1.25\n', { schema })).status).toEqual({ state: 'DONE' });
    const refused = await server.load('narrow', 'abc,1\n', { schema });
    expect(refused.status.errorResult.message).toContain(
      'STRING(2) has maximum length 2 but got a value with length 3',
    );
    expect(await server.rows('SELECT s, n FROM ds.narrow')).toEqual([['ab', '1.3']]);
  });
});

describe("Google's client", () => {
  it('sends and receives values of the types', async () => {
    const { client } = await server.serviceAccount('type-reader', ['roles/bigquery.jobUser']);
    const [rows] = await client.query({
      query: 'SELECT @g + 1 AS g, @r AS r, RANGE_CONTAINS(@r, DATE "2020-01-15") AS inside, @t AS t',
      params: {
        g: '1.00000000000000000000000000000000000001',
        r: BigQuery.range('[2020-01-01, 2020-02-01)', 'DATE'),
        t: BigQuery.range('[2020-01-01T00:00:00Z, UNBOUNDED)', 'TIMESTAMP'),
      },
      types: { g: 'BIGNUMERIC' },
    });
    const [row] = rows as unknown as [Readonly<Record<string, unknown>>];
    expect(row['inside']).toBe(true);
    expect(String(row['g'])).toBe('2.00000000000000000000000000000000000001');
    expect(row['r']).toMatchObject({ start: { value: '2020-01-01' }, end: { value: '2020-02-01' } });
    expect(row['t']).toMatchObject({ start: { value: '2020-01-01T00:00:00.000Z' } });
  });

  it('takes intervals and points as parameters', async () => {
    const parameter = (name: string, type: string, value: string): object => ({
      name,
      parameterType: { type },
      parameterValue: { value },
    });
    const { body } = await server.query('SELECT @v, ST_X(@p), @v + INTERVAL 1 DAY', {
      body: {
        parameterMode: 'NAMED',
        queryParameters: [parameter('v', 'INTERVAL', '1-2 3 4:5:6'), parameter('p', 'GEOGRAPHY', 'POINT(5 6)')],
      },
    });
    expect(body.rows[0].f.map((cell: { v: unknown }) => cell.v)).toEqual(['1-2 3 4:5:6', '5.0', '1-2 4 4:5:6']);
  });
});
