// What a dataset's access entries may authorise ("Authorized views", "Authorized routines", "Authorized datasets"):
// at most 2,500 resources, of the dataset's own location.
import type { AccessEntry } from '../../access/policy.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { datasetOf, routineOf, viewOf } from '../../catalog/authorizations.ts';
import type { Services } from '../../services.ts';
import type { RequestContext } from '../route.ts';

const MAX_AUTHORIZED = 2_500;

/** Throws 400. Locations are compared only with datasets that the caller may see: the answer must not tell of others. */
export function requireAuthorizable(
  services: Services,
  context: RequestContext,
  location: string,
  access: readonly AccessEntry[] | undefined,
): void {
  if (access === undefined) return;
  const homes = access.flatMap((entry) => viewOf(entry) ?? routineOf(entry) ?? datasetOf(entry) ?? []);
  if (homes.length > MAX_AUTHORIZED)
    throw new BigQueryError(
      'invalid',
      `A dataset's access list has at most ${MAX_AUTHORIZED} authorized resources (views, datasets and functions together).`,
    );
  for (const { projectId, datasetId } of homes) {
    const home = services.datasets.get(projectId, datasetId);
    if (home === undefined || home.location.toLowerCase() === location.toLowerCase()) continue;
    if (!context.may('bigquery.datasets.get', { kind: 'dataset', projectId, datasetId })) continue;
    throw new BigQueryError(
      'invalid',
      `Dataset ${projectId}:${datasetId} is in location ${home.location}: views and routines can be authorized only on datasets of their own location, not of ${location}.`,
    );
  }
}
