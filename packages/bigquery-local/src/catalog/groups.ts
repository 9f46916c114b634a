// The groups of the local directory and who is in them (Admin SDK Directory API, Groups
// and Members). Members are users, service accounts, groups, or any other e-mail. Who is
// in a group through others is answered from memory until a membership changes.
import { randomBytes } from 'node:crypto';

import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { checkedEmail } from './users.ts';

export const GROUPS_MIGRATION: Migration = {
  name: 'groups-1',
  sql: `
    CREATE TABLE directory_group (
      id TEXT PRIMARY KEY,
      email TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      description TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE group_member (
      group_id TEXT NOT NULL REFERENCES directory_group (id) ON DELETE CASCADE,
      email TEXT NOT NULL,
      role TEXT NOT NULL,
      PRIMARY KEY (group_id, email)
    ) STRICT;
    CREATE INDEX group_member_email ON group_member (email);`,
};

export type Group = {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly description: string;
  readonly createdAt: Date;
};

export type GroupFields = Partial<Pick<Group, 'name' | 'description'>>;

export const MEMBER_ROLES = ['OWNER', 'MANAGER', 'MEMBER'] as const;
/** Its rights on the group's mail. It makes no difference to what is granted to the group. */
export type MemberRole = (typeof MEMBER_ROLES)[number];

export type Member = {
  readonly email: string;
  readonly role: MemberRole;
  readonly type: 'USER' | 'GROUP';
};

const MAX_GROUPS = 10_000;
const MAX_MEMBERS = 50_000;
/** E-mails whose groups are remembered. */
const MAX_CACHED = 10_000;

export class Groups {
  readonly #db: CatalogDatabase;
  readonly #groupsOf = new Map<string, readonly string[]>();

  constructor(db: CatalogDatabase) {
    this.#db = db;
    db.onForeignChange(() => this.#groupsOf.clear());
  }

  /** By e-mail or id. */
  find(emailOrId: string): Group | undefined {
    const row = this.#db.get(
      'SELECT * FROM directory_group WHERE email = ? OR id = ?',
      emailOrId.toLowerCase(),
      emailOrId,
    );
    return row === undefined ? undefined : groupOf(row);
  }

  /** By e-mail. */
  list(): Group[] {
    return this.#db.all('SELECT * FROM directory_group ORDER BY email').map(groupOf);
  }

  /** 409 `duplicate` when a group, user or service account has the e-mail. */
  create(email: string, fields: GroupFields, now: Date): Group {
    const address = checkedEmail(email);
    return this.#write(() => {
      const taken = this.#db.get(
        'SELECT 1 FROM directory_group WHERE email = ?1 UNION ALL SELECT 1 FROM user WHERE email = ?1 UNION ALL SELECT 1 FROM service_account WHERE email = ?1',
        address,
      );
      if (taken !== undefined) throw new BigQueryError('duplicate', 'Entity already exists.');
      if (this.list().length >= MAX_GROUPS)
        throw new BigQueryError('quotaExceeded', `The directory holds at most ${MAX_GROUPS} groups.`);
      this.#db.run(
        'INSERT INTO directory_group VALUES (?, ?, ?, ?, ?)',
        randomBytes(8).toString('hex').slice(0, 15),
        address,
        fields.name ?? address.slice(0, address.indexOf('@')),
        fields.description ?? '',
        now.getTime(),
      );
      // A member of that e-mail may have been there before: now it is a group.
      this.#requireAcyclic(address);
      return this.find(address)!;
    });
  }

  update(group: Group, changes: GroupFields): Group {
    const updated = { ...group, ...changes };
    this.#db.run(
      'UPDATE directory_group SET name = ?, description = ? WHERE id = ?',
      updated.name,
      updated.description,
      group.id,
    );
    return updated;
  }

  /** With its memberships in other groups. What policies granted to it stays there and reaches nobody. */
  delete(group: Group): void {
    this.#write(() => {
      this.#db.run('DELETE FROM directory_group WHERE id = ?', group.id);
      this.#db.run('DELETE FROM group_member WHERE email = ?', group.email);
    });
  }

  /** The direct members, by e-mail. */
  members(group: Group): Member[] {
    return this.#db
      .all(
        `SELECT m.*, g.id AS nested FROM group_member m LEFT JOIN directory_group g ON g.email = m.email
         WHERE m.group_id = ? ORDER BY m.email`,
        group.id,
      )
      .map(memberOf);
  }

  member(group: Group, email: string): Member | undefined {
    const row = this.#db.get(
      `SELECT m.*, g.id AS nested FROM group_member m LEFT JOIN directory_group g ON g.email = m.email
       WHERE m.group_id = ? AND m.email = ?`,
      group.id,
      email.toLowerCase(),
    );
    return row === undefined ? undefined : memberOf(row);
  }

  /** 409 `duplicate` for a member, 412 for a group that this one is in. */
  addMember(group: Group, email: string, role: MemberRole): Member {
    const address = checkedEmail(email);
    return this.#write(() => {
      if (this.member(group, address) !== undefined) throw new BigQueryError('duplicate', 'Member already exists.');
      if (this.members(group).length >= MAX_MEMBERS)
        throw new BigQueryError('quotaExceeded', `A group has at most ${MAX_MEMBERS} members.`);
      this.#db.run('INSERT INTO group_member VALUES (?, ?, ?)', group.id, address, role);
      this.#requireAcyclic(address);
      return this.member(group, address)!;
    });
  }

  setRole(group: Group, email: string, role: MemberRole): Member {
    this.#db.run(
      'UPDATE group_member SET role = ? WHERE group_id = ? AND email = ?',
      role,
      group.id,
      email.toLowerCase(),
    );
    const member = this.member(group, email);
    if (member === undefined) throw new BigQueryError('notFound', 'Resource Not Found: memberKey');
    return member;
  }

  removeMember(group: Group, email: string): void {
    const removed = this.#write(() =>
      this.#db.run('DELETE FROM group_member WHERE group_id = ? AND email = ?', group.id, email.toLowerCase()),
    );
    if (removed === 0) throw new BigQueryError('notFound', 'Resource Not Found: memberKey');
  }

  /** From all groups: an account of that e-mail is gone. */
  removeEverywhere(email: string): void {
    this.#write(() => this.#db.run('DELETE FROM group_member WHERE email = ?', email));
  }

  /** E-mails of the groups that an e-mail is in, directly or through other groups. */
  groupsOf(email: string): readonly string[] {
    const address = email.toLowerCase();
    let groups = this.#groupsOf.get(address);
    if (groups === undefined) {
      groups = this.#containing(address);
      if (this.#groupsOf.size >= MAX_CACHED) this.#groupsOf.clear();
      this.#groupsOf.set(address, groups);
    }
    return groups;
  }

  /** UNION drops what was found before, so that even a cycle would end. */
  #containing(email: string): string[] {
    return this.#db
      .all(
        `WITH RECURSIVE inside (email) AS (
           SELECT g.email FROM group_member m JOIN directory_group g ON g.id = m.group_id WHERE m.email = ?
           UNION
           SELECT g.email FROM inside JOIN group_member m ON m.email = inside.email
             JOIN directory_group g ON g.id = m.group_id)
         SELECT email FROM inside ORDER BY email`,
        email,
      )
      .map((row) => row['email'] as string);
  }

  #requireAcyclic(email: string): void {
    if (this.#containing(email).includes(email))
      throw new BigQueryError('conditionNotMet', 'Cyclic memberships not allowed');
  }

  #write<T>(change: () => T): T {
    try {
      return this.#db.transaction(change);
    } finally {
      this.#groupsOf.clear();
    }
  }
}

function groupOf(row: Row): Group {
  return {
    id: row['id'] as string,
    email: row['email'] as string,
    name: row['name'] as string,
    description: row['description'] as string,
    createdAt: new Date(Number(row['created_at'])),
  };
}

function memberOf(row: Row): Member {
  return {
    email: row['email'] as string,
    role: row['role'] as MemberRole,
    type: row['nested'] === null ? 'USER' : 'GROUP',
  };
}
