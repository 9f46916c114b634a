// bigquery.models.list: there are no models of BigQuery ML here, so a dataset has none. The
// methods on one model, and others that BigQuery has and this server has not, are refused
// by name.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Services } from '../../services.ts';
import type { RequestContext, Route } from '../route.ts';
import { requireDataset } from '../../catalog/dataset-changes.ts';
import { authorize } from './tables.ts';

const DATASET = '/projects/:projectId/datasets/:datasetId';
const MODEL = `${DATASET}/models/:modelId`;

export function modelRoutes(services: Services): Route[] {
  return [
    {
      method: 'GET',
      path: `${DATASET}/models`,
      operation: 'bigquery.models.list',
      handle: (context) => listModels(services, context),
    },
    refused('bigquery.models.get', 'GET', MODEL),
    refused('bigquery.models.patch', 'PATCH', MODEL),
    refused('bigquery.models.delete', 'DELETE', MODEL),
    refused('bigquery.datasets.undelete', 'POST', `${DATASET}::undelete`),
  ];
}

function listModels(services: Services, context: RequestContext): unknown {
  const { projectId = '', datasetId = '' } = context.params;
  authorize(services, context, 'bigquery.models.list', { kind: 'dataset', projectId, datasetId });
  requireDataset(services, projectId, datasetId);
  return {};
}

/** The same answer to everybody, so that it tells nothing about what exists. */
function refused(operation: string, method: Route['method'], path: string): Route {
  return {
    method,
    path,
    operation,
    signedIn: true,
    handle: () => {
      throw new BigQueryError('notImplemented', `${operation} is not supported by the local BigQuery.`);
    },
  };
}
