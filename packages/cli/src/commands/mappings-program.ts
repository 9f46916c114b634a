// `sluice mappings …`: names, arguments and help.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from './session.ts';

export type MappingTestOptions = GlobalOptions & {
  readonly record?: string;
  readonly operation: 'added' | 'updated' | 'deleted';
  readonly send?: boolean;
};

export type MappingSuggestOptions = GlobalOptions & { readonly write?: boolean; readonly name?: string };

export type MappingImportOptions = GlobalOptions & {
  readonly model?: string;
  readonly destination?: string;
  readonly action?: string;
  readonly name?: string;
  readonly write?: boolean;
};

export function addMappingsCommands(
  io: Io,
  program: Command,
  command: (parent: Command, usage: string, description: string) => Command,
  done: (code: ExitCode) => void,
): void {
  const mappings = command(program, 'mappings', 'try, suggest and import mappings');

  command(mappings, 'test <mapping>', 'show what one record becomes and the request it would be sent with')
    .option('--record <id>', "the record's identifier (default: any record)")
    .addOption(
      new Option('--operation <kind>', 'the kind of change').choices(['added', 'updated', 'deleted']).default('added'),
    )
    .option('--send', 'send this one record, and show the answer')
    .action(async (mapping: string, _options, self: Command) => {
      const { mappingTestCommand } = await import('./mapping-test.ts');
      done(await mappingTestCommand(io, mapping, self.optsWithGlobals<MappingTestOptions>()));
    });

  command(
    mappings,
    'create-audience <mapping>',
    'make the audience that a mapping keeps at its destination, and print the id for audience.external_id',
  ).action(async (mapping: string, _options, self: Command) => {
    const { createAudienceCommand } = await import('./create-audience.ts');
    done(await createAudienceCommand(io, mapping, self.optsWithGlobals<GlobalOptions>()));
  });

  command(
    mappings,
    'suggest <model> <destination> <action>',
    'suggest which columns of a model fill the fields of an action',
  )
    .option('--write', 'add the mapping to sluice.yaml')
    .option('--name <name>', 'name of the mapping (default: MODEL-to-DESTINATION)')
    .action(async (model: string, destination: string, action: string, _options, self: Command) => {
      const { mappingSuggestCommand } = await import('./mapping-suggest.ts');
      const options = self.optsWithGlobals<MappingSuggestOptions>();
      done(await mappingSuggestCommand(io, { model, destination, action }, options));
    });

  command(mappings, 'import <file>', "import a mapping of Segment's (JSON of a destination subscription)")
    .option('--model <model>', 'the model of sluice.yaml that it reads')
    .option('--destination <destination>', 'the destination of sluice.yaml that it sends to')
    .option('--action <action>', 'the action, when the file does not tell')
    .option('--name <name>', "name of the mapping (default: made from Segment's)")
    .option('--write', 'add the mapping to sluice.yaml')
    .action(async (file: string, _options, self: Command) => {
      const { mappingImportCommand } = await import('./mapping-import.ts');
      done(await mappingImportCommand(io, file, self.optsWithGlobals<MappingImportOptions>()));
    });
}
