// The command line: names, arguments and help. Each command's work is loaded only when it
// runs, so that help and errors are quick.
import { readFileSync } from 'node:fs';
import { AppError } from '@sluice/core';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { addDirectoryCommands } from './commands/bigquery-directory-program.ts';
import { addSetUpCommands } from './commands/bigquery-setup-program.ts';
import { EXPORT_FORMATS } from './commands/export-plan.ts';
import { addDestinationsCommands } from './commands/destinations-program.ts';
import { addMappingsCommands } from './commands/mappings-program.ts';
import type { PermissionsCommandOptions } from './commands/permissions.ts';
import type { PlanCommandOptions } from './commands/plan.ts';
import type { GlobalOptions } from './commands/session.ts';
import { addSyncCommands } from './commands/sync-program.ts';
import type { SyncCommandOptions } from './commands/sync.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { errorLines } from './views/error.ts';
import { errorDocument } from './views/json.ts';
import { styleFor } from './views/style.ts';

const exitCodes = `
Exit codes: 0 done, also when a sync delivered most records and some were rejected (they are tried again);
1 failed (a check or a sync failed or was blocked, nothing was delivered, a server refused, canceled;
with sync --fail-on-rejected also a single rejected record);
2 usage or configuration (arguments, sluice.yaml, environment variables, key, query).`;

/** Runs one command line and gives its exit code. Never throws. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = build(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    return report(error, args, io);
  }
}

function report(error: unknown, args: readonly string[], io: Io): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has written its message already; help and --version end this way too.
    if (error.exitCode === 0) return EXIT.ok;
    if (wantsJson(args))
      io.out(
        `${JSON.stringify({ error: { code: 'USAGE', kind: 'invalid', message: error.message.replace(/^error: /, '') } })}\n`,
      );
    return EXIT.usage;
  }
  const failure =
    io.signal.aborted && !(error instanceof AppError && error.kind === 'invalid')
      ? new AppError('canceled', { code: 'CANCELED', kind: 'unavailable', cause: error })
      : error;
  io.err(`${errorLines(failure, styleFor(io.errIsTerminal, io.environment)).join('\n')}\n`);
  if (wantsJson(args)) io.out(`${JSON.stringify(errorDocument(failure))}\n`);
  return exitCodeOf(failure);
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
}

function build(io: Io, done: (code: ExitCode) => void): Command {
  const program = new Command('sluice')
    .description(
      'Reverse ETL for BigQuery: keeps business tools up to date from your warehouse and sends only what changed.',
    )
    .option('-C, --project-dir <dir>', 'the folder that holds sluice.yaml (default: the current folder)')
    .option('--json', 'one JSON document on standard output, everything else on standard error')
    .version(version(), '-V, --version', 'print the version')
    .addHelpText('after', exitCodes)
    .exitOverride()
    .showHelpAfterError('(run with --help for the commands and options)')
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });

  const command = (parent: Command, usage: string, description: string): Command =>
    parent.command(usage).description(description).copyInheritedSettings(parent);

  command(program, 'init [dir]', 'write a commented sluice.yaml, an example model and a .gitignore')
    .option('--dbt <manifest>', 'take the models of a dbt project: its target/manifest.json')
    .option('--select <words...>', 'which of them: names with *, tag:NAME, path:FOLDER')
    .action(async (dir: string | undefined, _options, self: Command) => {
      const { initCommand } = await import('./commands/init.ts');
      done(await initCommand(io, dir, self.optsWithGlobals<GlobalOptions & { dbt?: string; select?: string[] }>()));
    });

  command(
    program,
    'test-connection',
    'check the source: key, token, project, location, permissions, state dataset',
  ).action(async (_options, self: Command) => {
    const { testConnectionCommand } = await import('./commands/test-connection.ts');
    done(await testConnectionCommand(io, self.optsWithGlobals<GlobalOptions>()));
  });

  command(program, 'permissions [source]', 'compare what the source needs in BigQuery with what its account has')
    .option('--fail-on-excess', 'exit with 1 when more is granted than needed, or when that cannot be told')
    .addOption(
      new Option('--as <notation>', 'how the set-ups that give exactly what is needed are written')
        .choices(['all', 'shell', 'sql', 'terraform'])
        .default('all'),
    )
    .action(async (source: string | undefined, _options, self: Command) => {
      const { permissionsCommand } = await import('./commands/permissions.ts');
      done(await permissionsCommand(io, source, self.optsWithGlobals<PermissionsCommandOptions>()));
    });

  command(program, 'columns <model>', 'list the columns of a model and what its query would read').action(
    async (model: string, _options, self: Command) => {
      const { columnsCommand } = await import('./commands/columns.ts');
      done(await columnsCommand(io, model, self.optsWithGlobals<GlobalOptions>()));
    },
  );

  command(program, 'preview <model>', 'show the first 10 rows of a model').action(
    async (model: string, _options, self: Command) => {
      const { previewCommand } = await import('./commands/preview.ts');
      done(await previewCommand(io, model, self.optsWithGlobals<GlobalOptions>()));
    },
  );

  command(program, 'plan <mapping>', 'show what a sync would send now; sends nothing')
    .addOption(
      new Option('--sample <n>', 'changes shown per operation, 0 to 100')
        .default(5)
        .argParser((value) => wholeNumber(value, 0, 100)),
    )
    .option('--save', 'freeze the plan, so that exactly it can be delivered with: sluice apply')
    .option('--export <file>', 'write all changes of the plan to a file (- is standard output); freezes it too')
    .addOption(
      new Option('--format <format>', "of the export (default: the file's extension, or ndjson)").choices(
        EXPORT_FORMATS,
      ),
    )
    .action(async (mapping: string, _options, self: Command) => {
      const { planCommand } = await import('./commands/plan.ts');
      done(await planCommand(io, mapping, self.optsWithGlobals<PlanCommandOptions>()));
    });

  command(program, 'sync <mapping>', 'send what changed since the last sync')
    .option('--approve <sync-id>', 'deliver the very plan of a sync that the guards blocked')
    .option('--fail-on-rejected', 'exit with 1 when the destination rejected a record')
    .action(async (mapping: string, _options, self: Command) => {
      const { syncCommand } = await import('./commands/sync.ts');
      done(await syncCommand(io, mapping, self.optsWithGlobals<SyncCommandOptions>()));
    });

  command(program, 'status [mapping]', 'show the last sync of every mapping, or the history of one').action(
    async (mapping: string | undefined, _options, self: Command) => {
      const { statusCommand } = await import('./commands/status.ts');
      done(await statusCommand(io, mapping, self.optsWithGlobals<GlobalOptions>()));
    },
  );

  addSyncCommands(io, program, command, done);
  addDestinationsCommands(io, program, command, done);
  addMappingsCommands(io, program, command, done);

  const bigquery = command(
    program,
    'bigquery',
    "the local BigQuery: BigQuery's API and access control on this machine",
  );

  command(bigquery, 'start', 'run the local BigQuery until Ctrl-C')
    .requiredOption('--data-dir <dir>', 'where the data are kept; created when missing')
    .addOption(
      new Option('--port <port>', 'TCP port; 0 takes any free one')
        .argParser((value) => wholeNumber(value, 0, 65_535))
        .default(9050),
    )
    .addOption(
      new Option('--grpc-port <port>', 'TCP port of the Storage Read API (default: any free one)').argParser((value) =>
        wholeNumber(value, 0, 65_535),
      ),
    )
    .option('--project <id>', 'create this project when the data directory does not hold it yet')
    .option('--owner <email>', 'the user who is Is Owner of --project')
    .option('--anonymous-as <email>', 'who a caller without credentials is (default: refused)')
    .addHelpText(
      'after',
      '\nExample: sluice bigquery start --data-dir ./bigquery-data --project my-project --owner me@example.com\nHow clients are pointed at it: docs/guides/clients.md',
    )
    .action(async (_options, self: Command) => {
      const { bigQueryStartCommand } = await import('./commands/bigquery.ts');
      done(await bigQueryStartCommand(io, self.optsWithGlobals<StartOptions>()));
    });

  command(bigquery, 'token <email>', 'print an access token for a user of the local BigQuery')
    .requiredOption('--data-dir <dir>', 'the data directory of the local BigQuery')
    .option('--scope <url...>', 'OAuth scopes of the token (default: cloud-platform and the directory)')
    .action(async (email: string, _options, self: Command) => {
      const { bigQueryTokenCommand } = await import('./commands/bigquery.ts');
      const options = self.optsWithGlobals<GlobalOptions & { dataDir: string; scope?: string[] }>();
      done(await bigQueryTokenCommand(io, email, options));
    });

  command(
    bigquery,
    'explain-access <principal> <permission> <resource>',
    'show which entries grant a permission on a resource (projects/P, P.D, P.D.T, gs://BUCKET, …), or what is missing',
  )
    .requiredOption('--data-dir <dir>', 'the data directory of the local BigQuery')
    .action(async (principal: string, permission: string, resource: string, _options, self: Command) => {
      const { explainAccessCommand } = await import('./commands/bigquery-explain-access.ts');
      const options = self.optsWithGlobals<GlobalOptions & { dataDir: string }>();
      done(await explainAccessCommand(io, { principal, permission, resource }, options));
    });

  addSetUpCommands(io, bigquery, command, done);
  addDirectoryCommands(io, bigquery, command, done);
  return program;
}

type StartOptions = GlobalOptions & {
  dataDir: string;
  port: number;
  grpcPort?: number;
  project?: string;
  owner?: string;
  anonymousAs?: string;
};

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function wholeNumber(value: string, least: number, most: number): number {
  const parsed = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(parsed >= least && parsed <= most))
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  return parsed;
}
