// The discovery document: which methods this server has, under its own address. Made
// from the routes themselves, so that it lists what is served and nothing else.
// Format: Google API Discovery Service, "Discovery document".
import type { Route } from '../route.ts';

export function discoveryRoutes(bigquery: readonly Route[]): Route[] {
  const handle = (context: { baseUrl: string }): unknown => document(bigquery, context.baseUrl);
  return [
    {
      method: 'GET',
      path: '/discovery/v1/apis/bigquery/v2/rest',
      operation: 'discovery.apis.getRest',
      public: true,
      handle,
    },
    { method: 'GET', path: '/$discovery/rest', operation: 'discovery.apis.getRest', public: true, handle },
  ];
}

function document(routes: readonly Route[], baseUrl: string): unknown {
  const resources: Record<string, { methods: Record<string, unknown> }> = {};
  for (const route of routes) {
    const [, resource = '', method = ''] = route.operation.split('.');
    resources[resource] ??= { methods: {} };
    resources[resource].methods[method] = describe(route);
  }
  return {
    kind: 'discovery#restDescription',
    discoveryVersion: 'v1',
    id: 'bigquery:v2',
    name: 'bigquery',
    version: 'v2',
    title: 'BigQuery API (local)',
    description: 'The methods of the BigQuery API that this local server has.',
    protocol: 'rest',
    rootUrl: `${baseUrl}/`,
    servicePath: 'bigquery/v2/',
    basePath: '/bigquery/v2/',
    baseUrl: `${baseUrl}/bigquery/v2/`,
    batchPath: 'batch/bigquery/v2',
    parameters: {
      alt: {
        type: 'string',
        default: 'json',
        enum: ['json'],
        location: 'query',
        description: 'Data format for the response.',
      },
      prettyPrint: {
        type: 'boolean',
        default: 'false',
        location: 'query',
        description: 'Returns response with indentations and line breaks.',
      },
    },
    schemas: {},
    resources,
  };
}

function describe(route: Route): unknown {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  const path = route.path.slice(1).replaceAll(/:(\w+)/g, '{+$1}');
  return {
    id: route.operation,
    path,
    flatPath: path.replaceAll('{+', '{'),
    httpMethod: route.method,
    parameters: Object.fromEntries(
      names.map((name) => [name, { type: 'string', required: true, location: 'path', pattern: '^[^/]+$' }]),
    ),
    parameterOrder: names,
    scopes: ['https://www.googleapis.com/auth/bigquery', 'https://www.googleapis.com/auth/cloud-platform'],
    ...(route.operation === 'bigquery.jobs.insert'
      ? {
          supportsMediaUpload: true,
          mediaUpload: {
            accept: ['*/*'],
            protocols: {
              simple: { multipart: true, path: '/upload/bigquery/v2/projects/{+projectId}/jobs' },
              resumable: { multipart: true, path: '/resumable/upload/bigquery/v2/projects/{+projectId}/jobs' },
            },
          },
        }
      : {}),
  };
}
