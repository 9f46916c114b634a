import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createAccessControl } from './access-control.ts';
import type { Principal, Resource } from './decision.ts';
import { principalOf } from './members.ts';
import type { PolicyReader } from './policy.ts';

const TABLE: Resource = { kind: 'table', projectId: 'shop-data', datasetId: 'sales', tableId: 'orders' };
/** What the directory answers: the groups of each e-mail, those of groups included. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'bob@example.com': ['readers@example.com'],
  'cleo@other.org': ['readers@example.com', 'team@other.org'],
  'worker@elsewhere.iam.gserviceaccount.com': ['readers@example.com'],
};
const ROLES = [
  { role: 'roles/viewer', members: ['user:vic@other.org'] },
  { role: 'roles/editor', members: ['user:eli@other.org'] },
  { role: 'roles/owner', members: ['user:oli@other.org'] },
];

type Line = { readonly where: string; readonly member: string; readonly answers: readonly string[] };

function readMatrix(): { readonly callers: readonly Principal[]; readonly lines: readonly Line[] } {
  const text = readFileSync(new URL('./member-matrix.txt', import.meta.url), 'utf8').split('\n');
  const callers = text.flatMap((line) => {
    const email = /^# {3}[A-Z] {2}(?:user|service account) ([^\s,]+)/.exec(line)?.[1];
    return email === undefined ? [] : [principalOf(email)];
  });
  const lines = text
    .filter((line) => line.startsWith('in '))
    .map((line) => {
      const [where, member, answers] = line.split('|').map((cell) => cell.trim()) as [string, string, string];
      return { where, member, answers: answers.split(' ') };
    });
  return { callers, lines };
}

function readerOf({ where, member }: Line): PolicyReader {
  const inPolicy = where === 'in the policy';
  const [field, value] = member.split(': ') as [string, string];
  const shop = inPolicy ? [...ROLES, { role: 'roles/bigquery.dataViewer', members: [member] }] : ROLES;
  const elsewhere = [{ role: 'roles/owner', members: ['user:ned@other.org'] }];
  return {
    projectPolicy: (projectId) => ({ bindings: projectId === 'shop-data' ? shop : elsewhere }),
    datasetAccess: () => ({ access: inPolicy ? [] : [{ role: 'READER', [field]: value }] }),
    customRole: () => undefined,
    groupsOf: (email) => GROUPS[email] ?? [],
  };
}

describe('the member matrix', () => {
  const { callers, lines } = readMatrix();

  it('has an answer for every caller', () => {
    expect([callers.length, lines.length]).toEqual([10, 33]);
    for (const { answers } of lines) {
      expect(answers).toHaveLength(callers.length);
      expect(answers.every((answer) => answer === 'Y' || answer === '.')).toBe(true);
    }
  });

  it.each(lines)('$where, $member reaches exactly the callers of its line', (line) => {
    const control = createAccessControl(readerOf(line));
    const reached = callers.filter((caller) => control.decide(caller, 'bigquery.tables.getData', TABLE).allowed);
    expect(reached.map(({ email }) => email)).toEqual(
      callers.filter((_, index) => line.answers[index] === 'Y').map(({ email }) => email),
    );
  });
});
