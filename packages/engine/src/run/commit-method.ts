// How the state takes in what was delivered, by cost: a query job that replaces the table
// reads it once; a MERGE is billed for it twice, but does not count among the 1,500
// modifications that a table may have in a day ("Quotas and limits", "Data manipulation
// language", BigQuery documentation; figures in docs/specs/bigquery-costs.md).

export type CommitMethod =
  /** All runs of one commit use the same job, so that it is carried out once. */
  { readonly kind: 'replace'; readonly jobKey: string } | { readonly kind: 'merge' };

/** At most 720 replacements in a day leave room for those that are tried again. */
export const REPLACE_EVERY_MS = 120_000;

/** `last`: ISO time of the plan that was committed last; absent before the first. */
export function commitMethod(last: string | undefined, now: number, jobKey: string): CommitMethod {
  const often = last !== undefined && now - Date.parse(last) < REPLACE_EVERY_MS;
  return often ? { kind: 'merge' } : { kind: 'replace', jobKey };
}
