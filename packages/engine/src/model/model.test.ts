import { AppError } from '@sluice/core';
import { describe, expect, test } from 'vitest';
import type { DryRun, Source } from '../source/source.ts';
import { validateModel } from './model.ts';

const source = (dryRun: Partial<DryRun> | AppError): Source =>
  ({
    dryRun: async () => {
      if (dryRun instanceof AppError) throw dryRun;
      return {
        columns: [{ name: 'id', type: 'INT64' }],
        statementType: 'SELECT',
        bytesProcessed: 0,
        referencedTables: [],
        ...dryRun,
      };
    },
  }) as Partial<Source> as Source;

const model = (sql: string, key = 'id') => ({ name: 'airports', sql, key, place: 'models/airports.sql' });
const validate = (sql: string, dryRun: Partial<DryRun> | AppError = {}, key = 'id') =>
  validateModel(source(dryRun), model(sql, key));

describe('validateModel', () => {
  test('accepts a closing semicolon and a LIMIT', async () => {
    await expect(validate('SELECT id FROM t LIMIT 3;\n-- done')).resolves.toMatchObject({
      sql: 'SELECT id FROM t LIMIT 3',
    });
  });

  test('refuses a second statement and names the line of the semicolon', async () => {
    await expect(validate('SELECT 1 AS id\n; DROP TABLE t')).rejects.toMatchObject({
      code: 'MODEL_NOT_ONE_STATEMENT',
      where: 'models/airports.sql:2',
    });
  });

  test('refuses what is not a query', async () => {
    await expect(validate('DELETE FROM t WHERE TRUE', { statementType: 'DELETE' })).rejects.toMatchObject({
      code: 'MODEL_NOT_A_QUERY',
    });
  });

  test('puts the line and column of BigQuery’s error behind the user’s file', async () => {
    const error = new AppError('The query was refused: Unrecognized name: nme at [2:8]', {
      code: 'QUERY_INVALID',
      kind: 'invalid',
      origin: 'source',
      details: { status: 400, reason: 'invalidQuery', bigquery: 'Unrecognized name: nme at [2:8]' },
    });
    await expect(validate('SELECT id,\n       nme FROM t', error)).rejects.toMatchObject({
      where: 'models/airports.sql:2:8',
      message: 'Model airports: Unrecognized name: nme at [2:8]',
      code: 'QUERY_INVALID',
    });
  });

  test('names the columns when the identifier is not among them', async () => {
    await expect(validate('SELECT 1 AS id', {}, 'iata')).rejects.toMatchObject({
      code: 'MODEL_KEY_UNKNOWN',
      fix: 'Its columns are: id.',
    });
  });

  test('refuses identifiers that cannot identify', async () => {
    await expect(validate('SELECT 1', { columns: [{ name: 'id', type: 'STRUCT<a INT64>' }] })).rejects.toMatchObject({
      code: 'MODEL_KEY_TYPE',
    });
  });

  test('refuses columns without a name', async () => {
    await expect(
      validate('SELECT id, COUNT(*) FROM t', {
        columns: [
          { name: 'id', type: 'INT64' },
          { name: 'f0_', type: 'INT64' },
        ],
      }),
    ).rejects.toMatchObject({ code: 'MODEL_COLUMN_UNNAMED', message: 'Model airports: column 2 has no name' });
  });

  test('refuses queries beyond the limits', async () => {
    await expect(validate(`SELECT 1 AS id -- ${'x'.repeat(65_535)}`)).rejects.toMatchObject({ code: 'MODEL_LIMIT' });
    const columns = Array.from({ length: 513 }, (_column, index) => ({ name: `c${index}`, type: 'INT64' }));
    await expect(validate('SELECT *', { columns })).rejects.toMatchObject({ code: 'MODEL_LIMIT' });
  });

  test('tells queries that change by themselves', async () => {
    expect((await validate('SELECT id FROM t')).deterministic).toBe(true);
    expect((await validate("SELECT id, 'RAND' AS w FROM t -- CURRENT_DATE()")).deterministic).toBe(true);
    expect((await validate('SELECT id, CURRENT_DATE() AS d FROM t')).deterministic).toBe(false);
    expect((await validate('SELECT id, rand() AS d FROM t')).deterministic).toBe(false);
  });
});
