import { describeModel } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { columnsLines } from '../views/columns.ts';
import { answer, loadProject, placed, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** The columns of a model by a dry run: free, and nothing is read. */
export async function columnsCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const model = await project.model(name);
  const source = await project.source();
  try {
    const described = await describeModel(source, model, { signal: io.signal });
    answer(session, { model: name, ...described }, () => columnsLines(name, described, io.columns, session.style));
    return EXIT.ok;
  } catch (error) {
    throw placed(error, project, { model: name });
  }
}
