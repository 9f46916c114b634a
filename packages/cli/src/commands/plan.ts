import { createRegistry } from '@sluice/destinations';
import { planMapping } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { planLines } from '../views/plan.ts';
import { answer, loadProject, placed, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

export type PlanCommandOptions = GlobalOptions & { readonly sample: number };

/** Shows what a sync would send now; sends nothing. */
export async function planCommand(io: Io, name: string, options: PlanCommandOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const mapping = await project.mapping(name);
  const source = await project.source();
  try {
    const plan = await planMapping(source, mapping, {
      registry: createRegistry({ baseDirectory: project.directory }),
      sampleSize: options.sample,
      signal: io.signal,
    });
    answer(session, plan, () => planLines(plan, io.columns, session.style));
    return EXIT.ok;
  } catch (error) {
    throw placed(error, project, { model: mapping.model.name, mapping: name });
  }
}
