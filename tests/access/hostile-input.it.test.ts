// Each line of hostile-input.jsonl is tried at its door. None may be let in: no text of a
// file of the host comes back, nothing is written beside the data, no table changes, and the
// server goes on.
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PROJECT, type Answer } from '../../packages/bigquery-local/src/server-under-test.ts';
import { HostileWorld, honestToken, MARKER, TOKENS } from './hostile-world.ts';
import { readText } from './matrix.ts';

type Attempt = { readonly door: string; readonly input: string };

const ATTEMPTS = readText('./hostile-input.jsonl')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Attempt);
const P = `/bigquery/v2/projects/${PROJECT}`;

let world: HostileWorld;
let serial = 0;

beforeAll(async () => {
  world = await HostileWorld.create();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const ask = (method: string, path: string, body?: unknown): Promise<Answer> => world.server.request(method, path, body);
const query = (sql: string, body: Record<string, unknown> = {}): Promise<Answer> => world.server.query(sql, { body });

/** GoogleSQL's literal of any text. */
function literal(text: string): string {
  return JSON.stringify(text).replaceAll('\\u0000', String.raw`\000`);
}

function identifier(text: string): string {
  return `\`${text.replaceAll(/[\\`]/g, String.raw`\$&`).replaceAll('\u0000', String.raw`\000`)}\``;
}

function csv(value: string): Record<string, unknown> {
  return { sourceFormat: 'CSV', autodetect: true, fieldDelimiter: value };
}

async function load(more: Record<string, unknown>, data = 'x\n1\n', table = `load_${serial++}`): Promise<Answer> {
  const job: unknown = await world.server.load(table, data, { sourceFormat: 'CSV', autodetect: true, ...more });
  return answerOf(job);
}

async function job(configuration: Record<string, unknown>): Promise<Answer> {
  const answer = await ask('POST', `${P}/jobs`, { configuration });
  if (answer.status !== 200) return answer;
  return answerOf(await world.server.finished(String(answer.body.jobReference.jobId)));
}

function extractTo(uri: string): Record<string, unknown> {
  const sourceTable = { projectId: PROJECT, datasetId: 'ds', tableId: 'canary' };
  return { extract: { sourceTable, destinationUris: [uri], destinationFormat: 'CSV' } };
}

function routine(more: Record<string, unknown>): Promise<Answer> {
  const reference = { routineReference: { routineId: `r${serial++}` } };
  return ask('POST', `${P}/datasets/ds/routines`, { routineType: 'SCALAR_FUNCTION', ...reference, ...more });
}

/** A job that failed, as the refusal that it is. */
function answerOf(body: unknown): Answer {
  const failed = (body as { error?: unknown; status?: { errorResult?: unknown } }).status?.errorResult;
  const refused = (body as { error?: unknown }).error;
  return { status: failed === undefined && refused === undefined ? 200 : 400, body, headers: new Headers() };
}

const bodies: Readonly<Record<string, () => Promise<Answer>>> = {
  'more than a request may hold': () => ask('POST', `${P}/datasets`, 'x'.repeat(60_000_000)),
  'a small gzip that unpacks to more than a request may hold': () =>
    world.server.request('POST', `${P}/datasets`, gzipSync(Buffer.alloc(200_000_000, ' ')), {
      headers: { 'content-encoding': 'gzip', 'content-type': 'application/json' },
    }),
  'JSON nested a hundred thousand deep': () =>
    world.server.request('POST', `${P}/datasets`, `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, {
      headers: { 'content-type': 'application/json' },
    }),
  '__proto__ and constructor as keys': () =>
    world.server.request(
      'POST',
      `${P}/datasets`,
      '{"__proto__":{"datasetReference":{"datasetId":"evil"}},"constructor":{"prototype":{"admin":true}}}',
      { headers: { 'content-type': 'application/json' } },
    ),
};

/** `harmless`: it may be taken for the text that it is. Everywhere else it must be refused. */
type Door = { readonly harmless?: true; readonly attempt: (input: string) => Promise<Answer> };

const DOORS: Readonly<Record<string, Door>> = {
  token: { attempt: async (input) => world.knock(await TOKENS[input]!(world)) },
  body: { attempt: (input) => bodies[input]!() },
  path: { attempt: (input) => ask('GET', input) },
  'dataset id': { attempt: (datasetId) => ask('POST', `${P}/datasets`, { datasetReference: { datasetId } }) },
  'table id': {
    attempt: (tableId) =>
      ask('POST', `${P}/datasets/ds/tables`, {
        tableReference: { tableId },
        schema: { fields: [{ name: 'x', type: 'INTEGER' }] },
      }),
  },
  'project id': { attempt: (projectId) => ask('POST', '/v1/projects', { projectId }) },
  bucket: { attempt: (name) => ask('POST', `/storage/v1/b?project=${PROJECT}`, { name }) },
  'job id': {
    attempt: (jobId) =>
      ask('POST', `${P}/jobs`, {
        jobReference: { jobId },
        configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
      }),
  },
  query: { attempt: (sql) => query(sql) },
  literal: { harmless: true, attempt: (text) => query(`SELECT ${literal(text)} AS x, x FROM ds.canary`) },
  alias: { harmless: true, attempt: (name) => query(`SELECT x AS ${identifier(name)} FROM ds.canary`) },
  with: {
    harmless: true,
    attempt: (name) => query(`WITH ${identifier(name)} AS (SELECT 1 AS x) SELECT * FROM ${identifier(name)}`),
  },
  column: { attempt: (name) => query(`CREATE TABLE ds.c${serial++} (${identifier(name)} INT64)`) },
  'struct field': { harmless: true, attempt: (name) => query(`SELECT STRUCT(1 AS ${identifier(name)}) AS s`) },
  'json path': { harmless: true, attempt: (path) => query(`SELECT JSON_VALUE('{"a":1}', ${literal(path)})`) },
  'time zone': {
    harmless: true,
    attempt: (zone) => query(`SELECT EXTRACT(HOUR FROM CURRENT_TIMESTAMP() AT TIME ZONE ${literal(zone)})`),
  },
  format: { harmless: true, attempt: (text) => query(`SELECT FORMAT(${literal(text)}, 'x')`) },
  regexp: { harmless: true, attempt: (text) => query(`SELECT REGEXP_CONTAINS('a', ${literal(text)})`) },
  parameter: {
    harmless: true,
    attempt: (value) =>
      query('SELECT @p AS x', {
        parameterMode: 'NAMED',
        queryParameters: [{ name: 'p', parameterType: { type: 'STRING' }, parameterValue: { value } }],
      }),
  },
  'parameter name': {
    attempt: (name) =>
      query('SELECT @p AS x', {
        parameterMode: 'NAMED',
        queryParameters: [{ name, parameterType: { type: 'STRING' }, parameterValue: { value: 'v' } }],
      }),
  },
  view: {
    attempt: (sql) =>
      ask('POST', `${P}/datasets/ds/tables`, {
        tableReference: { tableId: `v${serial++}` },
        view: { query: sql, useLegacySql: false },
      }),
  },
  'row access policy': {
    attempt: (filterPredicate) =>
      ask('POST', `${P}/datasets/ds/tables/canary/rowAccessPolicies`, {
        rowAccessPolicyReference: { policyId: `p${serial++}` },
        filterPredicate,
        grantees: ['allAuthenticatedUsers'],
      }),
  },
  'function body': { attempt: (definitionBody) => routine({ definitionBody }) },
  'function argument': {
    attempt: (name) => routine({ definitionBody: '1', arguments: [{ name, dataType: { typeKind: 'INT64' } }] }),
  },
  'routine id': { attempt: (routineId) => routine({ definitionBody: '1', routineReference: { routineId } }) },
  // It runs, but reaches nothing.
  javascript: {
    harmless: true,
    attempt: (code) =>
      query(`CREATE TEMP FUNCTION f() RETURNS STRING LANGUAGE js AS ${literal(code)}; SELECT f(), x FROM ds.canary`),
  },
  'javascript argument': {
    harmless: true,
    attempt: (name) =>
      query(
        `CREATE TEMP FUNCTION f(${identifier(name)} STRING) RETURNS STRING LANGUAGE js AS 'return "a"'; SELECT f('b')`,
      ),
  },
  label: { attempt: (value) => ask('PATCH', `${P}/datasets/ds`, { labels: { a: value } }) },
  description: {
    harmless: true,
    attempt: (description) => ask('PATCH', `${P}/datasets/ds/tables/canary`, { description }),
  },
  'insertAll key': {
    harmless: true,
    attempt: async (key) => {
      const answer = await ask('POST', `${P}/datasets/ds/tables/canary/insertAll`, { rows: [{ json: { [key]: 1 } }] });
      expect(answer.body.insertErrors).toHaveLength(1);
      return answer;
    },
  },
  'load option fieldDelimiter': { attempt: (value) => load(csv(value)) },
  'load option quote': { harmless: true, attempt: (quote) => load({ quote }) },
  'load option nullMarker': { harmless: true, attempt: (nullMarker) => load({ nullMarker }) },
  'load option encoding': { attempt: (encoding) => load({ encoding }) },
  'load option sourceUris': {
    attempt: (uri) =>
      job({
        load: {
          sourceUris: [uri],
          destinationTable: { projectId: PROJECT, datasetId: 'ds', tableId: `load_${serial++}` },
          sourceFormat: 'CSV',
          autodetect: true,
        },
      }),
  },
  'load header': { harmless: true, attempt: (name) => load({}, `"${name.replaceAll('"', '""')}"\n1\n`) },
  'load table': { attempt: (table) => load({}, 'x\n1\n', table) },
  'extract uri': { attempt: (uri) => job(extractTo(uri)) },
  // A name of an object is no path: the dots are letters of it.
  'extract object': { harmless: true, attempt: (uri) => job(extractTo(uri)) },
  'object name': {
    harmless: true,
    attempt: (name) =>
      ask('POST', `/upload/storage/v1/b/hostile-bucket/o?uploadType=media&name=${encodeURIComponent(name)}`, 'evil'),
  },
};

describe('hostile input', () => {
  it('is refused for its one fault: an honest token is taken', async () => {
    expect(await world.knock(`Bearer ${await honestToken(world)}`)).toMatchObject({ status: 200 });
  });

  it('lists every forged token that is made', () => {
    const listed = ATTEMPTS.filter(({ door }) => door === 'token').map(({ input }) => input);
    expect(listed).toEqual(Object.keys(TOKENS));
  });

  it.each(ATTEMPTS)('gets nowhere through the door "$door": $input', async ({ door, input }) => {
    const { harmless, attempt } = DOORS[door]!;
    const { status, body } = await attempt(world.place(input));
    expect(JSON.stringify(body)).not.toContain(MARKER);
    const letIn = harmless !== true && (door === 'token' ? status !== 401 : status < 400);
    expect(letIn).toBe(false);
    expect(status).not.toBe(500);
    await world.check();
  });
});
