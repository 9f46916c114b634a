// Which permissions change something, for tokens whose scopes allow only reading.

const READING = /^(?:get|list|search|read|export|testIamPermissions|use$)/;

/** Creating a job or a read session is part of reading; what the job then does is asked for on its own. */
const PART_OF_READING: ReadonlySet<string> = new Set([
  'bigquery.jobs.create',
  'bigquery.readsessions.create',
  'bigquery.readsessions.update',
]);

export function writes(permission: string): boolean {
  return !PART_OF_READING.has(permission) && !READING.test(permission.slice(permission.lastIndexOf('.') + 1));
}
