// Row access policies of copied tables: who may copy rows that they guard, and the policies
// that come along. Source: "Using row-level security with other BigQuery features", copy jobs.
import { BigQueryError } from '../../bigquery-error.ts';
import type { RowAccessPolicy } from '../../catalog/row-access-policies.ts';
import { nameOf } from '../../catalog/tables.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import type { Services } from '../../services.ts';

/** The policies of all tables together. Throws `invalid` for two different policies of one name. */
export function copiedPolicies(services: Services, tables: readonly TableRef[]): readonly RowAccessPolicy[] {
  const policies = new Map<string, RowAccessPolicy>();
  for (const ref of tables) {
    for (const policy of services.rowAccessPolicies.list(ref)) {
      const other = policies.get(policy.policyId);
      if (other === undefined) policies.set(policy.policyId, policy);
      else if (other.filter !== policy.filter || other.grantees.join() !== policy.grantees.join())
        throw new BigQueryError(
          'invalid',
          `Row access policy ${policy.policyId} of table ${nameOf(ref)} differs from the policy of that name on another table of the copy job: drop or rename one of them.`,
        );
    }
  }
  return [...policies.values()];
}

/** Call within the catalog transaction that commits the copy. */
export function putPolicies(services: Services, ref: TableRef, policies: readonly RowAccessPolicy[]): void {
  services.rowAccessPolicies.dropAll(ref);
  for (const { policyId, filter, allRows, grantees } of policies)
    services.rowAccessPolicies.put(ref, { policyId, filter, allRows, grantees });
}

/**
 * Adds the policies of the sources to those of the destination, then its rows: whatever happens
 * in between, no row is there without what guards it. Undone when `append` fails.
 */
export async function withPolicies<T>(
  services: Services,
  destination: TableRef,
  sources: readonly TableRef[],
  append: () => Promise<T>,
): Promise<T> {
  if (sources.every((ref) => services.rowAccessPolicies.list(ref).length === 0)) return append();
  const before = services.rowAccessPolicies.list(destination);
  const after = copiedPolicies(services, [destination, ...sources]);
  services.db.transaction(() => putPolicies(services, destination, after));
  try {
    return await append();
  } catch (error) {
    services.db.transaction(() => putPolicies(services, destination, before));
    throw error;
  }
}
