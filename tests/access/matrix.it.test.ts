// Every operation asked by every principal of the access matrix, over HTTP, against one
// server. What is expected comes from `matrix.ts`, that is: from documentation.
import { writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Statement } from '../../packages/bigquery-local/src/googlesql/statement.ts';
import { expandedMatrix, expectedAnswer, OPERATIONS, readText, subjects } from './matrix.ts';
import { MatrixWorld } from './matrix-world.ts';

const AT_ONCE = 8;

/** The compiler asks for a case as soon as there is another kind of statement. */
const CASE_OF_STATEMENT: Readonly<Record<Statement['kind'], string>> = {
  SELECT: 'SELECT',
  INSERT: 'INSERT',
  UPDATE: 'UPDATE',
  DELETE: 'DELETE',
  MERGE: 'MERGE',
  TRUNCATE_TABLE: 'TRUNCATE TABLE',
  CREATE_TABLE: 'CREATE TABLE',
  CREATE_TABLE_AS_SELECT: 'CREATE TABLE AS SELECT',
  CREATE_VIEW: 'CREATE VIEW',
  CREATE_MATERIALIZED_VIEW: 'CREATE MATERIALIZED VIEW',
  CREATE_SNAPSHOT_TABLE: 'CREATE SNAPSHOT TABLE',
  CREATE_SCHEMA: 'CREATE SCHEMA',
  ALTER_TABLE: 'ALTER TABLE',
  ALTER_VIEW: 'ALTER VIEW',
  ALTER_MATERIALIZED_VIEW: 'ALTER MATERIALIZED VIEW',
  ALTER_SCHEMA: 'ALTER SCHEMA',
  CREATE_FUNCTION: 'CREATE FUNCTION',
  CREATE_TABLE_FUNCTION: 'CREATE TABLE FUNCTION',
  CREATE_PROCEDURE: 'CREATE PROCEDURE',
  CREATE_TEMP_FUNCTION: 'CREATE TEMP FUNCTION',
  DROP_FUNCTION: 'DROP FUNCTION',
  DROP_TABLE_FUNCTION: 'DROP TABLE FUNCTION',
  DROP_PROCEDURE: 'DROP PROCEDURE',
  DROP_TABLE: 'DROP TABLE',
  DROP_VIEW: 'DROP VIEW',
  DROP_MATERIALIZED_VIEW: 'DROP MATERIALIZED VIEW',
  DROP_SNAPSHOT_TABLE: 'DROP SNAPSHOT TABLE',
  DROP_SCHEMA: 'DROP SCHEMA',
  GRANT: 'GRANT ON TABLE',
  REVOKE: 'REVOKE ON SCHEMA',
  CREATE_ROW_ACCESS_POLICY: 'CREATE ROW ACCESS POLICY',
  DROP_ROW_ACCESS_POLICY: 'DROP ROW ACCESS POLICY',
};

let world: MatrixWorld;

beforeAll(async () => {
  world = await MatrixWorld.create(subjects());
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe('the access matrix', () => {
  it('is checked in as it follows from its two tables', () => {
    const text = expandedMatrix();
    if (process.env['UPDATE_ACCESS_MATRIX'] === '1') writeFileSync(new URL('./expected.txt', import.meta.url), text);
    expect(readText('./expected.txt')).toBe(text);
  });

  it('has a case of every method that the server has, and of no other', () => {
    const tested = new Set(OPERATIONS.map(({ operation }) => operation));
    const served = new Set(world.server.operations);
    expect([...served].filter((operation) => !tested.has(operation))).toEqual([]);
    expect([...tested].filter((operation) => !served.has(operation))).toEqual([]);
  });

  it('has a case of every kind of statement', () => {
    const cases = new Set(OPERATIONS.filter(({ sql }) => sql !== undefined).map((operation) => operation.case));
    expect(Object.values(CASE_OF_STATEMENT).filter((name) => !cases.has(name))).toEqual([]);
  });

  it.each(OPERATIONS.map((operation) => [titleOf(operation), operation] as const))(
    'answers %s as documented, to everybody',
    async (_title, operation) => {
      const asked = world.people.filter(({ subject }) => subject.only === undefined || subject.only === operation);
      const wrong: Record<string, { expected: string; was: string }> = {};
      const queue = [...asked];
      const worker = async (): Promise<void> => {
        for (let person = queue.shift(); person !== undefined; person = queue.shift()) {
          const expected = expectedAnswer(operation, person.subject, person.n);
          const was = await world.answer(operation, person);
          // Where the reference gives no message for the last step, only status and reason count.
          const same = was === expected || (/^4\d\d \w+$/.test(expected) && was.startsWith(`${expected} `));
          if (!same) wrong[person.subject.name] = { expected, was };
        }
      };
      await Promise.all(Array.from({ length: operation.alone === true ? 1 : AT_ONCE }, worker));
      expect(wrong).toEqual({});
    },
  );
});

function titleOf(operation: (typeof OPERATIONS)[number]): string {
  return [operation.operation, operation.case].filter((part) => part !== undefined).join(', ');
}
