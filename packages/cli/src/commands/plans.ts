// Plans that wait: list, apply, discard.
import { discardPlan, listPlans } from '@sluice/engine';
import type { PlanEntry } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { plansLines } from '../views/plans.ts';
import { planReference, runAndShow, withMapping } from './mapping-session.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** The plans of one mapping, or of all of them. */
export async function plansCommand(io: Io, name: string | undefined, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const source = await project.source();
  const plans: (PlanEntry & { readonly mapping: string })[] = [];
  for (const each of name === undefined ? project.mappingNames : [name]) {
    const found = await listPlans(source, await project.mapping(each), { signal: io.signal });
    plans.push(...found.map((plan) => ({ mapping: each, ...plan })));
  }
  answer(session, { plans }, () => plansLines(plans, io.columns, session.style));
  return EXIT.ok;
}

/** Delivers a saved plan, or approves the one that a guard stopped. */
export function applyCommand(
  io: Io,
  reference: string,
  options: GlobalOptions & { readonly failOnRejected?: boolean },
): Promise<ExitCode> {
  const { mapping, planId } = planReference(reference);
  return withMapping(io, mapping, options, async (session) => {
    const plans = await listPlans(session.source, session.mapping, { signal: io.signal });
    const blocked = plans.some((plan) => plan.planId === planId && plan.kind === 'blocked');
    return runAndShow(io, session, blocked ? { approve: planId } : { apply: planId }, options.failOnRejected === true);
  });
}

/** Forgets a plan; nothing of it is sent. */
export function discardCommand(io: Io, reference: string, options: GlobalOptions): Promise<ExitCode> {
  const { mapping: name, planId } = planReference(reference);
  return withMapping(io, name, options, async ({ session, mapping, source }) => {
    await discardPlan(source, mapping, planId, { signal: io.signal });
    answer(session, { mapping: name, planId, discarded: true }, () => [`Plan ${reference} is discarded.`]);
    return EXIT.ok;
  });
}
