// A job whose caller is told nothing before its end is written with its end: it must be there
// for everybody who asks in between, and its end must be in the file before it is answered.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CatalogDatabase } from './database.ts';
import { jobMigrations, Jobs, type Job } from './jobs.ts';

const accepted: Job = {
  projectId: 'p',
  location: 'US',
  jobId: 'j',
  owner: 'ada@example.com',
  state: 'PENDING',
  createdMs: 1_000,
  startedMs: undefined,
  endedMs: undefined,
  configuration: { jobType: 'QUERY' },
  outcome: undefined,
};
const done: Job = { ...accepted, state: 'DONE', startedMs: 1_001, endedMs: 1_002, outcome: { statistics: { a: 1 } } };
const all = { owner: undefined, states: undefined, minCreatedMs: 0, maxCreatedMs: 9_999, offset: 0, limit: 10 };

let directory: string;
let db: CatalogDatabase;
let jobs: Jobs;
/** What a server sees that starts after this one was killed. */
const inFile = (): Job | undefined => {
  using other = new CatalogDatabase(join(directory, 'catalog.sqlite'), jobMigrations);
  return new Jobs(other).get('p', 'j');
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-jobs-'));
  db = new CatalogDatabase(join(directory, 'catalog.sqlite'), jobMigrations);
  jobs = new Jobs(db);
});

afterEach(async () => {
  db[Symbol.dispose]();
  await rm(directory, { recursive: true, force: true });
});

it('writes a held job once, with its end', () => {
  jobs.hold(accepted);
  expect(inFile()).toBeUndefined();
  jobs.finish(done);
  jobs.release(accepted);
  expect(inFile()).toEqual(done);
});

it('writes held jobs before they are listed, and before somebody is told of them', () => {
  jobs.hold(accepted);
  expect(jobs.list('p', all)).toEqual([accepted]);
  expect(inFile()).toEqual(accepted);
  jobs.hold({ ...accepted, jobId: 'k' });
  jobs.writeHeld();
  expect(jobs.list('p', all).map(({ jobId }) => jobId)).toEqual(['j', 'k']);
  jobs.finish(done);
  jobs.writeHeld();
  expect(inFile()).toEqual(done);
});

it('records the end again when the transaction of the first one is undone', () => {
  jobs.hold(accepted);
  expect(() =>
    db.transaction(() => {
      jobs.finish(done);
      throw new Error('the table could not be committed');
    }),
  ).toThrow('the table could not be committed');
  expect(inFile()).toBeUndefined();
  const failed: Job = { ...done, outcome: { statistics: {}, errorResult: { reason: 'backendError', message: 'no' } } };
  jobs.finish(failed);
  jobs.release(accepted);
  expect(inFile()).toEqual(failed);
});

it('writes a held job again when the transaction that wrote it is undone', () => {
  jobs.hold(accepted);
  expect(() =>
    db.transaction(() => {
      jobs.writeHeld();
      throw new Error('undone');
    }),
  ).toThrow('undone');
  expect(jobs.list('p', all)).toEqual([accepted]);
});

it('takes an id only once, held or written', () => {
  jobs.hold(accepted);
  expect(() => jobs.hold(accepted)).toThrow('Already Exists: Job p:US.j');
  jobs.finish(done);
  jobs.release(accepted);
  expect(() => jobs.hold(accepted)).toThrow('Already Exists: Job p:US.j');
});
