// `sluice destinations …`: names, arguments and help.
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from './session.ts';

export type DestinationsListOptions = GlobalOptions & { readonly search?: string; readonly excluded?: boolean };

export type ConnectOptions = GlobalOptions & { readonly timeout: number; readonly browser: boolean };

export function addDestinationsCommands(
  io: Io,
  program: Command,
  command: (parent: Command, usage: string, description: string) => Command,
  done: (code: ExitCode) => void,
): void {
  const destinations = command(program, 'destinations', 'what rows can be sent to');

  command(destinations, 'list', 'list the types of destinations')
    .option('--search <text>', 'only those with this text in their type or name')
    .option('--excluded', "those of Segment's catalogue that are not offered, with the reason")
    .action(async (_options, self: Command) => {
      const { destinationsListCommand } = await import('./destinations.ts');
      done(await destinationsListCommand(io, self.optsWithGlobals<DestinationsListOptions>()));
    });

  command(
    destinations,
    'show <type> [action]',
    'show the settings and actions of a destination, or the fields of one action',
  ).action(async (type: string, action: string | undefined, _options, self: Command) => {
    const { destinationsShowCommand } = await import('./destinations.ts');
    done(await destinationsShowCommand(io, type, action, self.optsWithGlobals<GlobalOptions>()));
  });

  command(
    destinations,
    'connect <name>',
    'sign in to a destination of sluice.yaml with OAuth; the tokens stay on this machine',
  )
    .addOption(
      new Option('--timeout <seconds>', 'time for signing in, 10 to 3600').default(300).argParser((value) => {
        const seconds = /^\d{1,4}$/.test(value) ? Number(value) : 0;
        if (seconds < 10 || seconds > 3600) throw new InvalidArgumentError('It must be a number from 10 to 3600.');
        return seconds;
      }),
    )
    .option('--no-browser', 'only print the address for signing in')
    .action(async (name: string, _options, self: Command) => {
      const { destinationsConnectCommand } = await import('./destinations-connect.ts');
      done(await destinationsConnectCommand(io, name, self.optsWithGlobals<ConnectOptions>()));
    });

  command(destinations, 'disconnect <name>', 'forget the OAuth tokens of a destination').action(
    async (name: string, _options, self: Command) => {
      const { destinationsDisconnectCommand } = await import('./destinations-connect.ts');
      done(await destinationsDisconnectCommand(io, name, self.optsWithGlobals<GlobalOptions>()));
    },
  );

  command(destinations, 'test <name>', 'ask a destination of sluice.yaml whether its credentials are right').action(
    async (name: string, _options, self: Command) => {
      const { destinationsTestCommand } = await import('./destinations-connect.ts');
      done(await destinationsTestCommand(io, name, self.optsWithGlobals<GlobalOptions>()));
    },
  );
}
