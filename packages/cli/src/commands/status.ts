import { mappingStatus } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { statusDocument } from '../views/json.ts';
import { statusLines } from '../views/status.ts';
import type { StatusOfEntry } from '../views/status.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/**
 * The state of one mapping with its history, or of all mappings with their last sync. What
 * is wrong with one mapping's entry stands beside its state and hides no other's.
 */
export async function statusCommand(io: Io, name: string | undefined, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options, 'entries');
  const entries = (name === undefined ? project.mappingNames : [name]).map((each) => project.mappingEntry(each));
  const statuses: StatusOfEntry[] = [];
  if (entries.length > 0) {
    const source = await project.source();
    for (const { problems, ...mapping } of entries) {
      // A name that no state table can have was never synced.
      const status = isStateId(mapping.id)
        ? await mappingStatus(source, mapping, { signal: io.signal })
        : neverSynced(mapping.name);
      statuses.push(problems.length === 0 ? status : { ...status, problems });
    }
  }
  answer(session, statusDocument(statuses), () =>
    statusLines(statuses, name === undefined ? 'last' : 'history', io.columns, session.style),
  );
  return EXIT.ok;
}

function isStateId(id: string): boolean {
  return /^[A-Za-z0-9_]{1,64}$/.test(id);
}

function neverSynced(mapping: string): StatusOfEntry {
  return { mapping, state: 'new', records: 0, rejects: { waiting: 0, quarantined: 0 }, history: [] };
}
