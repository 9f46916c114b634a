import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Job, Jobs } from '../catalog/jobs.ts';
import { DataDirectory } from '../storage/data-directory.ts';
import { DuckDb } from '../storage/duckdb.ts';
import { forgetCommitted } from './recovery.ts';

it('forgets the notes of jobs whose end is recorded, and keeps the others', async () => {
  const path = await mkdtemp(join(tmpdir(), 'sluice-recovery-'));
  {
    using directory = new DataDirectory(path);
    await using duckdb = await DuckDb.create({ directory });
    await duckdb.attach('p');
    const left = await duckdb.use({}, async (session) => {
      await session.run(
        `INSERT INTO "p".main.committed_job VALUES ('p', 'ended', '{}'), ('p', 'running', '{}'), ('p', 'deleted', '{}')`,
      );
      const states: Record<string, string> = { ended: 'DONE', running: 'RUNNING' };
      const jobs = {
        get: (_project: string, id: string) => (states[id] === undefined ? undefined : ({ state: states[id] } as Job)),
      } as Jobs;
      await forgetCommitted({ duckdb, jobs }, 'p');
      return session.rows('SELECT job_id FROM "p".main.committed_job');
    });
    expect(left).toEqual([['running']]);
  }
  await rm(path, { recursive: true });
});
