import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataDirectory } from './data-directory.ts';
import { DuckDb } from './duckdb.ts';

let directory: DataDirectory;
let duckdb: DuckDb;

beforeAll(async () => {
  directory = new DataDirectory(await mkdtemp(join(tmpdir(), 'sluice-duckdb-')));
  duckdb = await DuckDb.create({ directory, maxConnections: 2 });
  await duckdb.attach('p');
});

afterAll(async () => {
  await duckdb[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
  await rm(directory.path, { recursive: true });
});

const ENDLESS = 'SELECT count(*) FROM range(1000000) AS a(x), range(1000000) AS b(y) WHERE (x * y) % 7 = 3';

describe('DuckDb', () => {
  it('reaches no file outside the data directory, loads no extension and keeps its configuration', async () => {
    const refused = (sql: string, why: string) =>
      expect(duckdb.use({}, (session) => session.rows(sql))).rejects.toMatchObject({
        cause: expect.objectContaining({ message: expect.stringContaining(why) }),
      });
    await refused("SELECT * FROM read_csv('/etc/passwd')", 'file system operations are disabled');
    await refused("COPY (SELECT 1) TO '/tmp/sluice-leak.csv'", 'file system operations are disabled');
    await refused("ATTACH '/tmp/sluice-leak.duckdb'", 'file system operations are disabled');
    await refused('SET enable_external_access = true', 'configuration');
    await refused('LOAD httpfs', 'disabled');
  });

  it('stops a statement when its signal aborts, also just before it starts, and when its time is up', async () => {
    for (const delay of [0, 1, 5, 50]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error(`stop ${delay}`)), delay);
      await expect(duckdb.use({ signal: controller.signal }, (session) => session.rows(ENDLESS))).rejects.toThrow(
        `stop ${delay}`,
      );
    }
    await expect(duckdb.use({ timeoutMs: 50 }, (session) => session.rows(ENDLESS))).rejects.toThrow(
      'Operation timed out',
    );
    expect(await duckdb.use({}, (session) => session.rows('SELECT 1'))).toEqual([[1]]);
  });

  it('undoes a transaction whose body throws, also when it was stopped', async () => {
    await duckdb.use({}, (session) => session.run('CREATE TABLE p.main.t AS SELECT 1 AS x'));
    const failing = duckdb.use({ timeoutMs: 100 }, (session) =>
      session.transaction(async () => {
        await session.run('INSERT INTO p.main.t VALUES (2)');
        await session.rows(ENDLESS);
      }),
    );
    await expect(failing).rejects.toThrow('Operation timed out');
    for (let i = 0; i < 3; i++) {
      expect(await duckdb.use({}, (session) => session.rows('SELECT x FROM p.main.t'))).toEqual([[1]]);
    }
  });
});
