// Parts of a job's record that jobs and the child jobs of scripts share.
import type { BigQueryError } from '../bigquery-error.ts';
import type { ErrorProto, Job, JobOutcome } from '../catalog/jobs.ts';

export function protoOf(error: BigQueryError): ErrorProto {
  const { location } = error.options;
  return { reason: error.reason, ...(location === undefined ? {} : { location }), message: error.message };
}

/** The configuration of a query job names the table that holds its result. */
export function withDestination(job: Job, table: NonNullable<JobOutcome['destination']>): Job {
  const query = job.configuration['query'] as Readonly<Record<string, unknown>> | undefined;
  if (query === undefined) return job;
  return { ...job, configuration: { ...job.configuration, query: { ...query, destinationTable: table } } };
}

/** Statements whose job names, as its destination, the table that they wrote: clients ask it for the rows. */
const WRITERS: ReadonlySet<unknown> = new Set(['CREATE_TABLE_AS_SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** The job, and in its configuration the table that holds its result or that it wrote. */
export function withResult(job: Job, { destination, schema, statistics }: JobOutcome): Job {
  if (destination === undefined) return job;
  const query = statistics['query'] as Readonly<Record<string, unknown>> | undefined;
  return schema === undefined && !WRITERS.has(query?.['statementType']) ? job : withDestination(job, destination);
}
