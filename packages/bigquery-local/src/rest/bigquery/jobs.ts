// bigquery.jobs.*: insert, query, get, list, cancel, delete, getQueryResults.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Resource } from '../../access/decision.ts';
import { accessDenied } from '../../access/denied.ts';
import { jobName, type Job, type JobState } from '../../catalog/jobs.ts';
import { createHash } from 'node:crypto';
import type { JobService } from '../../jobs/job-service.ts';
import { requireAllRows } from '../../jobs/row-access.ts';
import type { Services } from '../../services.ts';
import { JsonText } from '../json-text.ts';
import type { RequestContext, Route } from '../route.ts';
import {
  decodeToken,
  encodeToken,
  invalidField,
  optionalCount,
  optionalFlag,
  optionalInteger,
  optionalText,
} from './fields.ts';
import { dryRunResource, jobListItem, jobResource, referenceOf, resultProperties } from './job-resource.ts';
import { pageTokenOf, readPage } from './tabledata.ts';

const DEFAULT_WAIT_MS = 10_000;
const MAX_WAIT_MS = 200_000;

export function jobRoutes(services: Services, jobs: JobService): Route[] {
  const path = '/projects/:projectId/jobs/:jobId';
  return [
    {
      method: 'POST',
      path: '/projects/:projectId/jobs',
      operation: 'bigquery.jobs.insert',
      handle: (context) => insertJob(jobs, context, undefined),
    },
    {
      method: 'POST',
      path: '/projects/:projectId/queries',
      operation: 'bigquery.jobs.query',
      handle: (context) => query(services, jobs, context),
    },
    {
      method: 'GET',
      path: '/projects/:projectId/jobs',
      operation: 'bigquery.jobs.list',
      handle: (context) => list(services, jobs, context),
    },
    {
      method: 'GET',
      path,
      operation: 'bigquery.jobs.get',
      handle: (context) => jobResource(visibleJob(jobs, context, 'bigquery.jobs.get'), context.baseUrl),
    },
    {
      method: 'POST',
      path: `${path}/cancel`,
      operation: 'bigquery.jobs.cancel',
      handle: (context) => cancel(jobs, context),
    },
    {
      method: 'DELETE',
      path: `${path}/delete`,
      operation: 'bigquery.jobs.delete',
      handle: (context) => remove(services, jobs, context),
    },
    {
      method: 'GET',
      path: '/projects/:projectId/queries/:jobId',
      operation: 'bigquery.jobs.getQueryResults',
      handle: (context) => queryResults(services, jobs, context),
    },
  ];
}

/** `uploadedFile` is the data of a load job that came with the request. */
export async function insertJob(
  jobs: JobService,
  context: RequestContext,
  uploadedFile: string | undefined,
  body = context.body,
): Promise<unknown> {
  const { projectId = '' } = context.params;
  context.authorize('bigquery.jobs.create', { kind: 'project', projectId });
  const job = await jobs.insert({
    principal: context.principal,
    projectId,
    job: body,
    ...(uploadedFile === undefined ? {} : { uploadedFile }),
  });
  return job.configuration['dryRun'] === true ? dryRunResource(job) : jobResource(job, context.baseUrl);
}

async function query(services: Services, jobs: JobService, context: RequestContext): Promise<unknown> {
  const { projectId = '' } = context.params;
  const { body } = context;
  context.authorize('bigquery.jobs.create', { kind: 'project', projectId });
  const {
    kind: _kind,
    location,
    timeoutMs: _timeout,
    maxResults: _max,
    dryRun,
    labels,
    requestId,
    jobTimeoutMs,
    formatOptions: _format,
    jobCreationMode: _mode,
    ...settings
  } = body;
  const asked = optionalText(body, 'requestId');
  // The same request sent again finds the job of the first time.
  const jobId =
    requestId === undefined || asked === undefined || asked === ''
      ? undefined
      : `job_${createHash('sha256').update(`${context.principal.email}\n${asked}`).digest('base64url').slice(0, 28)}`;
  const known = jobId === undefined ? undefined : jobs.get(projectId, jobId);
  const job =
    known ??
    (await jobs.insert({
      principal: context.principal,
      projectId,
      waits: true,
      job: {
        jobReference: {
          projectId,
          ...(location === undefined ? {} : { location }),
          ...(jobId === undefined ? {} : { jobId }),
        },
        configuration: {
          query: settings,
          ...(dryRun === undefined ? {} : { dryRun }),
          ...(labels === undefined ? {} : { labels }),
          ...(jobTimeoutMs === undefined ? {} : { jobTimeoutMs }),
        },
      },
    }));
  if (job.configuration['dryRun'] === true) {
    const { jobReference: _reference, ...properties } = resultProperties(job);
    return { kind: 'bigquery#queryResponse', ...properties, jobReference: { projectId, location: job.location } };
  }
  const done = await jobs.wait(
    projectId,
    job.jobId,
    Math.min(optionalCount(body, 'timeoutMs') ?? DEFAULT_WAIT_MS, MAX_WAIT_MS),
    context.signal,
  );
  return answer(services, jobs, context, done ?? job, 'bigquery#queryResponse', body);
}

async function queryResults(services: Services, jobs: JobService, context: RequestContext): Promise<unknown> {
  const job = visibleJob(jobs, context, 'bigquery.jobs.get');
  if (job.configuration['jobType'] !== 'QUERY')
    throw new BigQueryError('invalid', `Job ${jobName(job)} is not a query job.`);
  const waitMs = Math.min(optionalCount(context.query, 'timeoutMs') ?? DEFAULT_WAIT_MS, MAX_WAIT_MS);
  const done = await jobs.wait(job.projectId, job.jobId, waitMs, context.signal);
  return answer(services, jobs, context, done ?? job, 'bigquery#getQueryResultsResponse', context.query);
}

async function answer(
  services: Services,
  jobs: JobService,
  context: RequestContext,
  job: Job,
  kind: string,
  paging: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  if (job.state !== 'DONE') return { kind, jobReference: referenceOf(job), jobComplete: false };
  const error = jobs.errorOf(job);
  if (error !== undefined) throw error;
  const properties = {
    kind,
    etag: Buffer.from(`${job.jobId}.${job.endedMs ?? 0}`).toString('base64'),
    ...resultProperties(job),
  };
  const { destination, schema } = job.outcome ?? {};
  if (destination === undefined || schema === undefined) return properties;
  const resource: Resource = { kind: 'table', ...destination };
  if (!context.may('bigquery.tables.getData', resource)) {
    throw job.owner === context.principal.email
      ? accessDenied('bigquery.tables.getData', resource)
      : new BigQueryError('accessDenied', "User does not have permission to access results of another user's job");
  }
  const table = services.tables.get(destination);
  if (table === undefined)
    throw new BigQueryError(
      'notFound',
      `Not found: Table ${destination.projectId}:${destination.datasetId}.${destination.tableId}`,
    );
  // Rows that the job added to are not all its own.
  requireAllRows(services, context.principal, destination);
  const page = await readPage(services, context, table, paging);
  const token = pageTokenOf(table, page);
  return JsonText.withRows(
    { ...properties, totalRows: String(page.totalRows), ...(token === undefined ? {} : { pageToken: token }) },
    page.rowsJson,
  );
}

/** 403 before 404: who may not see jobs does not learn whether one exists. */
function visibleJob(jobs: JobService, context: RequestContext, permission: string): Job {
  const { projectId = '', jobId = '' } = context.params;
  const job = jobs.get(projectId, jobId);
  const asked = context.query['location'];
  // As asked for: where the job is would tell that it is.
  const location = asked === undefined || asked === '' ? 'US' : asked;
  context.authorize(permission, { kind: 'job', projectId, location, jobId, owner: job?.owner ?? '' });
  if (
    job === undefined ||
    (asked !== undefined && asked !== '' && asked.toLowerCase() !== job.location.toLowerCase())
  ) {
    throw new BigQueryError('notFound', `Not found: Job ${projectId}:${asked ?? location}.${jobId}`);
  }
  return job;
}

function cancel(jobs: JobService, context: RequestContext): unknown {
  const job = visibleJob(jobs, context, 'bigquery.jobs.update');
  jobs.cancel(job.projectId, job.jobId);
  return {
    kind: 'bigquery#jobCancelResponse',
    job: jobResource(jobs.get(job.projectId, job.jobId) ?? job, context.baseUrl),
  };
}

function remove(services: Services, jobs: JobService, context: RequestContext): undefined {
  const job = visibleJob(jobs, context, 'bigquery.jobs.delete');
  if (job.state !== 'DONE')
    throw new BigQueryError('invalid', `Job ${jobName(job)} is still running: cancel it first.`);
  if (job.parentJobId !== undefined)
    throw new BigQueryError(
      'invalid',
      `Job ${jobName(job)} is a child job: it is deleted with job ${job.parentJobId}.`,
    );
  services.jobs.delete(job.projectId, job.jobId);
  return undefined;
}

const STATES: Readonly<Record<string, JobState>> = { done: 'DONE', pending: 'PENDING', running: 'RUNNING' };

function list(services: Services, jobs: JobService, context: RequestContext): unknown {
  const { projectId = '' } = context.params;
  const project: Resource = { kind: 'project', projectId };
  const mayList = context.may('bigquery.jobs.list', project);
  const allUsers = optionalFlag(context.query, 'allUsers') === true;
  if (!mayList && (allUsers || !context.may('bigquery.jobs.create', project)))
    throw accessDenied('bigquery.jobs.list', project);
  const full = allUsers && context.may('bigquery.jobs.listAll', project);
  const limit = Math.min(optionalCount(context.query, 'maxResults') ?? 50, 1_000);
  const offset = Number(decodeToken(context.query['pageToken']) ?? '0');
  if (!Number.isSafeInteger(offset) || offset < 0) throw invalidField('pageToken', 'not a token of this server');
  const states = context.query['stateFilter']?.split(',').map((name) => {
    const state = STATES[name.toLowerCase()];
    if (state === undefined) throw invalidField('stateFilter', `${name} is not done, pending or running`);
    return state;
  });
  const { parentJobId } = context.query;
  const stored = services.jobs.list(projectId, {
    owner: allUsers ? undefined : context.principal.email,
    // What is not done is known in memory only: PENDING in the catalog may be RUNNING by now.
    states:
      states === undefined
        ? undefined
        : states.includes('RUNNING') && !states.includes('PENDING')
          ? [...states, 'PENDING']
          : states,
    minCreatedMs: optionalInteger(context.query, 'minCreationTime') ?? 0,
    maxCreatedMs: optionalInteger(context.query, 'maxCreationTime') ?? Number.MAX_SAFE_INTEGER,
    ...(parentJobId === undefined || parentJobId === '' ? {} : { parentJobId }),
    offset,
    limit: limit + 1,
  });
  const projection = context.query['projection'] === 'full' ? 'full' : 'minimal';
  const items = stored
    .slice(0, limit)
    .map((job) => jobs.get(projectId, job.jobId) ?? job)
    .filter((job) => states === undefined || states.includes(job.state))
    .map((job) => jobListItem(job, projection, allUsers && !full && job.owner !== context.principal.email));
  return {
    kind: 'bigquery#jobList',
    etag: createHash('md5').update(JSON.stringify(items)).digest('base64'),
    ...(items.length === 0 ? {} : { jobs: items }),
    ...(stored.length > limit ? { nextPageToken: encodeToken(String(offset + limit)) } : {}),
  };
}
