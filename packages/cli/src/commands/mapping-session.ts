// What every command on one mapping needs: the mapping, its source, the destinations, and
// errors placed in the user's files. Also how a run of a sync is shown and judged.
import { AppError, OPERATIONS } from '@sluice/core';
import { createRegistry } from '@sluice/destinations';
import { syncMapping } from '@sluice/engine';
import type { MappingConfig, SourceConfig, SyncOptions, SyncReport } from '@sluice/engine';
import type { Project } from '../config/project.ts';
import { withConnection } from '../credentials/connections.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { progressView } from '../views/progress.ts';
import { syncLines } from '../views/sync.ts';
import { answer, loadProject, placed, sessionOf } from './session.ts';
import type { GlobalOptions, Session } from './session.ts';

export type MappingSession = {
  readonly session: Session;
  readonly project: Project;
  readonly mapping: MappingConfig;
  readonly source: SourceConfig;
  readonly registry: ReturnType<typeof createRegistry>;
};

/** Loads the mapping and runs the command; its errors name places in the user's files. */
export async function withMapping(
  io: Io,
  name: string,
  options: GlobalOptions,
  run: (session: MappingSession) => Promise<ExitCode>,
): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const configured = await project.mapping(name);
  const source = await project.source();
  const destination = project.destination(configured.destination.name);
  const connected = await withConnection(io, project, destination, configured.destination);
  const mapping = { ...configured, destination: connected.target };
  const registry = createRegistry({ baseDirectory: project.directory, ...connected.registry });
  try {
    return await run({ session, project, mapping, source, registry });
  } catch (error) {
    throw placed(error, project, { model: mapping.model.name, mapping: name });
  }
}

/** `MAPPING/ID`, as `sluice plan --save` and `sluice plans` print it. */
export function planReference(text: string): { readonly mapping: string; readonly planId: string } {
  const [mapping, planId, rest] = text.split('/');
  if (mapping !== undefined && planId !== undefined && planId !== '' && rest === undefined) return { mapping, planId };
  throw new AppError(`"${text}" does not name a plan`, {
    code: 'USAGE',
    kind: 'invalid',
    fix: 'Write MAPPING/PLAN, for example people/20260131120000_a1b2c3; sluice plans lists them.',
  });
}

/** Runs one sync with progress and shows its report. */
export async function runAndShow(
  io: Io,
  { session, project, mapping, source, registry }: MappingSession,
  more: Pick<SyncOptions, 'approve' | 'apply' | 'replay'>,
  failOnRejected: boolean,
): Promise<ExitCode> {
  const progress = progressView({
    write: (text) => io.err(text),
    isTerminal: io.errIsTerminal,
    columns: io.columns,
    now: Date.now,
  });
  try {
    const report = await syncMapping(source, mapping, {
      registry,
      journalDir: project.journalDirectory,
      signal: io.signal,
      onProgress: (step) => progress.update(step),
      ...more,
    });
    progress.end();
    answer(session, report, () => syncLines(report, session.style));
    return exitCodeOfSync(report, failOnRejected);
  } finally {
    progress.end();
  }
}

function exitCodeOfSync({ state, outcomes }: SyncReport, failOnRejected: boolean): ExitCode {
  if (failOnRejected && OPERATIONS.some((operation) => outcomes[operation].rejected > 0)) return EXIT.failed;
  return state === 'succeeded' || state === 'skipped' || state === 'partially_succeeded' ? EXIT.ok : EXIT.failed;
}
