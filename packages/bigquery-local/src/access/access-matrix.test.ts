import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createAccessControl } from './access-control.ts';
import type { Principal, Resource } from './decision.ts';
import type { AccessEntry, PolicyReader } from './policy.ts';

const EMAIL = 'analyst@example.com';
const PRINCIPAL: Principal = { kind: 'user', email: EMAIL };
const DEFAULT_ACCESS: readonly AccessEntry[] = [
  { role: 'READER', specialGroup: 'projectReaders' },
  { role: 'WRITER', specialGroup: 'projectWriters' },
  { role: 'OWNER', specialGroup: 'projectOwners' },
  { role: 'OWNER', userByEmail: 'creator@example.com' },
];
const RESOURCES: Readonly<Record<string, Resource>> = {
  project: { kind: 'project', projectId: 'shop-data' },
  dataset: { kind: 'dataset', projectId: 'shop-data', datasetId: 'sales' },
  table: { kind: 'table', projectId: 'shop-data', datasetId: 'sales', tableId: 'orders' },
  job: { kind: 'job', projectId: 'shop-data', location: 'US', jobId: 'j1', owner: 'other@example.com' },
};

type Column = { readonly permission: string; readonly resource: Resource };
type Line = { readonly projectRole: string; readonly access: string; readonly answers: readonly string[] };

function readMatrix(): { readonly columns: readonly Column[]; readonly lines: readonly Line[] } {
  const text = readFileSync(new URL('./access-matrix.txt', import.meta.url), 'utf8').split('\n');
  const columns = text.flatMap((line) => {
    const match = /^# {3}[A-Z] {2}(\S+) on a (\S+)$/.exec(line);
    return match === null ? [] : [{ permission: match[1]!, resource: RESOURCES[match[2]!]! }];
  });
  const lines = text
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('project role'))
    .map((line) => {
      const [projectRole, access, answers] = line.split('|').map((cell) => cell.trim()) as [string, string, string];
      return { projectRole, access, answers: answers.split(' ') };
    });
  return { columns, lines };
}

function readerOf(line: Line): PolicyReader {
  const role = line.projectRole.startsWith('custom')
    ? 'projects/shop-data/roles/reporting'
    : `roles/${line.projectRole}`;
  const bindings = line.projectRole === 'none' ? [] : [{ role, members: [`user:${EMAIL}`] }];
  const entryRole = line.access === 'metadataViewer' ? 'roles/bigquery.metadataViewer' : line.access;
  const accessOf: Readonly<Record<string, readonly AccessEntry[]>> = { none: [], defaults: DEFAULT_ACCESS };
  const access = accessOf[line.access] ?? [{ role: entryRole, userByEmail: EMAIL }];
  return {
    projectPolicy: () => ({ bindings }),
    datasetAccess: () => ({ access }),
    customRole: () =>
      line.projectRole === 'custom' ? new Set(['bigquery.jobs.create', 'bigquery.tables.getData']) : undefined,
  };
}

describe('the access matrix', () => {
  const { columns, lines } = readMatrix();

  it('has an answer for every grant and permission', () => {
    expect(columns.length).toBeGreaterThanOrEqual(20);
    expect(lines.length).toBeGreaterThanOrEqual(30);
    for (const { answers } of lines) {
      expect(answers).toHaveLength(columns.length);
      expect(answers.every((answer) => answer === 'Y' || answer === '.')).toBe(true);
    }
  });

  it.each(lines)('gives "$projectRole" with dataset access "$access" exactly the permissions of its line', (line) => {
    const control = createAccessControl(readerOf(line));
    const allowed = columns.filter(
      ({ permission, resource }) => control.decide(PRINCIPAL, permission, resource).allowed,
    );
    const expected = columns.filter((_, index) => line.answers[index] === 'Y');
    expect(allowed.map(({ permission }) => permission)).toEqual(expected.map(({ permission }) => permission));
  });
});
