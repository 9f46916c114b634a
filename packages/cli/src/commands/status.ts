import { mappingStatus } from '@sluice/engine';
import type { MappingStatus } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { statusDocument } from '../views/json.ts';
import { statusLines } from '../views/status.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** The state of one mapping with its history, or of all mappings with their last sync. */
export async function statusCommand(io: Io, name: string | undefined, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const mappings = [];
  for (const each of name === undefined ? project.mappingNames : [name]) mappings.push(await project.mapping(each));
  const statuses: MappingStatus[] = [];
  if (mappings.length > 0) {
    const source = await project.source();
    for (const mapping of mappings) statuses.push(await mappingStatus(source, mapping, { signal: io.signal }));
  }
  answer(session, statusDocument(statuses), () =>
    statusLines(statuses, name === undefined ? 'last' : 'history', io.columns, session.style),
  );
  return EXIT.ok;
}
