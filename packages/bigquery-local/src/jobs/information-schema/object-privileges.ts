// OBJECT_PRIVILEGES: bindings that are set on a dataset, table or view itself.
// Source: the page of this view in BigQuery's documentation.
import { memberOfEntry } from '../../access/compiled-policy.ts';
import { iamRoleName } from '../../access/roles.ts';
import { columnsOf, MAX_ROWS, type Cell, type SystemView, type ViewScope } from './system-view.ts';
import { visibleDatasets } from './visible-tables.ts';

export const OBJECT_PRIVILEGES: SystemView = {
  columns: columnsOf(`object_catalog STRING, object_schema STRING, object_name STRING, object_type STRING,
    privilege_type STRING, grantee STRING`),
  qualifiers: ['region'],
  requiredFilter: ['object_name'],
  rows: (scope) => [...datasetPrivileges(scope), ...tablePrivileges(scope)],
};

/** One row for each role of each access entry; entries that authorise views grant no role. */
function datasetPrivileges(scope: ViewScope): Cell[][] {
  const { projectId } = scope;
  return visibleDatasets(scope).flatMap(({ datasetId, properties }) =>
    properties.access.flatMap((entry): Cell[][] => {
      const grantee = memberOfEntry(entry, projectId);
      if (entry.role === undefined || grantee === undefined) return [];
      return [[projectId, null, datasetId, 'SCHEMA', iamRoleName(entry.role), grantee]];
    }),
  );
}

function tablePrivileges({ services, principal, projectId, location }: ViewScope): Cell[][] {
  return services.tablePolicies.inProject(projectId, MAX_ROWS).flatMap(({ ref, policy }): Cell[][] => {
    if (services.datasets.get(projectId, ref.datasetId)?.location !== location) return [];
    const table = services.tables.get(ref);
    if (table === undefined) return [];
    const resource = { kind: 'table', ...ref } as const;
    if (!services.access.decide(principal, 'bigquery.tables.getIamPolicy', resource).allowed) return [];
    const type = table.kind === 'MATERIALIZED_VIEW' ? 'VIEW' : table.kind;
    return policy.bindings.flatMap(({ role, members }) =>
      members.map((member): Cell[] => [projectId, ref.datasetId, ref.tableId, type, role, member]),
    );
  });
}
