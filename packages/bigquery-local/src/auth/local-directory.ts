// The users and groups of a data directory for the command line, whether or not a server
// runs on it: both share the catalog file, and the server sees each change before its next
// decision. Whoever can write the data directory may do this; no token is asked for.
import { join } from 'node:path';

import { AppError } from '@sluice/core';

import { BigQueryError } from '../bigquery-error.ts';
import { CatalogDatabase } from '../catalog/database.ts';
import type { Group, Member, MemberRole } from '../catalog/groups.ts';
import type { User, UserFields } from '../catalog/users.ts';
import { CATALOG_FILE, requireDataDirectory } from './data-directory.ts';
import { IDENTITY_MIGRATIONS, openIdentity } from './identity.ts';
import type { Identity } from './identity.ts';

export type { Group, Member, MemberRole, User, UserFields };

/** What is refused is thrown as an AppError that names the e-mail. */
export class LocalDirectory implements Disposable {
  readonly #db: CatalogDatabase;
  readonly #identity: Identity;

  /** AppError when there is no such data directory. */
  constructor(dataDir: string) {
    requireDataDirectory(dataDir);
    this.#db = new CatalogDatabase(join(dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
    this.#identity = openIdentity(this.#db, dataDir);
  }

  /** By e-mail. */
  users(): readonly User[] {
    return this.#identity.users.list();
  }

  addUser(email: string, fields: UserFields): User {
    return naming(email, () => {
      if (this.#identity.groups.find(email) !== undefined)
        throw new BigQueryError('duplicate', 'Entity already exists.');
      return this.#identity.users.create(email, fields, new Date());
    });
  }

  /** Also takes everything away that was granted to the user. */
  deleteUser(email: string): void {
    naming(email, () => this.#identity.users.delete(email));
  }

  /** By e-mail, with the number of direct members. */
  groups(): readonly (Group & { readonly directMembers: number })[] {
    const { groups } = this.#identity;
    return groups.list().map((group) => ({ ...group, directMembers: groups.members(group).length }));
  }

  addGroup(email: string, fields: { readonly name?: string; readonly description?: string }): Group {
    return naming(email, () => this.#identity.groups.create(email, fields, new Date()));
  }

  deleteGroup(email: string): void {
    naming(email, () => this.#identity.groups.delete(this.#group(email)));
  }

  /** The direct members, by e-mail. */
  members(group: string): readonly Member[] {
    return naming(group, () => this.#identity.groups.members(this.#group(group)));
  }

  addMember(group: string, email: string, role: MemberRole): Member {
    return naming(email, () => this.#identity.groups.addMember(this.#group(group), email, role));
  }

  removeMember(group: string, email: string): void {
    naming(email, () => this.#identity.groups.removeMember(this.#group(group), email));
  }

  #group(email: string): Group {
    const group = this.#identity.groups.find(email);
    if (group === undefined) {
      throw new AppError(`There is no group ${email}.`, {
        code: 'GROUP_NOT_FOUND',
        kind: 'not_found',
        where: email,
        fix: 'Add it first: sluice bigquery group add EMAIL',
      });
    }
    return group;
  }

  [Symbol.dispose](): void {
    this.#db[Symbol.dispose]();
  }
}

/** The API's refusals in the command line's words. */
function naming<T>(email: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BigQueryError)) throw error;
    const [code, kind, message] = problemOf(error, email);
    throw new AppError(message, { code, kind, where: email, cause: error });
  }
}

function problemOf(error: BigQueryError, email: string): [string, 'conflict' | 'not_found' | 'invalid', string] {
  if (error.reason === 'duplicate')
    return ['DIRECTORY_DUPLICATE', 'conflict', `${email} is already in use: ${error.message}`];
  if (error.reason === 'notFound') return ['DIRECTORY_NOT_FOUND', 'not_found', `${email} is not in the directory.`];
  if (error.reason === 'conditionNotMet') return ['DIRECTORY_CONFLICT', 'conflict', `${email}: ${error.message}`];
  return ['DIRECTORY_INVALID', 'invalid', error.message];
}
