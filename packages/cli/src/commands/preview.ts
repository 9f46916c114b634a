import { previewModel } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { previewLines } from '../views/preview.ts';
import { answer, loadProject, placed, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

export async function previewCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const model = await project.model(name);
  const source = await project.source();
  try {
    const preview = await previewModel(source, model, { signal: io.signal });
    answer(session, { model: name, ...preview }, () => previewLines(name, preview, io.columns, session.style));
    return EXIT.ok;
  } catch (error) {
    throw placed(error, project, { model: name });
  }
}
