// What a program does that knows only the discovery document: it finds a method, fills in its
// path and calls it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

type Method = {
  readonly id: string;
  readonly path: string;
  readonly flatPath: string;
  readonly httpMethod: string;
  readonly parameters: Readonly<Record<string, { readonly location: string; readonly required?: boolean }>>;
  readonly parameterOrder: readonly string[];
};
type Document = {
  readonly rootUrl: string;
  readonly servicePath: string;
  readonly baseUrl: string;
  readonly resources: Readonly<Record<string, { readonly methods: Readonly<Record<string, Method>> }>>;
};

let server: ServerUnderTest;
let document: Document;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  const response = await fetch(`${server.url}/discovery/v1/apis/bigquery/v2/rest`);
  document = (await response.json()) as Document;
});

afterAll(() => server[Symbol.asyncDispose]());

async function call(
  resource: string,
  name: string,
  parameters: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const method = document.resources[resource]?.methods[name];
  if (method === undefined) throw new Error(`${resource}.${name} is not in the document`);
  const rest = new URLSearchParams(parameters);
  const path = method.path.replaceAll(/\{\+?(\w+)\}/g, (_, key: string) => {
    rest.delete(key);
    return encodeURI(parameters[key] ?? '');
  });
  const query = rest.size === 0 ? '' : `?${rest.toString()}`;
  const response = await fetch(`${document.baseUrl}${path}${query}`, {
    method: method.httpMethod,
    headers: { authorization: `Bearer ${await server.token(OWNER)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

it('names every path parameter, in order, and nothing that is not in a path', () => {
  for (const { methods } of Object.values(document.resources)) {
    for (const method of Object.values(methods)) {
      const inPath = [...method.path.matchAll(/\{\+?(\w+)\}/g)].map(([, name]) => name);
      expect([method.id, method.path]).toEqual([method.id, expect.not.stringMatching(/[()^]|::/)]);
      expect([method.id, method.parameterOrder]).toEqual([method.id, inPath]);
      const required = Object.entries(method.parameters).filter(([, { location }]) => location === 'path');
      expect([method.id, required.map(([name]) => name)]).toEqual([method.id, inPath]);
    }
  }
});

it('leads through the life of a table by the document alone', async () => {
  const ids = { projectId: PROJECT, datasetId: 'found' };
  expect(await call('datasets', 'insert', { projectId: PROJECT }, { datasetReference: ids })).toMatchObject({
    status: 200,
    body: { kind: 'bigquery#dataset', selfLink: `${document.baseUrl}projects/${PROJECT}/datasets/found` },
  });
  const schema = { fields: [{ name: 'happened', type: 'TIMESTAMP' }] };
  await call('tables', 'insert', ids, { tableReference: { ...ids, tableId: 't' }, schema });
  const table = { ...ids, tableId: 't' };
  await call('tabledata', 'insertAll', table, { rows: [{ json: { happened: '2020-01-01T00:00:00.000001Z' } }] });
  // Flags of a query string are taken in any case, as Google takes them.
  for (const flag of ['true', 'True', 'TRUE'])
    expect(await call('tabledata', 'list', { ...table, 'formatOptions.useInt64Timestamp': flag })).toMatchObject({
      body: { rows: [{ f: [{ v: '1577836800000001' }] }] },
    });
  const resource = `projects/${PROJECT}/datasets/found/tables/t`;
  expect(await call('tables', 'getIamPolicy', { resource }, {})).toMatchObject({
    status: 200,
    body: { etag: expect.any(String) },
  });
  const job = await call(
    'jobs',
    'query',
    { projectId: PROJECT },
    { query: 'SELECT happened FROM found.t', useLegacySql: false },
  );
  expect(job).toMatchObject({ status: 200, body: { jobComplete: true, totalRows: '1' } });
  expect(await call('tables', 'list', ids)).toMatchObject({ body: { tables: [{ tableReference: table }] } });
  expect((await call('tables', 'delete', table)).status).toBe(204);
  expect((await call('datasets', 'delete', ids)).status).toBe(204);
});
