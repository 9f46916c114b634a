// What the discovery document says of each method beside its path: the parameters of the
// query string that this server reads, and the names of the resources that a request carries
// and that come back. Names: the discovery document of the BigQuery API v2.

/** `NAME` of a string, `NAME:TYPE` of anything else. */
const PAGE = ['maxResults:integer', 'pageToken'];

export const QUERY_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  'bigquery.projects.list': PAGE,
  'bigquery.datasets.list': [...PAGE, 'all:boolean', 'filter'],
  'bigquery.datasets.insert': ['accessPolicyVersion:integer'],
  'bigquery.datasets.get': ['accessPolicyVersion:integer', 'datasetView'],
  'bigquery.datasets.patch': ['accessPolicyVersion:integer', 'updateMode'],
  'bigquery.datasets.update': ['accessPolicyVersion:integer', 'updateMode'],
  'bigquery.datasets.delete': ['deleteContents:boolean'],
  'bigquery.tables.list': PAGE,
  'bigquery.tables.get': ['selectedFields', 'view'],
  'bigquery.tables.patch': ['autodetect_schema:boolean'],
  'bigquery.tables.update': ['autodetect_schema:boolean'],
  'bigquery.tabledata.list': [
    ...PAGE,
    'selectedFields',
    'startIndex',
    'formatOptions.timestampOutputFormat',
    'formatOptions.useInt64Timestamp:boolean',
  ],
  'bigquery.routines.list': [...PAGE, 'filter', 'readMask'],
  'bigquery.routines.get': ['readMask'],
  'bigquery.models.list': PAGE,
  'bigquery.rowAccessPolicies.list': ['pageSize:integer', 'pageToken'],
  'bigquery.rowAccessPolicies.delete': ['force:boolean'],
  'bigquery.jobs.list': [
    ...PAGE,
    'allUsers:boolean',
    'maxCreationTime',
    'minCreationTime',
    'parentJobId',
    'projection',
    'stateFilter',
  ],
  'bigquery.jobs.get': ['location'],
  'bigquery.jobs.cancel': ['location'],
  'bigquery.jobs.delete': ['location'],
  'bigquery.jobs.getQueryResults': [
    ...PAGE,
    'location',
    'startIndex',
    'timeoutMs:integer',
    'formatOptions.timestampOutputFormat',
    'formatOptions.useInt64Timestamp:boolean',
  ],
};

const SINGULAR: Readonly<Record<string, string>> = {
  datasets: 'Dataset',
  tables: 'Table',
  routines: 'Routine',
  models: 'Model',
  rowAccessPolicies: 'RowAccessPolicy',
  jobs: 'Job',
};
const LISTS: Readonly<Record<string, string>> = {
  projects: 'ProjectList',
  datasets: 'DatasetList',
  tables: 'TableList',
  tabledata: 'TableDataList',
  routines: 'ListRoutinesResponse',
  models: 'ListModelsResponse',
  rowAccessPolicies: 'ListRowAccessPoliciesResponse',
  jobs: 'JobList',
};
/** Request and answer of methods whose names do not follow from their resource; '' = none. */
const OTHERS: Readonly<Record<string, readonly [request: string, response: string]>> = {
  'bigquery.projects.getServiceAccount': ['', 'GetServiceAccountResponse'],
  'bigquery.datasets.undelete': ['UndeleteDatasetRequest', 'Dataset'],
  'bigquery.tabledata.insertAll': ['TableDataInsertAllRequest', 'TableDataInsertAllResponse'],
  'bigquery.rowAccessPolicies.batchDelete': ['BatchDeleteRowAccessPoliciesRequest', ''],
  'bigquery.jobs.query': ['QueryRequest', 'QueryResponse'],
  'bigquery.jobs.getQueryResults': ['', 'GetQueryResultsResponse'],
  'bigquery.jobs.cancel': ['', 'JobCancelResponse'],
};

/** Names of the resources that a method takes and gives; '' = none. */
export function schemasOf(operation: string): readonly [request: string, response: string] {
  const other = OTHERS[operation];
  if (other !== undefined) return other;
  const [, resource = '', method = ''] = operation.split('.');
  const one = SINGULAR[resource] ?? '';
  switch (method) {
    case 'list':
      return ['', LISTS[resource] ?? ''];
    case 'get':
      return ['', one];
    case 'insert':
    case 'update':
    case 'patch':
      return [one, one];
    case 'getIamPolicy':
    case 'setIamPolicy':
      return [`${method === 'getIamPolicy' ? 'Get' : 'Set'}IamPolicyRequest`, 'Policy'];
    case 'testIamPermissions':
      return ['TestIamPermissionsRequest', 'TestIamPermissionsResponse'];
    default:
      return ['', ''];
  }
}
