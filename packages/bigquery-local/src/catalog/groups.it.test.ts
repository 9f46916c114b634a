import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { IDENTITY_MIGRATIONS } from '../auth/identity.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { CatalogDatabase } from './database.ts';
import { Groups } from './groups.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@example.com`);
const EVERYBODY = [...NAMES, 'ada@example.com', 'bob@example.com'];

type Change = { readonly what: string; readonly group: string; readonly member: string };

/** Direct members of each group, and nothing clever. */
type Model = Map<string, Set<string>>;

function groupsOf(model: Model, email: string): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    for (const [group, members] of model) {
      if (!members.has(name) || found.has(group)) continue;
      found.add(group);
      visit(group);
    }
  };
  visit(email);
  return [...found].sort();
}

/** Whether the change was made; a group comes into being with its first change. */
function apply(groups: Groups, { what, group, member }: Change): boolean {
  const known = groups.find(group) ?? groups.create(group, {}, new Date());
  try {
    if (what === 'delete') groups.delete(known);
    else if (what === 'remove') groups.removeMember(known, member);
    else groups.addMember(known, member, 'MEMBER');
    return true;
  } catch (error) {
    if (error instanceof BigQueryError) return false;
    throw error;
  }
}

function applyToModel(model: Model, { what, group, member }: Change): boolean {
  const members = model.get(group) ?? new Set();
  model.set(group, members);
  if (what === 'remove') return members.delete(member);
  if (what === 'delete') {
    model.delete(group);
    for (const others of model.values()) others.delete(group);
    return true;
  }
  if (member === group || members.has(member) || groupsOf(model, group).includes(member)) return false;
  members.add(member);
  return true;
}

describe('groups', () => {
  let directory = '';
  let db: CatalogDatabase;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-groups-'));
    db = new CatalogDatabase(join(directory, 'catalog.sqlite'), IDENTITY_MIGRATIONS);
  });
  afterEach(() => {
    db[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  it('hold whoever is in them through others, whatever the order of changes, and never a cycle', () => {
    const change = fc.record({
      what: fc.constantFrom('add', 'add', 'add', 'remove', 'delete'),
      group: fc.constantFrom(...NAMES),
      member: fc.constantFrom(...EVERYBODY),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 25 }), (changes) => {
        db.run('DELETE FROM directory_group');
        const groups = new Groups(db);
        const model: Model = new Map();
        for (const one of changes) {
          expect(apply(groups, one)).toBe(applyToModel(model, one));
          for (const email of EVERYBODY) expect(groups.groupsOf(email)).toEqual(groupsOf(model, email));
        }
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  it('answer within a bound even if a cycle is in the file', () => {
    const groups = new Groups(db);
    for (const email of NAMES) groups.create(email, {}, new Date());
    for (const [index, email] of NAMES.entries()) {
      const next = groups.find(NAMES[(index + 1) % NAMES.length]!)!;
      db.run('INSERT INTO group_member VALUES (?, ?, ?)', next.id, email, 'MEMBER');
    }
    expect(new Groups(db).groupsOf('a@example.com')).toEqual(NAMES);
  });

  it('are seen as another process changes them, after a refresh', () => {
    const groups = new Groups(db);
    using beside = new CatalogDatabase(join(directory, 'catalog.sqlite'), IDENTITY_MIGRATIONS);
    expect(groups.groupsOf('ada@example.com')).toEqual([]);
    const others = new Groups(beside);
    others.addMember(others.create('a@example.com', {}, new Date()), 'ada@example.com', 'MEMBER');
    db.refresh();
    expect(groups.groupsOf('ada@example.com')).toEqual(['a@example.com']);
  });
});
