// The Storage Read API through Google's client: sessions, streams, offsets, what stays
// frozen, what is refused.
/* oxlint-disable typescript/no-explicit-any -- messages of any shape */
import type { RecordBatch } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';
import { StorageClient } from './storage-client.ts';

let server: ServerUnderTest;
let storage: StorageClient;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  storage = new StorageClient(server);
  await server.createDataset('ds');
  await server.rows(
    `CREATE TABLE ds.numbers AS SELECT x AS id, CONCAT('name of row ', CAST(x AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, 10000)) AS x`,
  );
});

afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function open(tableId: string, more: Record<string, unknown> = {}, request: Record<string, unknown> = {}, as = OWNER) {
  return storage.createReadSession(as, {
    parent: `projects/${PROJECT}`,
    readSession: {
      table: `projects/${PROJECT}/datasets/ds/tables/${tableId}`,
      dataFormat: 'ARROW',
      ...more,
    },
    ...request,
  });
}

const idsOf = (batches: readonly RecordBatch[]): number[] =>
  batches.flatMap((batch) => [...batch.getChild('id')!].map(Number));

async function idsOfAll(session: any, as = OWNER): Promise<number[]> {
  const ids: number[] = [];
  for (const { name } of session.streams) ids.push(...idsOf(await storage.batches(as, session, name)));
  return ids;
}

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('a session', () => {
  it('tells its name, its end, its schema and how much there is to read', async () => {
    const session = await open('numbers');
    expect(session.name).toMatch(/^projects\/test-project\/locations\/us\/sessions\/[\w-]+$/);
    expect(session.streams).toEqual([{ name: expect.stringMatching(`^${session.name}/streams/[\\w-]+$`) }]);
    expect(session).toMatchObject({ dataFormat: 'ARROW', schema: 'arrowSchema', estimatedRowCount: '10000' });
    expect(Number(session.estimatedTotalBytesScanned)).toBeGreaterThan(200_000);
    const hours = (Number(session.expireTime.seconds) * 1000 - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(5.9);
    expect(hours).toBeLessThan(6.1);
  });

  it('gives each row exactly once over several streams, and in each from any offset the same rows', async () => {
    const session = await open('numbers', {}, { maxStreamCount: 7 });
    expect(session.streams.length).toBe(7);
    expect(await idsOfAll(session)).toEqual(oneTo(10_000));
    const { name } = session.streams[3];
    const all = idsOf(await storage.batches(OWNER, session, name));
    for (const offset of [0, 1, 777, all.length - 1, all.length])
      expect(idsOf(await storage.batches(OWNER, session, name, offset))).toEqual(all.slice(offset));
  });

  it('has no streams for a table without rows', async () => {
    await server.rows('CREATE TABLE ds.empty (id INT64)');
    expect((await open('empty')).streams).toEqual([]);
  });

  it('tells progress, the number of rows and, in the first answer, the schema', async () => {
    const session = await open('numbers');
    const responses = await storage.responses(OWNER, session.streams[0].name);
    expect(responses[0].arrowSchema.serializedSchema).toEqual(session.arrowSchema.serializedSchema);
    expect(responses[0].stats.progress.atResponseStart).toBe(0);
    expect(responses.at(-1).stats.progress.atResponseEnd).toBe(1);
    expect(responses.reduce((sum, { rowCount }) => sum + Number(rowCount), 0)).toBe(10_000);
    expect(responses[0].throttleState).toEqual({ throttlePercent: 0 });
  });

  it('splits a stream into two that give its rows back to back', async () => {
    const session = await open('numbers');
    const { name } = session.streams[0];
    const { primaryStream, remainderStream } = await storage.split(OWNER, name, 0.3);
    const first = idsOf(await storage.batches(OWNER, session, primaryStream.name));
    const rest = idsOf(await storage.batches(OWNER, session, remainderStream.name));
    expect(first.length).toBe(3_000);
    expect([...first, ...rest]).toEqual(oneTo(10_000));
    expect(await idsOfAll(session)).toEqual(oneTo(10_000));
    await expect(storage.split(OWNER, name, 1)).rejects.toThrow(/INVALID_ARGUMENT.*fraction 1/);
  });
});

describe('rows stay as they were when the session began', () => {
  it('through INSERT, UPDATE, DELETE and streaming inserts, also for sessions that began in between', async () => {
    await server.rows('CREATE TABLE ds.changing AS SELECT x AS id, 0 AS v FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS x');
    const before = await open('changing');
    const { name } = before.streams[0];
    await server.rows('DELETE FROM ds.changing WHERE id <= 1000');
    const between = await open('changing');
    await server.rows('UPDATE ds.changing SET id = -id WHERE id > 2000');
    await server.rows('INSERT INTO ds.changing (id, v) VALUES (1, 1)');
    expect(await idsOfAll(before)).toEqual(oneTo(3000));
    expect(idsOf(await storage.batches(OWNER, before, name, 2500))).toEqual(oneTo(3000).slice(2500));
    expect(await idsOfAll(between)).toEqual(oneTo(3000).slice(1000));
    const after = (await idsOfAll(await open('changing'))).toSorted((a, b) => a - b);
    expect(after).toEqual(
      [
        ...oneTo(3000)
          .slice(2000)
          .map((id) => -id),
        1,
        ...oneTo(2000).slice(1000),
      ].toSorted((a, b) => a - b),
    );
  });

  it('through a transaction', async () => {
    await server.rows('CREATE TABLE ds.transacted AS SELECT x AS id FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS x');
    const before = await open('transacted');
    await server.rows(
      'BEGIN TRANSACTION; DELETE FROM ds.transacted WHERE id > 10; UPDATE ds.transacted SET id = -id WHERE TRUE; COMMIT TRANSACTION;',
    );
    expect(await idsOfAll(before)).toEqual(oneTo(3000));
    expect((await idsOfAll(await open('transacted'))).toSorted((a, b) => b - a)).toEqual(oneTo(10).map((id) => -id));
  });

  it('when the table is replaced or dropped', async () => {
    await server.rows('CREATE TABLE ds.ending AS SELECT x AS id FROM UNNEST(GENERATE_ARRAY(1, 500)) AS x');
    const first = await open('ending');
    await server.rows('CREATE OR REPLACE TABLE ds.ending AS SELECT 7 AS id');
    const second = await open('ending');
    await server.rows('DROP TABLE ds.ending');
    expect(await idsOfAll(first)).toEqual(oneTo(500));
    expect(await idsOfAll(second)).toEqual([7]);
    await expect(open('ending')).rejects.toThrow(/NOT_FOUND: Not found: Table test-project:ds\.ending/);
  });

  it('while they are read by many at once and the table changes', async () => {
    await server.rows('CREATE TABLE ds.busy AS SELECT x AS id, 0 AS v FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS x');
    const session = await open('busy', {}, { maxStreamCount: 8 });
    const [read] = await Promise.all([
      Promise.all(session.streams.map(({ name }: any) => storage.batches(OWNER, session, name))),
      server.rows('UPDATE ds.busy SET id = 0 WHERE TRUE'),
      server.rows('SELECT COUNT(*) FROM ds.busy'),
    ]);
    expect(read.flatMap(idsOf)).toEqual(oneTo(20_000));
    expect(new Set(await idsOfAll(await open('busy')))).toEqual(new Set([0]));
  });

  it('at an earlier time only when nothing has changed since', async () => {
    await server.rows('CREATE TABLE ds.timed AS SELECT 1 AS id');
    const at = (millis: number): Record<string, unknown> => ({
      tableModifiers: { snapshotTime: { seconds: Math.floor(millis / 1000), nanos: (millis % 1000) * 1e6 } },
    });
    expect(await idsOfAll(await open('timed', at(Date.now())))).toEqual([1]);
    await expect(open('timed', at(Date.now() - 60_000))).rejects.toThrow(
      /UNIMPLEMENTED.*is not supported by the local BigQuery/,
    );
    await expect(open('timed', at(Date.now() + 60_000))).rejects.toThrow(/INVALID_ARGUMENT.*in the future/);
  });
});

describe('a row restriction', () => {
  it('lets through what the condition does', async () => {
    const session = await open('numbers', {
      readOptions: {
        rowRestriction: "MOD(id, 1000) = 0 AND name LIKE 'name of%' -- a comment",
        selectedFields: ['id'],
      },
    });
    expect(session.estimatedRowCount).toBe('10');
    expect(await idsOfAll(session)).toEqual(oneTo(10).map((i) => i * 1000));
  });

  it.each([
    ['id = ', 'Syntax error'],
    ['nothing = 1', 'Unrecognized name'],
    ['id', 'BOOL'],
    ['COUNT(*) > 1', 'Aggregate'],
    ['TRUE) UNION ALL (SELECT * FROM ds.numbers WHERE TRUE', 'Syntax error'],
    ['TRUE); DROP TABLE ds.numbers; SELECT (TRUE', ''],
    ['id IN (SELECT x FROM ds.elsewhere)', ''],
  ])('is refused when it is no condition over the table: %s', async (rowRestriction, why) => {
    await expect(open('numbers', { readOptions: { rowRestriction } })).rejects.toThrow(
      new RegExp(`INVALID_ARGUMENT: request failed: Row filter.*${why}`, 's'),
    );
    expect(await server.rows('SELECT COUNT(*) FROM ds.numbers')).toEqual([['10000']]);
  });

  it('is needed where the table asks for a filter on its partitions', async () => {
    await server.rows(
      'CREATE TABLE ds.parted (id INT64, day DATE) PARTITION BY day OPTIONS (require_partition_filter = TRUE)',
    );
    await server.rows("INSERT INTO ds.parted (id, day) VALUES (1, '2020-01-01'), (2, '2020-01-02')");
    await expect(open('parted')).rejects.toThrow(
      /INVALID_ARGUMENT: request failed: Cannot query over table .* without a filter over column\(s\) 'day'/,
    );
    const session = await open('parted', { readOptions: { rowRestriction: "day = '2020-01-02'" } });
    expect(await idsOfAll(session)).toEqual([2]);
  });

  it('is refused when it is longer than a megabyte', async () => {
    const rowRestriction = `id = 1 OR ${'x'.repeat(1_048_576)}`;
    await expect(open('numbers', { readOptions: { rowRestriction } })).rejects.toThrow(
      /exceeded maximum allowed length/,
    );
  });
});

describe('selected fields', () => {
  it('come in the order of the table, parts of records too', async () => {
    await server.rows(
      `CREATE TABLE ds.nested AS SELECT 1 AS a, STRUCT(2 AS x, STRUCT('c' AS p, 'd' AS q) AS y) AS s,
        [STRUCT(3 AS m, 'n' AS n), STRUCT(4 AS m, 'o' AS n)] AS items, 5 AS z
       UNION ALL SELECT 2, NULL, [], 6`,
    );
    const session = await open('nested', { readOptions: { selectedFields: ['z', 'S.y.q', 'items.n'] } });
    const batches = await storage.batches(OWNER, session, session.streams[0].name);
    expect(batches[0]!.schema.fields.map(({ name }) => name)).toEqual(['s', 'items', 'z']);
    const rows = batches.flatMap((batch) => [...batch].map((row) => JSON.parse(String(row))));
    expect(rows.toSorted((a, b) => a.z - b.z)).toEqual([
      { s: { y: { q: 'd' } }, items: [{ n: 'n' }, { n: 'o' }], z: 5 },
      { s: null, items: [], z: 6 },
    ]);
  });

  it('are refused when the table does not have them', async () => {
    await expect(open('numbers', { readOptions: { selectedFields: ['id', 'name.x', 'no'] } })).rejects.toThrow(
      /INVALID_ARGUMENT: request failed: The following selected fields do not exist in the table schema: name\.x, no/,
    );
  });
});

describe('what is refused', () => {
  it.each([
    [{ dataFormat: 'DATA_FORMAT_UNSPECIFIED' }, {}, /INVALID_ARGUMENT: request failed: data format unspecified/],
    [{ table: 'numbers' }, {}, /INVALID_ARGUMENT.*read_session\.table 'numbers' is not/],
    [{}, { parent: 'test-project' }, /INVALID_ARGUMENT.*parent 'test-project' is not/],
    [{}, { maxStreamCount: -1 }, /INVALID_ARGUMENT.*must not be negative/],
    [{}, { maxStreamCount: 1, preferredMinStreamCount: 2 }, /INVALID_ARGUMENT.*must not be greater/],
    [{ readOptions: { samplePercentage: 101 } }, {}, /INVALID_ARGUMENT.*sample_percentage/],
    [
      { readOptions: { responseCompressionCodec: 2 } },
      {},
      /UNIMPLEMENTED: response_compression_codec is not supported/,
    ],
  ])('%j %j', async (more, request, text) => {
    await expect(open('numbers', more, request)).rejects.toThrow(text);
  });

  it('views', async () => {
    await server.rows('CREATE VIEW ds.view AS SELECT 1 AS id');
    await expect(open('view')).rejects.toThrow(
      /INVALID_ARGUMENT: request failed: non-table entities cannot be read with the storage API/,
    );
  });

  it('not table snapshots, which are tables', async () => {
    await server.rows('CREATE SNAPSHOT TABLE ds.snapshot CLONE ds.numbers');
    expect((await idsOfAll(await open('snapshot'))).length).toBe(10_000);
  });

  it('offsets beyond the end, streams that do not exist', async () => {
    const session = await open('numbers');
    const { name } = session.streams[0];
    await expect(storage.responses(OWNER, name, 10_001)).rejects.toThrow(
      /FAILED_PRECONDITION.*offset 10001 has not been allocated yet/,
    );
    await expect(storage.responses(OWNER, name, -1)).rejects.toThrow(/INVALID_ARGUMENT.*offset -1 is negative/);
    await expect(storage.responses(OWNER, `${session.name}/streams/none`)).rejects.toThrow(/NOT_FOUND/);
    await expect(storage.responses(OWNER, 'nonsense')).rejects.toThrow(/INVALID_ARGUMENT/);
  });

  it('the Storage Write API, by name', async () => {
    const { BigQueryWriteClient } = await import('@google-cloud/bigquery-storage');
    const { credentials } = await import('@grpc/grpc-js');
    const [host, port] = server.grpcAddress.split(':');
    const client = new BigQueryWriteClient({
      servicePath: host!,
      port: Number(port),
      sslCreds: credentials.createInsecure(),
      projectId: PROJECT,
    });
    try {
      const request = { name: `projects/${PROJECT}/datasets/ds/tables/numbers/streams/_default` };
      await expect(client.getWriteStream(request, await storage.headers(OWNER))).rejects.toThrow(
        /UNIMPLEMENTED: BigQueryWrite\.GetWriteStream is not supported by the local BigQuery/,
      );
    } finally {
      await client.close();
    }
  });
});

describe('results of queries', () => {
  it('can be read by who ran the query, and by nobody else', async () => {
    const { body } = await server.query('SELECT x AS id FROM UNNEST(GENERATE_ARRAY(1, 50)) AS x');
    const job = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/jobs/${body.jobReference.jobId}`);
    const { datasetId, tableId } = job.body.configuration.query.destinationTable;
    const table = `projects/${PROJECT}/datasets/${datasetId}/tables/${tableId}`;
    expect(await idsOfAll(await open('', { table }))).toEqual(oneTo(50));
    await server.grant('user:other@example.com', ['roles/bigquery.admin']);
    await expect(open('', { table }, {}, 'other@example.com')).rejects.toThrow(/PERMISSION_DENIED/);
  });
});

describe('compression', () => {
  it.each(['ZSTD', 'LZ4_FRAME'])('%s is answered with batches that say so', async (bufferCompression) => {
    const { Message } = await import('apache-arrow/ipc/metadata/message');
    const { zstdDecompressSync } = await import('node:zlib');
    const session = await open('numbers', { readOptions: { arrowSerializationOptions: { bufferCompression } } });
    const [response] = await storage.responses(OWNER, session.streams[0].name);
    const bytes = Buffer.from(response.arrowRecordBatch.serializedRecordBatch);
    const metadataBytes = bytes.readInt32LE(4);
    const message = Message.decode(bytes.subarray(8, 8 + metadataBytes));
    const header = message.header() as any;
    expect(header.compression.type).toBe(bufferCompression === 'ZSTD' ? 1 : 0);
    // Buffers of the first column: validity (none), values.
    const { offset, length } = header.buffers[1];
    const buffer = bytes.subarray(8 + metadataBytes + offset, 8 + metadataBytes + offset + length);
    const plainBytes = Number(buffer.readBigInt64LE(0));
    const plain = plainBytes === -1 ? buffer.subarray(8) : zstdDecompressSync(buffer.subarray(8));
    expect(plainBytes).toBe(bufferCompression === 'ZSTD' ? plain.length : -1);
    expect(plain.readBigInt64LE(9 * 8)).toBe(10n);
  });
});

it('a sample holds about its share of the rows, each at most once', async () => {
  const session = await open('numbers', { readOptions: { samplePercentage: 50 } });
  const ids = await idsOfAll(session);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(3_000);
  expect(ids.length).toBeLessThan(7_000);
});
