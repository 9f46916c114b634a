// Which datasets and tables the rows of a view are about: those that the caller may see.
import type { Dataset } from '../../catalog/datasets.ts';
import type { Table } from '../../catalog/tables.ts';
import { MAX_ROWS, type ViewScope } from './system-view.ts';

/** "INFORMATION_SCHEMA: SCHEMATA": datasets of the region on which the caller has `datasets.get`. */
export function visibleDatasets({ services, principal, projectId, location }: ViewScope): Dataset[] {
  return services.datasets
    .list(projectId)
    .filter((dataset) => dataset.hiddenOwner === undefined && dataset.location === location)
    .filter(
      ({ datasetId }) =>
        services.access.decide(principal, 'bigquery.datasets.get', { kind: 'dataset', projectId, datasetId }).allowed,
    );
}

/** Tables of the dataset, or of all datasets of the region, on which the caller has `tables.get`. */
export function visibleTables(scope: ViewScope): { readonly table: Table; readonly dataset: Dataset }[] {
  const { services, principal, projectId, location } = scope;
  const datasets =
    scope.dataset === undefined
      ? services.datasets
          .list(projectId)
          .filter((dataset) => dataset.hiddenOwner === undefined && dataset.location === location)
      : [scope.dataset];
  return datasets.flatMap((dataset) => {
    const { datasetId } = dataset;
    const listed = services.access.decide(principal, 'bigquery.tables.list', { kind: 'dataset', projectId, datasetId });
    if (!listed.allowed) return [];
    return services.tables
      .list(projectId, datasetId, '', MAX_ROWS)
      .filter(({ ref }) => services.access.decide(principal, 'bigquery.tables.get', { kind: 'table', ...ref }).allowed)
      .map((table) => ({ table, dataset }));
  });
}
