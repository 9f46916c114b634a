import type { CheckResult, GrantAdvice } from '@sluice/engine';
import { expect, it } from 'vitest';
import { connectionLines } from './connection.ts';
import { PLAIN } from './style.ts';

const denied = (check: 'state_write' | 'state_read', permission: string): CheckResult => ({
  check,
  ok: false,
  denied: true,
  permission,
  resource: 'projects/p/datasets/d',
  message: 'Access Denied',
  fix: { words: 'Grant it.', command: `GRANT for ${check}`, alternative: { words: 'Or so.', command: 'gcloud' } },
});
const write = denied('state_write', 'bigquery.tables.updateData');
const read = denied('state_read', 'bigquery.tables.getData');
const needed = [write, read].map(({ permission = '', resource = '' }) => ({ permission, resource }));
const advice = (count: number): GrantAdvice => ({
  needed: needed.slice(0, count),
  ways: [{ words: 'With predefined roles:', commands: ['bq query'] }],
});

it('one missing permission is told with both ways to grant it at its check, and not again at the end', () => {
  const text = connectionLines('warehouse', [write], PLAIN, advice(1)).join('\n');
  expect(text).toMatch(/fix: Grant it\.\n\s+GRANT for state_write\n\s+Or so\.\n\s+gcloud\n/);
  expect(text).not.toContain('Missing in all');
});

it('several missing permissions are granted once, at the end', () => {
  const text = connectionLines('warehouse', [write, read], PLAIN, advice(2)).join('\n');
  expect(text).toContain('permission bigquery.tables.getData on projects/p/datasets/d');
  expect(text).not.toContain('GRANT for');
  expect(text).toMatch(/Missing in all:\n.*updateData.*\n.*getData.*\n\nWith predefined roles:\n {2}bq query\n/);
});
