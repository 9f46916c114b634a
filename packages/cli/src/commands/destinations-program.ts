// `sluice destinations …`: names, arguments and help.
import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from './session.ts';

export type DestinationsListOptions = GlobalOptions & { readonly search?: string; readonly excluded?: boolean };

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
}
