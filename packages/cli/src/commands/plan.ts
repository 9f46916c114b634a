import { planChanges, planMapping } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { planLines } from '../views/plan.ts';
import { exportPlan } from './export-plan.ts';
import type { ExportFormat } from './export-plan.ts';
import { withMapping } from './mapping-session.ts';
import { answer } from './session.ts';
import type { GlobalOptions } from './session.ts';

export type PlanCommandOptions = GlobalOptions & {
  readonly sample: number;
  readonly save?: boolean;
  /** A file's path, or `-` for standard output. */
  readonly export?: string;
  readonly format?: ExportFormat;
};

/**
 * Shows what a sync would send now; sends nothing. With --save or --export the plan is
 * frozen, so that exactly it can be applied; with --export all of its changes are written.
 */
export function planCommand(io: Io, name: string, options: PlanCommandOptions): Promise<ExitCode> {
  return withMapping(io, name, options, async ({ session, mapping, source, registry }) => {
    const target = options.export;
    const save = options.save === true || target !== undefined;
    const plan = await planMapping(source, mapping, { registry, sampleSize: options.sample, save, signal: io.signal });
    if (target === undefined || plan.planId === undefined) {
      answer(session, plan, () => planLines(plan, io.columns, session.style));
      return EXIT.ok;
    }
    const changes = planChanges(source, mapping, plan.planId, { signal: io.signal });
    const columns = plan.columns.map((column) => column.name);
    const written = await exportPlan(io, target, { changes, columns, format: options.format });
    // The rows take standard output: the summary goes beside it.
    if (target === '-') io.err(`${planLines(plan, io.columns, session.errStyle).join('\n')}\n`);
    else
      answer(session, { ...plan, exported: { file: target, changes: written } }, () => [
        ...planLines(plan, io.columns, session.style),
        `${written} changes written to ${target}.`,
      ]);
    return EXIT.ok;
  });
}
