// `sluice bigquery user …` and `sluice bigquery group …`: the local directory, changed in
// its data directory, whether or not a server runs on it.
import path from 'node:path';
import { LocalDirectory } from '@sluice/bigquery-local';
import type { MemberRole, User } from '@sluice/bigquery-local';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { table } from '../views/table.ts';
import { answer, sessionOf } from './session.ts';
import type { GlobalOptions, Session } from './session.ts';

export type DirectoryOptions = GlobalOptions & { readonly dataDir: string };

export type AddUserOptions = DirectoryOptions & {
  readonly givenName?: string;
  readonly familyName?: string;
  readonly admin?: boolean;
};

export async function userAddCommand(io: Io, email: string, options: AddUserOptions): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    const user = directory.addUser(email, {
      ...(options.givenName === undefined ? {} : { givenName: options.givenName }),
      ...(options.familyName === undefined ? {} : { familyName: options.familyName }),
      ...(options.admin === undefined ? {} : { admin: options.admin }),
    });
    answer(session, { user: userDocument(user) }, () => [
      `Added ${user.email}${user.admin ? ', an administrator of the directory' : ''}.`,
    ]);
  });
}

export async function userListCommand(io: Io, options: DirectoryOptions): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    const users = directory.users();
    answer(session, { users: users.map(userDocument) }, () =>
      table(
        [{ title: 'user' }, { title: 'name' }, { title: 'administrator' }, { title: 'suspended' }],
        users.map((user) => [
          user.email,
          `${user.givenName} ${user.familyName}`.trim(),
          user.admin ? 'yes' : '',
          user.suspended ? 'yes' : '',
        ]),
        io.columns,
        session.style,
      ),
    );
  });
}

export async function userDeleteCommand(io: Io, email: string, options: DirectoryOptions): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    directory.deleteUser(email);
    answer(session, { deleted: email }, () => [`Deleted ${email} and everything that was granted to this user.`]);
  });
}

export async function groupAddCommand(
  io: Io,
  email: string,
  options: DirectoryOptions & { readonly name?: string; readonly description?: string },
): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    const { id, name, description, ...group } = directory.addGroup(email, {
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.description === undefined ? {} : { description: options.description }),
    });
    answer(session, { group: { id, email: group.email, name, description } }, () => [
      `Added the group ${group.email}.`,
    ]);
  });
}

export async function groupListCommand(io: Io, options: DirectoryOptions): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    const groups = directory.groups().map(({ id, email, name, directMembers }) => ({ id, email, name, directMembers }));
    answer(session, { groups }, () =>
      table(
        [{ title: 'group' }, { title: 'name' }, { title: 'members', align: 'right' }],
        groups.map(({ email, name, directMembers }) => [email, name, String(directMembers)]),
        io.columns,
        session.style,
      ),
    );
  });
}

export async function groupDeleteCommand(io: Io, email: string, options: DirectoryOptions): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    directory.deleteGroup(email);
    answer(session, { deleted: email }, () => [`Deleted the group ${email}.`]);
  });
}

export async function groupAddMemberCommand(
  io: Io,
  group: string,
  email: string,
  options: DirectoryOptions & { readonly role: MemberRole },
): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    const member = directory.addMember(group, email, options.role);
    answer(session, { group, member }, () => [`Added ${member.email} to ${group}.`]);
  });
}

export async function groupRemoveMemberCommand(
  io: Io,
  group: string,
  email: string,
  options: DirectoryOptions,
): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    directory.removeMember(group, email);
    answer(session, { group, removed: email }, () => [`Removed ${email} from ${group}.`]);
  });
}

export async function groupMembersCommand(io: Io, group: string, options: DirectoryOptions): Promise<ExitCode> {
  return withDirectory(io, options, (directory, session) => {
    const members = directory.members(group);
    answer(session, { group, members }, () =>
      table(
        [{ title: 'member' }, { title: 'kind' }, { title: 'role' }],
        members.map(({ email, type, role }) => [email, type.toLowerCase(), role.toLowerCase()]),
        io.columns,
        session.style,
      ),
    );
  });
}

function withDirectory(
  io: Io,
  options: DirectoryOptions,
  work: (directory: LocalDirectory, session: Session) => void,
): ExitCode {
  using directory = new LocalDirectory(path.resolve(io.cwd, options.dataDir));
  work(directory, sessionOf(io, options));
  return EXIT.ok;
}

function userDocument({ id, email, givenName, familyName, admin, suspended }: User): object {
  return { id, email, givenName, familyName, admin, suspended };
}
