// Names, arguments and help of `sluice bigquery user …` and `sluice bigquery group …`. The
// work is loaded only when a command runs.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import type { AddUserOptions, DirectoryOptions } from './bigquery-directory.ts';

type Added = (parent: Command, usage: string, description: string) => Command;
type GroupOptions = DirectoryOptions & { name?: string; description?: string };

export function addDirectoryCommands(io: Io, bigquery: Command, add: Added, done: (code: ExitCode) => void): void {
  const load = () => import('./bigquery-directory.ts');
  const command = (parent: Command, usage: string, description: string): Command =>
    add(parent, usage, description).requiredOption('--data-dir <dir>', 'the data directory of the local BigQuery');

  const user = add(bigquery, 'user', 'the users of the local directory');
  command(user, 'add <email>', 'add a user; the first one administers the directory')
    .option('--given-name <name>', 'first name')
    .option('--family-name <name>', 'last name')
    .option('--admin', 'may change users and groups with the Directory API')
    .action(async (email: string, _options, self: Command) =>
      done(await (await load()).userAddCommand(io, email, self.optsWithGlobals<AddUserOptions>())),
    );
  command(user, 'list', 'show all users').action(async (_options, self: Command) =>
    done(await (await load()).userListCommand(io, self.optsWithGlobals<DirectoryOptions>())),
  );
  command(user, 'delete <email>', 'delete a user and everything granted to them').action(
    async (email: string, _options, self: Command) =>
      done(await (await load()).userDeleteCommand(io, email, self.optsWithGlobals<DirectoryOptions>())),
  );

  const group = add(bigquery, 'group', 'the groups of the local directory and their members');
  command(group, 'add <email>', 'add a group')
    .option('--name <name>', 'its name (default: the part before @)')
    .option('--description <text>', 'what it is for')
    .action(async (email: string, _options, self: Command) =>
      done(await (await load()).groupAddCommand(io, email, self.optsWithGlobals<GroupOptions>())),
    );
  command(group, 'list', 'show all groups').action(async (_options, self: Command) =>
    done(await (await load()).groupListCommand(io, self.optsWithGlobals<DirectoryOptions>())),
  );
  command(group, 'delete <email>', 'delete a group; what was granted to it reaches nobody').action(
    async (email: string, _options, self: Command) =>
      done(await (await load()).groupDeleteCommand(io, email, self.optsWithGlobals<DirectoryOptions>())),
  );
  command(group, 'add-member <group> <email>', 'put a user, a service account or another group into a group')
    .addOption(
      new Option('--role <role>', "the member's rights on the group")
        .choices(['OWNER', 'MANAGER', 'MEMBER'])
        .default('MEMBER'),
    )
    .action(async (email: string, member: string, _options, self: Command) => {
      const options = self.optsWithGlobals<DirectoryOptions & { role: 'OWNER' | 'MANAGER' | 'MEMBER' }>();
      done(await (await load()).groupAddMemberCommand(io, email, member, options));
    });
  command(group, 'remove-member <group> <email>', 'take a member out of a group').action(
    async (email: string, member: string, _options, self: Command) =>
      done(await (await load()).groupRemoveMemberCommand(io, email, member, self.optsWithGlobals<DirectoryOptions>())),
  );
  command(group, 'members <group>', 'show the direct members of a group').action(
    async (email: string, _options, self: Command) =>
      done(await (await load()).groupMembersCommand(io, email, self.optsWithGlobals<DirectoryOptions>())),
  );
}
