// Whose jobs somebody may see, cancel and read: what the matrix, which asks about the jobs of
// others, leaves open. Source: "Managing jobs" and the REST reference of jobs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PROJECT, ServerUnderTest } from '../../packages/bigquery-local/src/server-under-test.ts';

const P = `/bigquery/v2/projects/${PROJECT}`;
const JO = 'jo@example.com';
const KIM = 'kim@example.com';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.rows('CREATE TABLE ds.t AS SELECT 7 AS x');
  for (const email of [JO, KIM]) {
    await server.token(email);
    await server.grant(`user:${email}`, ['roles/bigquery.jobUser']);
  }
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function start(jobId: string, sql: string, as: string): Promise<void> {
  const configuration = { query: { query: sql, useLegacySql: false } };
  const { status } = await server.request('POST', `${P}/jobs`, { jobReference: { jobId }, configuration }, { as });
  expect(status).toBe(200);
}

async function status(method: string, path: string, as: string): Promise<number> {
  const answer = await server.request(method, `${P}${path}`, method === 'POST' ? {} : undefined, { as });
  return answer.status;
}

describe('a job', () => {
  it('is its creator’s to get, to cancel and to read, with no role but jobUser', async () => {
    await start('own', 'SELECT 1 AS x', JO);
    await server.finished('own');
    expect(await status('GET', '/jobs/own', JO)).toBe(200);
    expect(await status('POST', '/jobs/own/cancel', JO)).toBe(200);
    expect(await status('GET', '/queries/own', JO)).toBe(200);
    // Only deleting it takes a role.
    expect(await status('DELETE', '/jobs/own/delete', JO)).toBe(403);
    for (const [method, path] of [
      ['GET', '/jobs/own'],
      ['POST', '/jobs/own/cancel'],
      ['GET', '/queries/own'],
    ] as const)
      expect([path, await status(method, path, KIM)]).toEqual([path, 403]);
  });

  it('is listed to its creator alone', async () => {
    await start('listed', 'SELECT 1 AS x', JO);
    const list = async (as: string) =>
      ((await server.request('GET', `${P}/jobs`, undefined, { as })).body.jobs ?? []) as { user_email: string }[];
    const ofJo = await list(JO);
    expect(ofJo.length).toBeGreaterThan(0);
    expect(ofJo.every(({ user_email }) => user_email === JO)).toBe(true);
    expect((await list(KIM)).some(({ user_email }) => user_email === JO)).toBe(false);
  });

  it('keeps its result from the project’s owner, who sees the job', async () => {
    await start('private', 'SELECT 1 AS x', JO);
    await server.finished('private');
    const job = await server.request('GET', `${P}/jobs/private`);
    expect(job.body.configuration.query.query).toBe('SELECT 1 AS x');
    const { datasetId, tableId } = job.body.configuration.query.destinationTable as Record<string, string>;
    const results = await server.request('GET', `${P}/queries/private`);
    expect(results.body.error).toMatchObject({
      code: 403,
      message: "User does not have permission to access results of another user's job",
    });
    expect(await status('GET', `/datasets/${datasetId}/tables/${tableId}/data`, 'ann@example.com')).toBe(403);
    expect(await status('GET', `/datasets/${datasetId}/tables/${tableId}/data`, JO)).toBe(200);
  });

  it('without details for who may list jobs only', async () => {
    await server.token('vic@example.com');
    await server.grant('user:vic@example.com', ['roles/viewer']);
    const { body } = await server.request('GET', `${P}/jobs?allUsers=true&projection=full&maxResults=1000`, undefined, {
      as: 'vic@example.com',
    });
    const jobs = body.jobs as Record<string, unknown>[];
    const redacted = jobs.find(({ id }) => String(id).endsWith('.private'));
    expect(redacted).toMatchObject({ state: 'DONE', status: { state: 'DONE' } });
    expect(Object.keys(redacted!).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'id',
      'jobReference',
      'kind',
      'state',
      'statistics',
      'status',
    ]);
  });

  it('is accepted with a right to run it, and fails for what it may not read', async () => {
    await start('denied', 'SELECT x FROM ds.t', JO);
    const { body } = await server.request('GET', `${P}/jobs/denied`, undefined, { as: JO });
    expect(body.status).toMatchObject({ state: 'DONE', errorResult: { reason: 'accessDenied' } });
    expect(await status('GET', '/queries/denied', JO)).toBe(403);
    expect((await server.query('SELECT x FROM ds.t', { as: JO })).status).toBe(403);
  });

  it('stays its creator’s when the right to run jobs is taken away', async () => {
    await start('kept', 'SELECT 1 AS x', JO);
    await server.finished('kept');
    const { body: policy } = await server.request('POST', `/v1/projects/${PROJECT}:getIamPolicy`, {});
    for (const binding of policy.bindings as { members: string[] }[])
      binding.members = binding.members.filter((member) => member !== `user:${JO}`);
    policy.bindings = (policy.bindings as { members: string[] }[]).filter(({ members }) => members.length > 0);
    const set = await server.request('POST', `/v1/projects/${PROJECT}:setIamPolicy`, { policy });
    expect(set.status).toBe(200);
    expect(await status('GET', '/jobs/kept', JO)).toBe(200);
    expect(await status('GET', '/jobs', JO)).toBe(403);
    expect((await server.query('SELECT 1', { as: JO })).status).toBe(403);
  });
});
