// The lists say what is: their document is fresh; functions that they call supported have cases and an implementation;
// statements work or are refused by name; methods are those that the server has.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aggregateFunctions, scalarFunctions } from '../functions/index.ts';
import { ServerUnderTest } from '../../server-under-test.ts';
import { TestWarehouse } from '../test-warehouse.ts';
import { compatibilityDocument } from './document.ts';
import { readFunctionList, readMethodList, readStatementList } from './entries.ts';

const DOCUMENT = path.join(import.meta.dirname, '../../../../../docs/bigquery-compatibility.md');
const CASES = path.join(import.meta.dirname, '../functions/cases');

const entries = readFunctionList();
const statements = readStatementList();
const methods = readMethodList();
const implemented = new Set([...scalarFunctions.keys(), ...aggregateFunctions.keys()]);

/** Cases that get an answer or an error of the function itself: not those of a refusal. */
const cases = readdirSync(CASES)
  .flatMap((file) => readFileSync(path.join(CASES, file), 'utf8').split('\n'))
  .filter((line) => !line.startsWith('#') && !/=> error: Function .* is not supported/.test(line))
  .join('\n');

function hasCase(name: string): boolean {
  return new RegExp(`(?<![\\w.])${name.replaceAll('.', '\\.')}\\s*(?:\\(|\\s)`).test(cases);
}

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.start();
}, 60_000);

afterAll(async () => {
  await warehouse?.[Symbol.asyncDispose]();
});

test('the document is the one that the list gives', () => {
  const document = compatibilityDocument({ statements, methods, functions: entries });
  if (process.env['UPDATE_COMPATIBILITY'] === '1') writeFileSync(DOCUMENT, document);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(document);
});

test('nothing stands in a list twice', () => {
  const names = [...entries, ...statements, ...methods].map((entry) => entry.name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test('every function that is supported, in part or whole, has a case in the corpus', () => {
  const uncovered = entries.filter((entry) => entry.status !== 'refused' && !hasCase(entry.name));
  expect(uncovered.map((entry) => entry.name)).toEqual([]);
});

test('whatever is supported in part says what is missing', () => {
  expect(
    [...entries, ...statements, ...methods].filter((entry) => entry.status === 'partly' && entry.remark === ''),
  ).toEqual([]);
});

test('no function is refused that the library has', () => {
  const refused = entries.filter((entry) => entry.status === 'refused');
  expect(refused.filter((entry) => implemented.has(entry.name.toLowerCase())).map((entry) => entry.name)).toEqual([]);
});

describe('what is refused is refused by name', () => {
  test.each(entries.filter((entry) => entry.status === 'refused').map((entry) => entry.name))('%s', async (name) => {
    const message = await warehouse.failure(`SELECT ${name}()`);
    // The analyser knows some of them and checks their arguments first.
    expect(message).toMatch(/is not supported by the local BigQuery|^No matching signature|^Number of arguments/);
  });
});

describe('statements and clauses', () => {
  let server: ServerUnderTest;

  beforeAll(async () => {
    server = await ServerUnderTest.start();
    await server.rows('CREATE SCHEMA ds');
    await server.rows(`CREATE TABLE ds.t AS SELECT 1 AS id, 'a' AS name, DATE '2026-01-01' AS day`);
    await server.rows('CREATE TABLE ds.scratch AS SELECT 1 AS a');
    await server.rows('CREATE TABLE ds.events_1 AS SELECT 1 AS a');
    await server.rows('CREATE TABLE ds.ingested (a INT64) PARTITION BY _PARTITIONDATE');
  }, 60_000);

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  // In the order of the list: later probes use what earlier ones made.
  test.each(statements.map((entry) => [entry.name, entry] as const))('%s', async (_name, { probe, status }) => {
    const { body } = await server.query(probe);
    const answer = (body.error?.message ?? 'works') as string;
    expect(answer).toMatch(status === 'refused' ? /not supported by the local BigQuery/ : /^works$/);
  });

  test('the methods of the list are those that the server has', () => {
    const served = new Set(server.operations);
    const listed = methods.map((entry) => entry.name).filter((name) => name !== 'bigquerystorage.BigQueryWrite');
    expect(listed.filter((name) => !served.has(name))).toEqual([]);
    expect([...served].filter((name) => !listed.includes(name))).toEqual([]);
  });
});
