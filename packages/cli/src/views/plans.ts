import type { PlanEntry } from '@sluice/engine';
import { figure } from './style.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

export function plansLines(
  plans: readonly (PlanEntry & { readonly mapping: string })[],
  width: number,
  style: Style,
): string[] {
  if (plans.length === 0) return ['No plan is waiting. Save one with: sluice plan MAPPING --save'];
  const rows = plans.map(({ mapping, planId, kind, plannedAt, counts, applicable }) => [
    `${mapping}/${planId}`,
    kind === 'blocked' ? 'stopped by a guard' : applicable ? 'saved' : 'out of date: the mapping has changed',
    plannedAt.replace(/T(.{8}).*/, ' $1'),
    figure(counts.added),
    figure(counts.updated),
    figure(counts.deleted),
  ]);
  return table(
    [
      { title: 'plan' },
      { title: 'kind' },
      { title: 'made (UTC)' },
      { title: '+', align: 'right' },
      { title: '~', align: 'right' },
      { title: '−', align: 'right' },
    ],
    rows,
    width,
    style,
  );
}
