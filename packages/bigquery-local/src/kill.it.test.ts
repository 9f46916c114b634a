// What `kill -9` may leave behind: a change that is done, or one that is not.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KillableServer } from './killable-server.ts';
import { issueUserToken } from './index.ts';
import { OWNER, PROJECT } from './server-under-test.ts';

let server: KillableServer;

beforeEach(async () => {
  server = await KillableServer.start();
  await server.call('POST', '/queries', {
    query: 'CREATE TABLE ds.t AS SELECT n AS id, 0 AS round FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS n',
    useLegacySql: false,
  });
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

describe('kill -9', () => {
  it('leaves each DML statement done or not done, its job agrees, and lastModifiedTime tells of every change', async () => {
    let round = 0;
    for (const delay of [5, 30, 60, 90, 140, 200]) {
      const before = await server.call('GET', '/datasets/ds/tables/t');
      const jobId = `update_${delay}`;
      const sent = server
        .call('POST', '/jobs', {
          jobReference: { jobId },
          configuration: { query: { query: 'UPDATE ds.t SET round = round + 1 WHERE TRUE', useLegacySql: false } },
        })
        .catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();
      await sent;
      await server.restart();
      const [[least, most, count]] = (await server.rows('SELECT MIN(round), MAX(round), COUNT(*) FROM ds.t')) as [
        [string, string, string],
      ];
      expect([least, count]).toEqual([most, '50000']);
      expect([round, round + 1]).toContain(Number(most));
      const job = await server.call('GET', `/jobs/${jobId}`);
      const after = await server.call('GET', '/datasets/ds/tables/t');
      const changed = Number(most) > round;
      const told = {
        state: job.error === undefined ? job.status.state : 'DONE',
        rows: job.error === undefined ? job.statistics.query?.numDmlAffectedRows : undefined,
        stamped: Number(after.lastModifiedTime) > Number(before.lastModifiedTime),
        interrupted:
          job.error === undefined ? (job.status.errorResult?.message.startsWith('Job was interrupted') ?? false) : true,
      };
      // A table may be stamped without a change (its writer died), never changed without a stamp.
      expect(told).toEqual({
        state: 'DONE',
        rows: changed ? '50000' : undefined,
        stamped: changed || told.stamped,
        interrupted: !changed,
      });
      round = Number(most);
    }
  });

  it('leaves a load that appends done or not done', async () => {
    const csv = Array.from({ length: 400_000 }, (_, i) => `${i},0`).join('\n');
    const fields = [
      { name: 'id', type: 'INTEGER' },
      { name: 'round', type: 'INTEGER' },
    ];
    const job = {
      configuration: { load: { destinationTable: { datasetId: 'ds', tableId: 't' }, schema: { fields } } },
    };
    const body = `--b0\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(job)}\r\n--b0\r\ncontent-type: text/csv\r\n\r\n${csv}\r\n--b0--\r\n`;
    let loaded = 0;
    for (const delay of [0, 60, 150, 400]) {
      const token = await issueUserToken({ dataDir: server.dataDir, email: OWNER });
      const answer = await fetch(`${server.url}/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=multipart`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'multipart/related; boundary=b0' },
        body,
      });
      const { jobReference } = (await answer.json()) as any;
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();
      await server.restart();
      const [[count]] = (await server.rows('SELECT COUNT(*) FROM ds.t')) as [[string]];
      const { status } = await server.call('GET', `/jobs/${jobReference.jobId}`);
      if (status.errorResult === undefined) loaded++;
      expect([Number(count), status.state]).toEqual([50_000 + 400_000 * loaded, 'DONE']);
    }
  });

  it('leaves a table that is being made absent or whole, and no rows without a table', async () => {
    for (const delay of [10, 60, 120, 250]) {
      const sent = server
        .call('POST', '/jobs', {
          configuration: {
            query: {
              query: `CREATE OR REPLACE TABLE ds.made AS SELECT a.id, b.id AS other FROM ds.t AS a JOIN ds.t AS b ON MOD(a.id, 1000) = MOD(b.id, 1000)`,
              useLegacySql: false,
            },
          },
        })
        .catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();
      await sent;
      await server.restart();
      const table = await server.call('GET', '/datasets/ds/tables/made');
      expect(['2500000', 404]).toContain(table.numRows ?? table.error.code);
    }
    expect(await readdir(join(server.dataDir, 'spool'))).toEqual([]);
  });

  it('leaves each ALTER TABLE done or not done, with its job, whatever it changes at once', async () => {
    const columns = ['id', 'round'];
    let description: string | undefined;
    for (const delay of [5, 30, 60, 120, 200]) {
      const jobId = `alter_${delay}`;
      const query = `ALTER TABLE ds.t ADD COLUMN c${delay} STRING, ADD COLUMN d${delay} INT64, SET OPTIONS(description = '${delay}')`;
      const sent = server
        .call('POST', '/jobs', {
          jobReference: { jobId },
          configuration: { query: { query, useLegacySql: false } },
        })
        .catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();
      await sent;
      await server.restart();
      const job = await server.call('GET', `/jobs/${jobId}`);
      const done = job.error === undefined && job.status.errorResult === undefined;
      if (done) {
        columns.push(`c${delay}`, `d${delay}`);
        description = String(delay);
      }
      const table = await server.call('GET', '/datasets/ds/tables/t');
      expect(table.schema.fields.map(({ name }: { name: string }) => name)).toEqual(columns);
      expect(table.description).toBe(description);
      expect(await server.rows(`SELECT COUNT(*), SUM(id), COUNT(${columns.at(-1)}) FROM ds.t`)).toEqual([
        ['50000', '1250025000', columns.length === 2 ? '50000' : '0'],
      ]);
    }
    await server.call('POST', '/queries', { query: 'INSERT INTO ds.t (id) VALUES (1)', useLegacySql: false });
    expect(await server.rows('SELECT COUNT(*) FROM ds.t')).toEqual([['50001']]);
  });
});
