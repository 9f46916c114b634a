import { OPERATIONS } from '@sluice/core';
import { createRegistry } from '@sluice/destinations';
import { syncMapping } from '@sluice/engine';
import type { SyncReport } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { progressView } from '../views/progress.ts';
import { syncLines } from '../views/sync.ts';
import { answer, loadProject, placed, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

export type SyncCommandOptions = GlobalOptions & {
  readonly approve?: string;
  readonly failOnRejected?: boolean;
};

/**
 * Runs one sync. 0 when it succeeded, also when single records were rejected (the report
 * names them and the next sync tries them again) unless --fail-on-rejected asks for 1; 1
 * when it failed, was blocked or canceled.
 */
export async function syncCommand(io: Io, name: string, options: SyncCommandOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const mapping = await project.mapping(name);
  const source = await project.source();
  const progress = progressView({
    write: (text) => io.err(text),
    isTerminal: io.errIsTerminal,
    columns: io.columns,
    now: Date.now,
  });
  try {
    const report = await syncMapping(source, mapping, {
      registry: createRegistry({ baseDirectory: project.directory }),
      journalDir: project.journalDirectory,
      signal: io.signal,
      onProgress: (step) => progress.update(step),
      ...(options.approve === undefined ? {} : { approve: options.approve }),
    });
    progress.end();
    answer(session, report, () => syncLines(report, session.style));
    return exitCodeOfSync(report, options.failOnRejected === true);
  } catch (error) {
    throw placed(error, project, { model: mapping.model.name, mapping: name });
  } finally {
    progress.end();
  }
}

function exitCodeOfSync({ state, outcomes }: SyncReport, failOnRejected: boolean): ExitCode {
  if (failOnRejected && OPERATIONS.some((operation) => outcomes[operation].rejected > 0)) return EXIT.failed;
  return state === 'succeeded' || state === 'skipped' || state === 'partially_succeeded' ? EXIT.ok : EXIT.failed;
}
