import type { PermissionReport } from '@sluice/engine';
import { expect, it } from 'vitest';
import { permissionsDocument, permissionsLines } from './permissions.ts';
import { PLAIN, styleFor } from './style.ts';

const report: PermissionReport = {
  source: 'warehouse',
  account: 'sluice@p.iam.gserviceaccount.com',
  way: 'customer_creates_dataset',
  needs: [
    { permission: 'bigquery.jobs.create', resource: 'projects/p', why: 'run any query', held: true },
    { permission: 'bigquery.tables.getData', resource: 'projects/p/datasets/s/tables/a', why: 'read by model m' },
  ],
  missing: [],
  additions: [],
  excess: [],
  models: [{ model: 'm', tables: ['p.s.a'], routines: [], from: 'analysis' }],
  unchecked: [],
  setUps: [
    {
      way: 'customer_creates_dataset',
      shell: ['gcloud iam roles create r', 'bq query x'],
      shellFirst: ['gcloud iam roles create r'],
      sql: ['GRANT x;'],
      terraform: 'resource "a" "b" {\n}',
    },
  ],
  checks: [{ check: 'jobs', ok: true, message: 'Query jobs may be created.' }],
};

it('marks what is held and what could not be found out', () => {
  const lines = permissionsLines(report, 'all', PLAIN);
  expect(lines).toContain('✓ bigquery.jobs.create     projects/p  run any query');
  expect(lines).toContain('? bigquery.tables.getData  projects/p/datasets/s/tables/a  read by model m');
  expect(lines).toContain('Nothing is granted beyond need.');
  expect(lines.at(-1)).toBe('Nothing is missing.');
});

it('prints commands as they are, under comments of their language, in the notation that is asked for', () => {
  const after = (notation: 'shell' | 'sql' | 'terraform'): string[] => {
    const lines = permissionsLines(report, notation, PLAIN);
    return lines.slice(lines.findIndex((line) => line.startsWith('Exactly')) + 1, -2);
  };
  expect(after('shell')).toEqual(['# in a shell', 'gcloud iam roles create r', 'bq query x']);
  expect(after('sql')).toEqual([
    '# in a shell, where SQL cannot do it',
    'gcloud iam roles create r',
    '-- in BigQuery, once the roles exist',
    'GRANT x;',
  ]);
  expect(after('terraform')).toEqual(['# with Terraform', 'resource "a" "b" {', '}']);
  const coloured = permissionsLines(report, 'all', styleFor(true, {}));
  expect(coloured).toContain('bq query x');
});

it('names the first permissions of a finding and counts the others, and never lets text move the cursor', () => {
  const permissions = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const finding = {
    resource: 'projects/p',
    kind: 'writes',
    permissions,
    roles: ['roles/x'],
    message: 'It \u001b[2J.',
  } as const;
  const lines = permissionsLines({ ...report, excess: [finding], unchecked: ['why \u0007'] }, 'shell', PLAIN);
  expect(lines).toContain('! write       projects/p  It \\u001b[2J.');
  expect(lines).toContain('    a, b, c, d, e, f and 2 more');
  expect(lines).toContain('    as roles/x would give');
  expect(lines).toContain('? why \\u0007');
  expect(lines).not.toContain('Nothing is granted beyond need.');
  expect(lines.at(-1)).toBe('Nothing is missing. 1 finding beyond need.');
});

it('does not call beyond need nothing when it could not be found out', () => {
  const lines = permissionsLines({ ...report, unchecked: ['The API is off.'] }, 'shell', PLAIN);
  expect(lines).not.toContain('Nothing is granted beyond need.');
  expect(lines).toContain('? The API is off.');
});

it('is not ready when a check failed for another reason than a permission', () => {
  const checks = [{ check: 'location', ok: false, message: 'The state dataset is in EU.' }] as const;
  const failed = { ...report, checks };
  expect(permissionsDocument(failed)).toMatchObject({ source: 'warehouse', ok: false });
  const lines = permissionsLines(failed, 'shell', PLAIN);
  expect(lines).toContain('✗ location: The state dataset is in EU.');
  expect(lines.at(-1)).toBe('Not every check passed; see sluice test-connection.');
});
