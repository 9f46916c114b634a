// Names, arguments and help of the commands that set up a running local BigQuery: projects,
// service accounts, grants. The work is loaded only when a command runs.
import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import type { SetUpOptions } from './bigquery-client.ts';

type Added = (parent: Command, usage: string, description: string) => Command;
type AccountOptions = SetUpOptions & { project?: string; role?: string[]; displayName?: string };

const members = 'MEMBER is an e-mail, group:EMAIL, domain:NAME, allAuthenticatedUsers or allUsers.';
const resources = 'RESOURCE is PROJECT, PROJECT.DATASET or PROJECT.DATASET.TABLE.';
const example = `
Example: sluice bigquery grant group:analysts@example.com bigquery.dataViewer my-project.sales --data-dir ./bigquery-data`;

export function addSetUpCommands(io: Io, bigquery: Command, add: Added, done: (code: ExitCode) => void): void {
  const accounts = () => import('./bigquery-accounts.ts');
  const grants = () => import('./bigquery-grant.ts');
  const command = (parent: Command, usage: string, description: string): Command =>
    add(parent, usage, description).requiredOption(
      '--data-dir <dir>',
      'the data directory of the running local BigQuery',
    );
  const asSomebody = (parent: Command, usage: string, description: string): Command =>
    command(parent, usage, description).option('--as <email>', 'the user who calls (default: an owner of the project)');

  const project = add(bigquery, 'project', 'the projects of the running local BigQuery');
  command(project, 'create <id>', 'create a project')
    .requiredOption('--owner <email>', 'the user who is its owner')
    .option('--name <name>', 'its display name')
    .action(async (id: string, _options, self: Command) => {
      const options = self.optsWithGlobals<SetUpOptions & { owner: string; name?: string }>();
      done(await (await accounts()).projectCreateCommand(io, id, options));
    });

  const account = add(bigquery, 'service-account', 'service accounts and their keys');
  asSomebody(account, 'create <id>', 'create a service account; prints its e-mail')
    .option('--project <id>', 'its project (default: the only one)')
    .option('--role <role...>', 'roles on the project, for example bigquery.user')
    .option('--display-name <name>', 'its name for people')
    .action(async (id: string, _options, self: Command) =>
      done(await (await accounts()).serviceAccountCreateCommand(io, id, self.optsWithGlobals<AccountOptions>())),
    );
  asSomebody(account, 'key <email>', "make a key and write its JSON file, as Google's clients load it")
    .requiredOption('--out <file>', 'the new file')
    .option('--base-url <url>', 'where users of the key reach the server (default: its own URL)')
    .action(async (email: string, _options, self: Command) => {
      const options = self.optsWithGlobals<SetUpOptions & { out: string; baseUrl?: string }>();
      done(await (await accounts()).serviceAccountKeyCommand(io, email, options));
    });

  for (const [change, description] of [
    ['grant', 'grant a role on a project, dataset, table or view'],
    ['revoke', 'take a granted role away'],
  ] as const) {
    asSomebody(bigquery, `${change} <member> <role> <resource>`, description)
      .addHelpText(
        'after',
        `\n${members}\nROLE is a role's name, with or without roles/.\n${resources}\n${change === 'grant' ? example : ''}`,
      )
      .action(async (member: string, role: string, resource: string, _options, self: Command) => {
        const given = { member, role, resource };
        done(await (await grants()).grantCommand(io, change, given, self.optsWithGlobals<SetUpOptions>()));
      });
  }
  asSomebody(bigquery, 'policy <resource>', 'show what is granted on a project, dataset, table or view itself')
    .addHelpText('after', `\n${resources}`)
    .action(async (resource: string, _options, self: Command) =>
      done(await (await grants()).policyCommand(io, resource, self.optsWithGlobals<SetUpOptions>())),
    );
}
