// Beside the permission to read a table: which of its rows row access policies show, and through what else
// the table is read, by views, routines and datasets that are authorized on its dataset.
import type { AccessControl, Principal, Resource } from '../access/decision.ts';
import { membersOf } from '../access/members.ts';
import { datasetOf, routineOf, viewOf } from '../catalog/authorizations.ts';
import type { Dataset } from '../catalog/datasets.ts';
import type { RowAccessPolicies } from '../catalog/row-access-policies.ts';

export type RowsExplanation = {
  /** `none`: queries of the principal give no row. */
  readonly shown: 'all' | 'some' | 'none';
  /** The policies that name the principal: their rows are shown together. */
  readonly policies: readonly {
    readonly policyId: string;
    readonly filter: string;
    /** As the policy names them: `group:readers@example.com`. */
    readonly members: readonly string[];
  }[];
};

/** Undefined where the table has no row access policies. */
export function explainRows(
  rowAccessPolicies: RowAccessPolicies,
  access: AccessControl,
  principal: Principal,
  table: Extract<Resource, { readonly kind: 'table' }>,
  groups: readonly string[],
): RowsExplanation | undefined {
  const all = rowAccessPolicies.list(table);
  if (all.length === 0) return undefined;
  const ofAll = access.decide(principal, 'bigquery.rowAccessPolicies.getFilteredData', table).allowed;
  const mine = new Set(membersOf(principal, groups));
  const policies = all
    .map(({ policyId, filter, allRows, grantees }) => ({
      policyId,
      filter,
      allRows,
      members: grantees.filter((member) => mine.has(member)),
    }))
    .filter(({ members }) => ofAll || members.length > 0);
  const shown = policies.some(({ allRows }) => allRows) ? 'all' : policies.length === 0 ? 'none' : 'some';
  return { shown, policies: policies.map(({ allRows: _shown, ...policy }) => policy) };
}

/** As the access list of the dataset names them: `view p.d.v`, `routine p.d.f`, `dataset p.d`. */
export function authorizedOn(dataset: Dataset | undefined): string[] {
  return (dataset?.properties.access ?? []).flatMap((entry) => {
    const view = viewOf(entry);
    if (view !== undefined) return [`view ${view.projectId}.${view.datasetId}.${view.tableId}`];
    const routine = routineOf(entry);
    if (routine !== undefined) return [`routine ${routine.projectId}.${routine.datasetId}.${routine.routineId}`];
    const home = datasetOf(entry);
    return home === undefined ? [] : [`dataset ${home.projectId}.${home.datasetId}`];
  });
}
