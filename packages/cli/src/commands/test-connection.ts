import { adviseGrants, testConnection } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { connectionLines } from '../views/connection.ts';
import { connectionDocument } from '../views/json.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** Probes the source with the rights that a sync needs; 1 when a check failed. */
export async function testConnectionCommand(io: Io, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const source = await (await loadProject(io, options, 'source')).source();
  const checks = await testConnection(source, { signal: io.signal });
  const advice = adviseGrants(source, checks);
  answer(session, connectionDocument(source.name, checks, advice), () =>
    connectionLines(source.name, checks, session.style, advice),
  );
  return checks.every((check) => check.ok) ? EXIT.ok : EXIT.failed;
}
