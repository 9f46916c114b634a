import { describe, expect, it } from 'vitest';

import type { Principal, Resource } from '../access/decision.ts';
import { silentLog } from '../rest/server-log.ts';
import { AuditLog, type AuditRow } from './audit-log.ts';

const ada: Principal = { kind: 'user', email: 'ada@example.com' };
const dataset: Resource = { kind: 'dataset', projectId: 'shop-data', datasetId: 'sales' };

function logOf(write: (projectId: string, rows: readonly AuditRow[]) => Promise<void>): AuditLog {
  return new AuditLog({ write }, { log: silentLog, clock: () => 0 });
}

describe('the audit log in memory', () => {
  it('notes what a decision was made for, also after a wait', async () => {
    const written: AuditRow[] = [];
    await using log = logOf(async (_project, rows) => void written.push(...rows));
    await log.during({ operation: 'bigquery.jobs.insert', requestId: 'r1' }, async () => {
      await log.duringJob('j1', async () => {
        await Promise.resolve();
        log.record(ada, 'bigquery.datasets.get', dataset, { allowed: false });
      });
    });
    await log.flush();
    expect(written).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        principal: 'ada@example.com',
        permission: 'bigquery.datasets.get',
        resource: 'projects/shop-data/datasets/sales',
        granted: false,
        operation: 'bigquery.jobs.insert',
        request_id: 'r1',
        job_id: 'j1',
      },
    ]);
  });

  it('counts what finds no room, and what could not be written', async () => {
    const written: AuditRow[] = [];
    let fails = true;
    await using log = logOf(async (_project, rows) => {
      if (fails) throw new Error('disk full');
      written.push(...rows);
    });
    for (let i = 0; i < 50_010; i++) log.record(ada, 'bigquery.datasets.get', dataset, { allowed: false });
    await log.flush();
    fails = false;
    await log.flush();
    expect(written).toEqual([{ time: '1970-01-01T00:00:00.000Z', dropped: 50_010 }]);
  });

  it('keeps nothing about names of ever more projects', async () => {
    const projects = new Set<string>();
    await using log = logOf(async (projectId) => void projects.add(projectId));
    for (let i = 0; i < 5_000; i++)
      log.record(ada, 'bigquery.jobs.create', { kind: 'project', projectId: `p${i}` }, { allowed: false });
    await log.flush();
    expect(projects.size).toBe(1_000);
  });
});
