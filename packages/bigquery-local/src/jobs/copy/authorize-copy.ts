// Who may copy which tables where ("Managing tables", "Table snapshots", "Table clones":
// required permissions; "Using row-level security with other BigQuery features": copy jobs).
import type { Permission, Resource } from '../../access/decision.ts';
import { accessDenied } from '../../access/denied.ts';
import { missingDataset } from '../authorize-statement.ts';
import type { Execution } from '../execution.ts';
import { requireAllRows } from '../row-access.ts';
import { visibleTable } from '../table-lookup.ts';
import type { CopyConfiguration } from './copy-configuration.ts';

/** Throws the 403 of the first permission that the caller lacks. */
export function authorizeCopy(execution: Execution, configuration: CopyConfiguration): void {
  const { services, principal } = execution;
  const { destination, operation, expirationMs } = configuration;
  const require = (permission: Permission, resource: Resource): void => {
    if (services.access.decide(principal, permission, resource).allowed) return;
    throw missingDataset(services, principal, resource) ?? accessDenied(permission, resource);
  };
  let policies = false;
  for (const { ref } of configuration.sources) {
    const source = { kind: 'table', ...ref } as const;
    require('bigquery.tables.getData', source);
    require('bigquery.tables.get', source);
    if (operation === 'SNAPSHOT') require('bigquery.tables.createSnapshot', source);
    if (operation === 'RESTORE') require('bigquery.tables.restoreSnapshot', source);
    requireAllRows(services, principal, ref);
    if (services.rowAccessPolicies.list(ref).length === 0) continue;
    policies = true;
    require('bigquery.rowAccessPolicies.list', source);
    require('bigquery.rowAccessPolicies.getIamPolicy', source);
  }
  const { ref } = destination;
  const target = { kind: 'table', ...ref } as const;
  if (visibleTable(services, principal, ref) === undefined)
    require('bigquery.tables.create', { kind: 'dataset', projectId: ref.projectId, datasetId: ref.datasetId });
  require('bigquery.tables.update', target);
  if (expirationMs !== undefined) require('bigquery.tables.delete', target);
  if (policies) {
    require('bigquery.rowAccessPolicies.create', target);
    require('bigquery.rowAccessPolicies.setIamPolicy', target);
  }
}
