// The list of functions says what is: its document is fresh, what it calls supported has cases and an implementation,
// what it calls refused has none and is refused by name.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aggregateFunctions, scalarFunctions } from '../functions/index.ts';
import { TestWarehouse } from '../test-warehouse.ts';
import { compatibilityDocument } from './document.ts';
import { readFunctionList } from './functions.ts';

const DOCUMENT = path.join(import.meta.dirname, '../../../../../docs/bigquery-compatibility.md');
const CASES = path.join(import.meta.dirname, '../functions/cases');

const entries = readFunctionList();
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
  const document = compatibilityDocument(entries);
  if (process.env['UPDATE_COMPATIBILITY'] === '1') writeFileSync(DOCUMENT, document);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(document);
});

test('no function stands in the list twice', () => {
  const names = entries.map((entry) => entry.name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test('every function that is supported, in part or whole, has a case in the corpus', () => {
  const uncovered = entries.filter((entry) => entry.status !== 'refused' && !hasCase(entry.name));
  expect(uncovered.map((entry) => entry.name)).toEqual([]);
});

test('every function that is supported in part says what is missing', () => {
  expect(entries.filter((entry) => entry.status === 'partly' && entry.remark === '')).toEqual([]);
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
