import { describe, expect, test } from 'vitest';
import type { PlanSqlInput } from './plan-sql.ts';
import { planSql, summarySql } from './plan-sql.ts';
import { literal, stateTables } from './state-tables.ts';
import { figuresOf } from './summary.ts';

const tables = stateTables('p', 'state', 'm');
const input: PlanSqlInput = {
  modelSql: 'SELECT id, v FROM d.t -- the whole table',
  columns: [
    { name: 'id', type: 'INT64' },
    { name: 'v', type: 'STRING' },
    { name: 'checksum', type: 'STRING' },
  ],
  key: { name: 'id', type: 'INT64' },
  mapped: new Set(['v', 'checksum']),
  version: 'abc',
  records: tables.records,
  rejects: tables.rejects,
  keepValues: false,
  maxRecordBytes: 524_288,
  maxColumnBytes: 131_072,
  maxChanges: 150_000_000,
};
const occurrences = (text: string, part: string): number => text.split(part).length - 1;

describe('planSql', () => {
  test('names the model and every step once, so that the model is evaluated once', () => {
    const sql = planSql(input);
    expect(occurrences(sql, input.modelSql)).toBe(1);
    for (const step of [
      'sluice_model',
      'sluice_identified',
      'sluice_counted',
      'sluice_current',
      'sluice_hashed',
      'sluice_joined',
      'sluice_sorted',
    ]) {
      expect(occurrences(sql, `FROM ${step} AS`), `${step} is read once`).toBe(1);
    }
    expect(occurrences(sql, '`p.state.records_m`')).toBe(1);
  });

  test('a comment at the end of the model does not swallow what follows', () => {
    expect(planSql(input)).toContain(`${input.modelSql}\n)`);
  });

  test('hashes only the mapped columns, in the order of their names, with the mapping’s version', () => {
    const sql = planSql(input);
    expect(sql).toContain('TO_JSON_STRING(STRUCT(c.`c_checksum` AS `checksum`, c.`c_v` AS `v`))');
    expect(sql).toContain(`CONCAT('abc:', h.mapped)`);
    expect(planSql({ ...input, mapped: new Set<string>() })).toContain(`'{}' AS mapped`);
  });

  test('keeps the user’s columns apart from its own', () => {
    expect(planSql(input)).toContain('m.`checksum` AS `c_checksum`');
  });

  test('does without tables that do not exist yet', () => {
    const sql = planSql({ ...input, records: undefined, rejects: undefined });
    expect(sql).not.toContain('p.state.');
  });
});

test('summarySql reads a plan table, and counts the state beside it', () => {
  const sql = summarySql({ plan: tables.plan('s1'), records: tables.records });
  expect(sql).toContain('`p.state.plan_m_s1`');
  expect(sql).toContain(`SELECT 'records'`);
});

test('figuresOf tells unchanged records from the state and what was set aside', () => {
  const row = (operation: string, records: number, copies: number, known: number, reason: string | null = null) => ({
    operation,
    reason,
    records,
    copies,
    known,
    sample_ids: reason === 'duplicate_identifier' ? ['x'] : [],
  });
  const figures = figuresOf([
    row('added', 2, 2, 0),
    row('updated', 3, 3, 3),
    row('deleted', 4, 0, 4),
    row('invalid', 1, 5, 1, 'duplicate_identifier'),
    row('invalid', 1, 2, 0, 'null_identifier'),
    row('quarantined', 1, 1, 1),
    row('records', 100, 0, 0),
  ]);
  expect(figures.counts).toEqual({ added: 2, updated: 3, deleted: 4, unchanged: 91, invalid: 7, quarantined: 1 });
  expect(figures.changes).toBe(9);
  expect(figures.modelRows).toBe(2 + 3 + 5 + 2 + 1 + 91);
});

test('literal keeps text inside its quotes', () => {
  expect(literal(`it's \\ a\nline`)).toBe(`'it\\'s \\\\ a\\x0aline'`);
});

test('names that cannot be part of a table name are refused', () => {
  expect(() => stateTables('p', 'state', 'a`b')).toThrow(/cannot name tables/);
  expect(() => stateTables('p', 'sta te', 'm')).toThrow(/not a dataset name/);
  expect(() => stateTables('P`', 'state', 'm')).toThrow(/not a project id/);
});
