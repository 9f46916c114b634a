// Which rows of a table a caller sees, decided by the table's row access policies: those
// that any policy naming the caller lets through, none when no policy does. Project owners
// and administrators have no way around them ("Introduction to BigQuery row-level security").
import type { Principal } from '../access/decision.ts';
import { allRowsDenied } from '../access/all-rows-denied.ts';
import { membersOf } from '../access/members.ts';
import type { TableReference } from '../catalog/datasets.ts';
import type { Services } from '../services.ts';

type RowAccess =
  /** The table has no policies. */
  | { readonly kind: 'open' }
  | { readonly kind: 'all' }
  /** A condition in GoogleSQL over the columns of the table. */
  | { readonly kind: 'filtered'; readonly filter: string };

export function rowAccessOf(services: Services, principal: Principal, ref: TableReference): RowAccess {
  const policies = services.rowAccessPolicies.list(ref);
  if (policies.length === 0) return { kind: 'open' };
  // Who holds the permission by a role sees the rows of all policies of the table.
  const ofAll = services.access.decide(principal, 'bigquery.rowAccessPolicies.getFilteredData', {
    kind: 'table',
    ...ref,
  }).allowed;
  const members = new Set(membersOf(principal, services.groupsOf(principal.email)));
  const granted = ofAll ? policies : policies.filter(({ grantees }) => grantees.some((name) => members.has(name)));
  if (granted.some(({ allRows }) => allRows)) return { kind: 'all' };
  const filters = new Set(granted.map(({ filter }) => filter));
  const filter = filters.size === 0 ? 'FALSE' : [...filters].map((text) => `(${text}\n)`).join(' OR ');
  return { kind: 'filtered', filter };
}

/** 403 unless the caller sees all rows: for what reads a table as it is stored. */
export function requireAllRows(services: Services, principal: Principal, ref: TableReference): void {
  if (rowAccessOf(services, principal, ref).kind === 'filtered') throw allRowsDenied(ref);
}
