import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { IDENTITY_MIGRATIONS, openIdentity } from '../auth/identity.ts';
import { CatalogDatabase } from './database.ts';
import { Users, USERS_MIGRATIONS } from './users.ts';

describe('the users of a data directory', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-users-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const open = (migrations = IDENTITY_MIGRATIONS) => new CatalogDatabase(join(directory, 'catalog.sqlite'), migrations);

  it('keep their accounts when an older data directory is opened, and the first of them administers it', () => {
    {
      using old = open(USERS_MIGRATIONS.slice(0, 1));
      old.run('INSERT INTO user VALUES (?, ?)', 'late@example.com', 2_000);
      old.run('INSERT INTO user VALUES (?, ?)', 'first@example.com', 1_000);
    }
    using db = open();
    const users = new Users(db).list();
    expect(users.map(({ email, admin, suspended }) => [email, admin, suspended])).toEqual([
      ['first@example.com', true, false],
      ['late@example.com', false, false],
    ]);
    expect(new Set(users.map(({ id }) => id)).size).toBe(2);
    expect(users.every(({ id }) => /^\d{21}$/.test(id))).toBe(true);
  });

  it('never get an e-mail of a service account, or one with a quote in it', () => {
    using db = open();
    const users = new Users(db);
    for (const email of [
      'x@p.iam.gserviceaccount.com',
      'a"b@example.com',
      'a@b@example.com',
      'a b@example.com',
      'a@',
      '',
    ])
      expect(() => users.create(email, {}, new Date())).toThrow(expect.objectContaining({ reason: 'invalid' }));
    expect(users.list()).toEqual([]);
  });

  it('lose their grants in policies that another process keeps once that process starts', () => {
    using db = open();
    const identity = openIdentity(db, directory);
    identity.users.register('ann@example.com', new Date());
    identity.users.register('bob@example.com', new Date());
    const { id } = identity.users.find('bob@example.com')!;
    identity.users.delete('bob@example.com');

    using later = open();
    const renamed: string[][] = [];
    const store = (member: string, newName: string) => renamed.push([member, newName]);
    openIdentity(later, directory).renamedMembers.apply([store]);
    const expected = [['user:bob@example.com', `deleted:user:bob@example.com?uid=${id}`]];
    expect(renamed).toEqual(expected);
    openIdentity(later, directory).renamedMembers.apply([store]);
    expect(renamed).toEqual(expected);
  });
});
