// What a start does first: bring catalog and rows together after a server that died.
// A DML job whose rows were committed, but not its end, is finished as what it was.
import type { JobOutcome } from '../catalog/jobs.ts';
import { literal } from '../storage/duckdb.ts';
import { COMMITTED_JOBS, PhysicalTables } from '../storage/physical-tables.ts';
import type { Services } from '../services.ts';
import { dropAbandoned } from './script/temporary-tables.ts';

export async function recover(services: Services): Promise<void> {
  services.tables.recover();
  for (const projectId of services.tables.projectsWithTables()) {
    await services.duckdb.attach(projectId);
    await services.physical.dropOrphans(projectId, services.tables);
    await finishCommitted(services, projectId);
  }
  await dropAbandoned(services);
  services.jobs.recover(services.clock());
}

async function finishCommitted(services: Services, projectId: string): Promise<void> {
  for (const note of await committedNotes(services, projectId)) {
    const job = services.jobs.get(note.projectId, note.jobId);
    if (job === undefined || job.state === 'DONE') continue;
    const outcome = JSON.parse(note.outcome) as JobOutcome;
    const startedMs = job.startedMs ?? job.createdMs;
    services.jobs.finish({ ...job, state: 'DONE', startedMs, endedMs: services.clock(), outcome });
  }
  await forgetCommitted(services, projectId);
}

/** Removes the notes of jobs whose end is recorded: nothing will ask for them again. */
export async function forgetCommitted(services: Pick<Services, 'duckdb' | 'jobs'>, projectId: string): Promise<void> {
  const done = (await committedNotes(services, projectId))
    .filter((note) => (services.jobs.get(note.projectId, note.jobId)?.state ?? 'DONE') === 'DONE')
    .map((note) => `(${literal(note.projectId)}, ${literal(note.jobId)})`);
  if (done.length === 0) return;
  const name = PhysicalTables.nameOf(projectId, COMMITTED_JOBS);
  await services.duckdb.use({ timeoutMs: 60_000 }, (session) =>
    session.run(`DELETE FROM ${name} WHERE (job_project, job_id) IN (${done.join(', ')})`),
  );
}

type Note = { readonly projectId: string; readonly jobId: string; readonly outcome: string };

async function committedNotes(services: Pick<Services, 'duckdb'>, projectId: string): Promise<readonly Note[]> {
  const name = PhysicalTables.nameOf(projectId, COMMITTED_JOBS);
  const rows = await services.duckdb.use({ timeoutMs: 60_000 }, (session) =>
    session.rows(`SELECT job_project, job_id, outcome FROM ${name}`),
  );
  return (rows as [string, string, string][]).map(([project, jobId, outcome]) => ({
    projectId: project,
    jobId,
    outcome,
  }));
}
