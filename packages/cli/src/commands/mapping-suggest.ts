// Which columns of a model fill the fields of an action: shown, or added to sluice.yaml.
import { AppError } from '@sluice/core';
import type { JsonObject } from '@sluice/core';
import { createRegistry, suggestMapping } from '@sluice/destinations';
import { previewModel } from '@sluice/engine';
import { writeMapping } from '../config/write-mapping.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { suggestionLines } from '../views/mapping-suggest.ts';
import type { MappingSuggestOptions } from './mappings-program.ts';
import { answer, loadProject, placed, sessionOf } from './session.ts';

export type SuggestRequest = { readonly model: string; readonly destination: string; readonly action: string };

/** `{ name, mapping, suggestions, missing, unusedColumns, written }`. */
export async function mappingSuggestCommand(
  io: Io,
  { model: modelName, destination: destinationName, action: actionKey }: SuggestRequest,
  options: MappingSuggestOptions,
): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options, 'entries');
  const model = await project.model(modelName);
  const { type } = project.destination(destinationName);
  const info = createRegistry({ baseDirectory: project.directory }).describe(type);
  const action = info?.actions.find(({ key }) => key === actionKey);
  if (action === undefined) {
    const known = info?.actions.map(({ key }) => key).join(', ');
    throw new AppError(
      info === undefined
        ? `there is no destination of type "${type}"`
        : `the destination ${type} has no action "${actionKey}"`,
      {
        code: 'UNKNOWN_ACTION',
        kind: 'invalid',
        fix: known === undefined ? 'sluice destinations list' : `There are: ${known}.`,
      },
    );
  }
  const source = await project.source();
  const { columns } = await previewModel(source, model, { signal: io.signal }).catch((error: unknown) => {
    throw placed(error, project, { model: modelName });
  });
  const suggested = suggestMapping(columns, model.key, action);
  const name = options.name ?? `${modelName}-to-${destinationName}`.slice(0, 63);
  const mapping: JsonObject = {
    model: modelName,
    destination: destinationName,
    action: actionKey,
    ...(action.syncModes === undefined ? {} : { sync_mode: action.syncModes.default }),
    fields: suggested.fields,
  };
  const written = options.write === true;
  if (written) {
    await writeMapping({ directory: project.directory, cwd: io.cwd, environment: io.environment }, name, mapping);
  }
  const { suggestions, missing, unusedColumns } = suggested;
  const document = { name, mapping, suggestions, missing, unusedColumns, written };
  answer(session, document, () => suggestionLines(document, io.columns, session.style));
  return EXIT.ok;
}
