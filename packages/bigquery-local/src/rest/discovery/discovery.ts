// The discovery document: which methods this server has, under its own address. Made
// from the routes themselves, so that it lists what is served and nothing else. Resources
// are objects of any fields: the REST reference of BigQuery says which.
// Format: Google API Discovery Service, "Discovery document".
import type { Route } from '../route.ts';
import { QUERY_PARAMETERS, schemasOf } from './method-fields.ts';

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

type Method = {
  readonly parameters: Record<string, Readonly<Record<string, unknown>>>;
  readonly [field: string]: unknown;
};

function document(routes: readonly Route[], baseUrl: string): unknown {
  const resources: Record<string, { methods: Record<string, Method> }> = {};
  const schemas: Record<string, unknown> = {};
  for (const route of routes) {
    const [, resource = '', method = ''] = route.operation.split('.');
    resources[resource] ??= { methods: {} };
    resources[resource].methods[method] = describe(route);
    for (const id of schemasOf(route.operation))
      if (id !== '') schemas[id] = { id, type: 'object', additionalProperties: { type: 'any' } };
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
    schemas,
    resources,
  };
}

function describe(route: Route): Method {
  const [request, response] = schemasOf(route.operation);
  const { path, flatPath, parameters } = pathOf(route);
  for (const text of QUERY_PARAMETERS[route.operation] ?? []) {
    const [name = '', type = 'string'] = text.split(':');
    parameters[name] = { type, location: 'query', ...(type === 'integer' ? { format: 'uint32' } : {}) };
  }
  return {
    id: route.operation,
    path,
    flatPath,
    httpMethod: route.method,
    parameters,
    parameterOrder: Object.keys(parameters).filter((name) => parameters[name]?.['required'] === true),
    ...(request === '' ? {} : { request: { $ref: request } }),
    ...(response === '' ? {} : { response: { $ref: response } }),
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

/** From `/a/:b([^:/]+)::verb`. As Google writes them, the methods of IAM take the whole name of a `resource`. */
function pathOf({ path: route, operation }: Route): {
  path: string;
  flatPath: string;
  parameters: Method['parameters'];
} {
  const escaped = route.slice(1).replaceAll('::', '\0');
  const path = escaped.replaceAll(/:(\w+)(?:\([^)]*\))?/g, '{+$1}').replaceAll('\0', ':');
  if (/IamPolicy$|IamPermissions$/.test(operation)) {
    const [name = '', verb = ''] = path.split(':');
    return {
      path: `{+resource}:${verb}`,
      flatPath: path.replaceAll(/\{\+(\w+)Id\}/g, '{$1sId}').replaceAll('{policysId}', '{rowAccessPoliciesId}'),
      parameters: {
        resource: {
          type: 'string',
          required: true,
          location: 'path',
          pattern: `^${name.replaceAll(/\{\+\w+\}/g, '[^/]+')}$`,
        },
      },
    };
  }
  const names = [...path.matchAll(/\{\+(\w+)\}/g)].map(([, name = '']) => name);
  return {
    path,
    flatPath: path.replaceAll('{+', '{'),
    parameters: Object.fromEntries(
      names.map((name) => [name, { type: 'string', required: true, location: 'path', pattern: '^[^/]+$' }]),
    ),
  };
}
