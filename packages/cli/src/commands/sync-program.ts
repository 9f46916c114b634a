// The command line of plans that wait, of replays, and of what is done to a mapping between
// and during its syncs.
import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import type { ReplayCommandOptions } from './replay.ts';
import type { GlobalOptions } from './session.ts';

type Make = (parent: Command, usage: string, description: string) => Command;

export function addSyncCommands(io: Io, program: Command, command: Make, done: (code: ExitCode) => void): void {
  command(program, 'plans [mapping]', 'list the plans that wait: saved ones, and those that a guard stopped').action(
    async (mapping: string | undefined, _options, self: Command) => {
      const { plansCommand } = await import('./plans.ts');
      done(await plansCommand(io, mapping, self.optsWithGlobals<GlobalOptions>()));
    },
  );

  command(program, 'apply <plan>', 'deliver a plan (MAPPING/PLAN): exactly it, whatever the source holds now')
    .option('--fail-on-rejected', 'exit with 1 when the destination rejected a record')
    .action(async (plan: string, _options, self: Command) => {
      const { applyCommand } = await import('./plans.ts');
      done(await applyCommand(io, plan, self.optsWithGlobals<GlobalOptions & { failOnRejected?: boolean }>()));
    });

  command(program, 'discard <plan>', 'forget a plan (MAPPING/PLAN); nothing of it is sent').action(
    async (plan: string, _options, self: Command) => {
      const { discardCommand } = await import('./plans.ts');
      done(await discardCommand(io, plan, self.optsWithGlobals<GlobalOptions>()));
    },
  );

  command(program, 'replay <mapping> <sync-id>', 'send the changes of an earlier sync once more, as they were')
    .option('--rejected', 'only those that the destination rejected')
    .option('--record <id...>', 'only these records')
    .option('--fail-on-rejected', 'exit with 1 when the destination rejected a record')
    .action(async (mapping: string, syncId: string, _options, self: Command) => {
      const { replayCommand } = await import('./replay.ts');
      done(await replayCommand(io, mapping, syncId, self.optsWithGlobals<ReplayCommandOptions>()));
    });

  command(program, 'retry <mapping>', 'let rejected records leave the quarantine; the next sync tries again')
    .option('--record <id...>', 'only these records')
    .action(async (mapping: string, _options, self: Command) => {
      const { retryCommand } = await import('./controls.ts');
      done(await retryCommand(io, mapping, self.optsWithGlobals<GlobalOptions & { record?: string[] }>()));
    });

  command(program, 'reset <mapping>', 'forget what was sent: the next sync sends every record again')
    .option('--confirm <mapping>', "the mapping's name once more")
    .action(async (mapping: string, _options, self: Command) => {
      const { resetCommand } = await import('./controls.ts');
      done(await resetCommand(io, mapping, self.optsWithGlobals<GlobalOptions & { confirm?: string }>()));
    });

  command(program, 'pause <mapping>', 'skip the syncs of a mapping, on every machine, until it is resumed')
    .option('--reason <text>', 'shown to whoever wonders')
    .action(async (mapping: string, _options, self: Command) => {
      const { pauseCommand } = await import('./controls.ts');
      done(await pauseCommand(io, mapping, self.optsWithGlobals<GlobalOptions & { reason?: string }>()));
    });

  command(program, 'resume <mapping>', 'take a pause back').action(async (mapping: string, _options, self: Command) => {
    const { resumeCommand } = await import('./controls.ts');
    done(await resumeCommand(io, mapping, self.optsWithGlobals<GlobalOptions>()));
  });

  command(program, 'cancel <mapping>', 'ask the running sync of a mapping to stop, wherever it runs').action(
    async (mapping: string, _options, self: Command) => {
      const { cancelCommand } = await import('./controls.ts');
      done(await cancelCommand(io, mapping, self.optsWithGlobals<GlobalOptions>()));
    },
  );
}
