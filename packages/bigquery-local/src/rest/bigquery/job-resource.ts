// The Job resource and the answers to queries.
import { jobName, type Job } from '../../catalog/jobs.ts';

export function jobResource(job: Job, baseUrl: string): Record<string, unknown> {
  const { configuration, outcome } = job;
  return {
    kind: 'bigquery#job',
    etag: Buffer.from(`${job.createdMs}.${job.state}.${job.endedMs ?? 0}`).toString('base64'),
    id: jobName(job),
    selfLink: `${baseUrl}/bigquery/v2/projects/${job.projectId}/jobs/${job.jobId}?location=${job.location}`,
    user_email: job.owner,
    configuration,
    jobReference: referenceOf(job),
    statistics: statisticsOf(job),
    status: statusOf(job),
    ...(outcome === undefined
      ? {}
      : {
          principal_subject: `${job.owner.endsWith('.gserviceaccount.com') ? 'serviceAccount' : 'user'}:${job.owner}`,
        }),
  };
}

export function referenceOf(job: Job): { projectId: string; jobId: string; location: string } {
  return { projectId: job.projectId, jobId: job.jobId, location: job.location };
}

/** A dry run has no id: there is nothing to ask for afterwards. */
export function dryRunResource(job: Job): Record<string, unknown> {
  return {
    kind: 'bigquery#job',
    id: `${job.projectId}:${job.location}.`,
    user_email: job.owner,
    configuration: job.configuration,
    jobReference: { projectId: job.projectId, location: job.location },
    statistics: { creationTime: String(job.createdMs), ...job.outcome?.statistics },
    status: { state: 'DONE' },
  };
}

/** An item of jobs.list; `redacted` for a job of another user whose details the caller may not see. */
export function jobListItem(job: Job, projection: 'full' | 'minimal', redacted: boolean): Record<string, unknown> {
  const { errorResult } = job.outcome ?? {};
  return {
    kind: 'bigquery#job',
    id: jobName(job),
    jobReference: referenceOf(job),
    state: job.state,
    statistics: redacted ? timesOf(job) : statisticsOf(job),
    status: redacted ? { state: job.state } : statusOf(job),
    ...(redacted ? {} : { user_email: job.owner }),
    ...(redacted || errorResult === undefined ? {} : { errorResult }),
    ...(projection === 'full' && !redacted ? { configuration: job.configuration } : {}),
  };
}

function statusOf(job: Job): Record<string, unknown> {
  const { errorResult, errors } = job.outcome ?? {};
  return {
    ...(errorResult === undefined ? {} : { errorResult }),
    ...(errors === undefined ? {} : { errors }),
    state: job.state,
  };
}

function timesOf(job: Job): Record<string, unknown> {
  return {
    creationTime: String(job.createdMs),
    ...(job.startedMs === undefined ? {} : { startTime: String(job.startedMs) }),
    ...(job.endedMs === undefined ? {} : { endTime: String(job.endedMs) }),
  };
}

function statisticsOf(job: Job): Record<string, unknown> {
  const { statistics, errorResult } = job.outcome ?? {};
  const base = {
    ...timesOf(job),
    ...(job.parentJobId === undefined ? {} : { parentJobId: job.parentJobId }),
    ...statistics,
  };
  if (job.startedMs === undefined || job.endedMs === undefined) return base;
  const elapsedMs = String(job.endedMs - job.startedMs);
  const query = statistics?.['query'] as Record<string, unknown> | undefined;
  const isCached = query?.['cacheHit'] === true;
  // One slot works on a query as long as it runs.
  const slots = { totalSlotMs: isCached ? '0' : elapsedMs };
  return {
    ...base,
    finalExecutionDurationMs: elapsedMs,
    ...(query === undefined
      ? {}
      : {
          ...slots,
          query: {
            ...query,
            ...slots,
            ...(isCached || errorResult !== undefined ? {} : timelineOf(slots.totalSlotMs)),
          },
        }),
  };
}

/** QueryTimelineSample: the one sample of a query that is done. */
function timelineOf(elapsedMs: string): Record<string, unknown> {
  return {
    timeline: [{ elapsedMs, totalSlotMs: elapsedMs, pendingUnits: '0', completedUnits: '1', activeUnits: '0' }],
  };
}

/** The fields that jobs.query and getQueryResults share, without rows. */
export function resultProperties(job: Job): Record<string, unknown> {
  const { statistics, schema, totalRows } = job.outcome ?? { statistics: {} };
  const query = (statistics['query'] ?? {}) as Record<string, unknown>;
  return {
    ...(schema === undefined ? {} : { schema }),
    jobReference: referenceOf(job),
    ...(schema === undefined || totalRows === undefined ? {} : { totalRows }),
    totalBytesProcessed: query['totalBytesProcessed'] ?? '0',
    jobComplete: true,
    cacheHit: query['cacheHit'] ?? false,
    ...(query['numDmlAffectedRows'] === undefined ? {} : { numDmlAffectedRows: query['numDmlAffectedRows'] }),
    ...(query['dmlStats'] === undefined ? {} : { dmlStats: query['dmlStats'] }),
    ...(statistics['sessionInfo'] === undefined ? {} : { sessionInfo: statistics['sessionInfo'] }),
  };
}
