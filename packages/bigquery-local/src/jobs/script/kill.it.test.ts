// What `kill -9` may leave of a transaction: all of it or nothing, and none of its temporary tables.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KillableServer } from '../../killable-server.ts';

let server: KillableServer;

beforeEach(async () => {
  server = await KillableServer.start();
  await server.rows('CREATE TABLE ds.a AS SELECT n AS id, 0 AS round FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS n');
  await server.rows('CREATE TABLE ds.b AS SELECT * FROM ds.a');
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

describe('kill -9 during a transaction', () => {
  it('leaves both of its tables changed, or neither', async () => {
    let round = 0;
    for (const delay of [10, 60, 110, 160, 220]) {
      const jobId = `script_${delay}`;
      const query = `BEGIN TRANSACTION;
        CREATE TEMP TABLE note AS SELECT * FROM ds.a;
        UPDATE ds.a SET round = round + 1 WHERE TRUE;
        UPDATE ds.b SET round = round + 1 WHERE TRUE;
        COMMIT TRANSACTION;`;
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
      const [[least = '', most = '', other = ''] = []] = await server.rows(
        'SELECT MIN(a.round), MAX(a.round), MAX(b.round) FROM ds.a JOIN ds.b USING (id)',
      );
      expect([least, other]).toEqual([most, most]);
      expect([round, round + 1]).toContain(Number(most));
      round = Number(most);
      const job = await server.call('GET', `/jobs/${jobId}`);
      expect(job.error === undefined ? job.status.state : 'DONE').toBe('DONE');
      const { datasets } = await server.call('GET', '/datasets?all=true');
      const ids = datasets.map((d: any) => d.datasetReference.datasetId as string);
      expect(ids.filter((id: string) => id.startsWith('_script'))).toEqual([]);
    }
  });
});
