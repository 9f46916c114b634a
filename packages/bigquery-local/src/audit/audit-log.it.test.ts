import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

const VIEWER = 'vera@example.com';
const LOG = '`_sluice_audit.data_access`';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.query('CREATE TABLE ds.t (x INT64)');
  await server.grant(`user:${VIEWER}`, ['roles/bigquery.jobUser']);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** The log is at most a second behind. */
async function logged(where: string): Promise<unknown[][]> {
  for (let i = 0; i < 50; i++) {
    const rows = await server
      .rows(
        `SELECT principal, permission, resource, granted, role, member, granted_on, operation, job_id IS NOT NULL FROM ${LOG} WHERE ${where} ORDER BY time`,
      )
      .catch(() => []);
    if (rows.length > 0) return rows;
    await sleep(100);
  }
  return [];
}

describe('the audit log', () => {
  it('says by which entry a permission was granted, and for which method', async () => {
    await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds`);
    const rows = await logged("permission = 'bigquery.datasets.get' AND operation = 'bigquery.datasets.get'");
    expect(rows[0]).toEqual([
      OWNER,
      'bigquery.datasets.get',
      `projects/${PROJECT}/datasets/ds`,
      'true',
      'roles/bigquery.dataOwner',
      `user:${OWNER}`,
      `projects/${PROJECT}/datasets/ds`,
      'bigquery.datasets.get',
      'false',
    ]);
  });

  it('holds what a job was denied, with the job', async () => {
    const { status } = await server.query('SELECT x FROM ds.t', { as: VIEWER });
    expect(status).toBe(403);
    const rows = await logged(`principal = '${VIEWER}' AND NOT granted AND permission = 'bigquery.tables.getData'`);
    expect(rows[0]).toEqual([
      VIEWER,
      'bigquery.tables.getData',
      `projects/${PROJECT}/datasets/ds/tables/t`,
      'false',
      null,
      null,
      null,
      'bigquery.jobs.query',
      'true',
    ]);
  });

  it('is read by owners of the project only, and changed by nobody', async () => {
    await server.grant(`user:${VIEWER}`, ['roles/bigquery.admin']);
    const read = await server.query(`SELECT count(*) FROM ${LOG}`, { as: VIEWER });
    expect(read.status).toBe(403);
    for (const sql of [
      `DELETE FROM ${LOG} WHERE true`,
      'DROP TABLE `_sluice_audit.data_access`',
      'DROP SCHEMA _sluice_audit CASCADE',
      'CREATE OR REPLACE TABLE `_sluice_audit.data_access` AS SELECT 1 AS x',
    ]) {
      const { status } = await server.query(sql);
      expect([sql, status]).toEqual([sql, 403]);
    }
    for (const method of ['PATCH', 'PUT', 'DELETE']) {
      const { status } = await server.request(
        method,
        `/bigquery/v2/projects/${PROJECT}/datasets/_sluice_audit`,
        method === 'DELETE' ? undefined : { access: [{ role: 'OWNER', userByEmail: OWNER }] },
      );
      expect([method, status]).toEqual([method, 403]);
    }
  });

  it('does not tell a project’s owners who else lists projects', async () => {
    await server.request('GET', '/bigquery/v2/projects', undefined, { as: 'passer-by@example.com' });
    await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds`, undefined, {
      as: 'passer-by@example.com',
    });
    const rows = await logged("principal = 'passer-by@example.com'");
    expect(new Set(rows.map((row) => row[7]))).toEqual(new Set(['bigquery.datasets.get']));
  });

  it('is not in the list of datasets', async () => {
    const { body } = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets`);
    expect(body.datasets.map((d: { datasetReference: { datasetId: string } }) => d.datasetReference.datasetId)).toEqual(
      ['ds'],
    );
  });

  it('is still there after a restart', async () => {
    const before = Number((await server.rows(`SELECT count(*) FROM ${LOG}`))[0]![0]);
    await server.restart();
    const after = Number((await server.rows(`SELECT count(*) FROM ${LOG}`))[0]![0]);
    expect(after).toBeGreaterThan(before);
  });
});
