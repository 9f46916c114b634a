import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startBigQuery } from '@sluice/bigquery-local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../program.ts';

let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-explain-'));
  const dataDir = path.join(directory, 'data');
  // Works with the data directory alone: the server has ended.
  const server = await startBigQuery({ dataDir, port: 0, project: 'travel-co', owner: 'ana@example.com' });
  await server.close();
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function explain(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await run(['bigquery', 'explain-access', ...args, '--data-dir', 'data'], {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: {},
    cwd: directory,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal: AbortSignal.timeout(60_000),
  });
  return { code, out, err };
}

describe('sluice bigquery explain-access', () => {
  it('prints the entry that grants the permission, and ends with 0', async () => {
    expect(await explain('ana@example.com', 'bigquery.jobs.create', 'projects/travel-co')).toEqual({
      code: 0,
      err: '',
      out: [
        'granted: bigquery.jobs.create on projects/travel-co to user:ana@example.com',
        '  roles/owner to user:ana@example.com on projects/travel-co',
        '',
      ].join('\n'),
    });
  });

  it('prints what is missing and how to grant it, and ends with 1', async () => {
    const { code, out } = await explain('eve@example.com', 'bigquery.tables.updateData', 'travel-co.sales.orders');
    expect(code).toBe(1);
    expect(out).toContain('denied: bigquery.tables.updateData on projects/travel-co/datasets/sales/tables/orders');
    expect(out).toContain('GRANT `roles/bigquery.dataEditor` ON SCHEMA `travel-co`.`sales` TO "user:eve@example.com"');
  });

  it('gives one JSON document with --json', async () => {
    const { code, out } = await explain('eve@example.com', 'bigquery.jobs.create', 'projects/travel-co', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      granted: false,
      entries: [],
      missing: [{ role: 'roles/bigquery.jobUser', on: 'projects/travel-co' }],
    });
  });

  it('names a permission that does not exist, and ends with 2', async () => {
    const { code, err } = await explain('eve@example.com', 'bigquery.jobs.crate', 'projects/travel-co');
    expect(code).toBe(2);
    expect(err).toContain('"bigquery.jobs.crate" is no permission of this server.');
  });
});
