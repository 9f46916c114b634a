// What a start does first: bring catalog and rows together after a server that died.
// A DML job whose rows were committed, but not its end, is finished as what it was.
import type { JobOutcome } from '../catalog/jobs.ts';
import { COMMITTED_JOBS, PhysicalTables } from '../storage/physical-tables.ts';
import type { Services } from '../services.ts';

export async function recover(services: Services): Promise<void> {
  services.tables.recover();
  for (const projectId of services.tables.projectsWithTables()) {
    await services.duckdb.attach(projectId);
    await services.physical.dropOrphans(projectId, services.tables);
    await finishCommitted(services, projectId);
  }
  services.jobs.recover(services.clock());
}

async function finishCommitted(services: Services, projectId: string): Promise<void> {
  const name = PhysicalTables.nameOf(projectId, COMMITTED_JOBS);
  const rows = await services.duckdb.use({ timeoutMs: 60_000 }, (session) =>
    session.rows(`SELECT job_project, job_id, outcome FROM ${name}`),
  );
  for (const [project, jobId, outcome] of rows as [string, string, string][]) {
    const job = services.jobs.get(project, jobId);
    if (job === undefined || job.state === 'DONE') continue;
    services.jobs.finish({
      ...job,
      state: 'DONE',
      startedMs: job.startedMs ?? job.createdMs,
      endedMs: services.clock(),
      outcome: JSON.parse(outcome) as JobOutcome,
    });
  }
  if (rows.length > 0)
    await services.duckdb.use({ timeoutMs: 60_000 }, (session) => session.run(`DELETE FROM ${name}`));
}
