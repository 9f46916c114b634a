// Every line of cases/*.txt, a SELECT list or a whole query, gives on DuckDB exactly what ZetaSQL's reference
// evaluator gives, values and error texts. `~` before a line: both fail, the texts differ.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGoogleSql } from '../google-sql.ts';
import { mapRuntimeError } from '../runtime-error.ts';
import type { GoogleSql } from '../statement.ts';
import type { GType } from '../types.ts';
import { encodeChunk } from '../values/encode.ts';
import { registerFunctions } from './index.ts';
import { Oracle } from './oracle.ts';

const CASES = path.join(import.meta.dirname, 'cases');

let instance: DuckDBInstance;
let connection: DuckDBConnection;
let googleSql: GoogleSql;
let oracle: Oracle;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await registerFunctions(connection);
  googleSql = await createGoogleSql({});
  oracle = await Oracle.start();
}, 60_000);

afterAll(async () => {
  await oracle?.[Symbol.asyncDispose]();
  await googleSql?.[Symbol.asyncDispose]();
  connection?.closeSync();
  instance?.closeSync();
});

const ourText = (error: unknown): string => mapRuntimeError(error).message;
const theirText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type Answer = { readonly rows: unknown[][] } | { readonly error: string };

/** Rows come in an order only where the query asks for one. */
function inOrder(sql: string, result: Answer): Answer {
  if ('error' in result || / ORDER BY [^()]*$/.test(sql)) return result;
  const keyed = result.rows.map((row): [string, unknown[]] => [JSON.stringify(row), row]);
  return { rows: keyed.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row) };
}

function failed(result: Answer): boolean {
  return 'error' in result;
}

async function compile(sql: string): Promise<{ sql: string; types: GType[] }> {
  const { statement } = await googleSql.analyze({
    sql,
    lookup: {
      table: () => {
        throw new Error('These cases have no tables');
      },
    },
    defaultProject: 'p',
    sessionUser: 'someone@example.com',
  });
  if (statement.kind !== 'SELECT') throw new Error(`Not a query: ${sql}`);
  return { sql: statement.query.sql, types: statement.query.columns.map((column) => column.type) };
}

async function run(sql: string, types: readonly GType[]): Promise<unknown[][]> {
  const result = await connection.stream(sql);
  const rows: unknown[][] = [];
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return rows;
    rows.push(...encodeChunk(chunk, types, { useInt64Timestamp: false }).map((row) => row.f.map((cell) => cell.v)));
  }
}

async function answer(rows: () => Promise<unknown[][]>, textOf: (error: unknown) => string): Promise<Answer> {
  try {
    return { rows: await rows() };
  } catch (error) {
    return { error: textOf(error).replace(/ (?:at )?\[(?:at )?\d+:\d+\]$/, '') };
  }
}

describe.each(readdirSync(CASES).filter((file) => file !== 'given.txt'))('%s', (file) => {
  const lines = readFileSync(path.join(CASES, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  test.each(lines)('agrees with the reference evaluator: %s', async (line) => {
    const textDiffers = line.startsWith('~');
    const source = textDiffers ? line.slice(1).trim() : line;
    const sql = /^(?:SELECT|WITH)\b/.test(source) ? source : `SELECT ${source}`;
    let types: readonly GType[] = [];
    const ours = inOrder(
      sql,
      await answer(async () => {
        const compiled = await compile(sql);
        types = compiled.types;
        return await run(compiled.sql, types);
      }, ourText),
    );
    const theirs = inOrder(sql, await answer(() => oracle.rows(sql, types), theirText));
    // Where only the texts differ, both must still have failed.
    expect(textDiffers ? failed(ours) : ours).toEqual(textDiffers ? true : theirs);
    expect(failed(ours)).toBe(failed(theirs));
  });
});

/** Cases that the evaluator cannot judge, with their answers: `query => JSON of the rows`, or `=> error: text`. */
const GIVEN = readFileSync(path.join(CASES, 'given.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

describe('cases with a given answer', () => {
  test.each(GIVEN)('%s', async (line) => {
    const [source = '', expected = ''] = line.split(/ => (?=\[|error: )/);
    const sql = /^(?:SELECT|WITH)\b/.test(source) ? source : `SELECT ${source}`;
    const ours = await answer(async () => {
      const compiled = await compile(sql);
      return await run(compiled.sql, compiled.types);
    }, ourText);
    const given = expected.startsWith('error: ')
      ? { error: expected.slice('error: '.length) }
      : { rows: JSON.parse(expected) as unknown };
    expect(ours).toEqual(given);
  });
});
