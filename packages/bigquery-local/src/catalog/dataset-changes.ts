// Creating and deleting datasets: the rules that REST and DDL share. Callers have
// authorised the change before.
import { BigQueryError } from '../bigquery-error.ts';
import type { Services } from '../services.ts';
import type { Dataset, DatasetProperties } from './datasets.ts';

export const DEFAULT_LOCATION = 'US';

export type NewDataset = {
  readonly projectId: string;
  readonly datasetId: string;
  readonly location: string | undefined;
  readonly properties: DatasetProperties;
};

/** Throws `invalid` for a bad id, `notFound` for an unknown project, `duplicate` when it exists. */
export function createDataset(services: Services, dataset: NewDataset): Dataset {
  const { projectId, datasetId } = dataset;
  if (!/^\w{1,1024}$/.test(datasetId)) {
    throw new BigQueryError(
      'invalid',
      `Invalid dataset ID "${datasetId}". Dataset IDs must be alphanumeric (plus underscores) and must be at most 1024 characters long.`,
    );
  }
  if (services.identity.projects.find(projectId) === undefined)
    throw new BigQueryError('notFound', `Not found: Project ${projectId}`);
  const location = canonicalLocation(dataset.location ?? DEFAULT_LOCATION);
  return services.datasets.insert({ projectId, datasetId, location, properties: dataset.properties });
}

/** Multi-regions in capitals, regions in small letters, as BigQuery returns them. */
export function canonicalLocation(location: string): string {
  if (/^(us|eu)$/i.test(location)) return location.toUpperCase();
  if (!/^[a-z]+(-[a-z]+)*-?[a-z]+\d{1,2}$/i.test(location))
    throw new BigQueryError('invalid', `Invalid value for location: ${location} is not a valid value`);
  return location.toLowerCase();
}

export function requireDataset(services: Services, projectId: string, datasetId: string): Dataset {
  const dataset = services.datasets.get(projectId, datasetId);
  if (dataset === undefined) throw new BigQueryError('notFound', `Not found: Dataset ${projectId}:${datasetId}`);
  return dataset;
}

/** Throws `resourceInUse` when it holds tables or routines and `contents` is false. */
export async function deleteDataset(
  services: Services,
  dataset: Dataset,
  contents: boolean,
  alsoCommit: () => void = () => undefined,
): Promise<void> {
  const { projectId, datasetId } = dataset;
  if (
    !contents &&
    (services.tables.count(projectId, datasetId) > 0 || services.routines.count(projectId, datasetId) > 0)
  ) {
    throw new BigQueryError('resourceInUse', `Dataset ${projectId}:${datasetId} is still in use`);
  }
  const freed: (string | undefined)[] = [];
  await services.duckdb.attach(projectId);
  services.db.transaction(() => {
    for (const ref of services.tables.refs(projectId, datasetId)) freed.push(services.tables.delete(ref));
    services.routines.deleteAll(projectId, datasetId);
    services.datasets.delete(projectId, datasetId);
    alsoCommit();
  });
  for (const physicalId of freed) await services.physical.drop(projectId, physicalId);
}
