import { OPERATIONS } from '@sluice/core';
import type { Operation } from '@sluice/core';
import type { InvalidReason, InvalidRows, PlannedChange, PlanSummary, Warning } from '@sluice/engine';
import { bytes, countOf, figure, printable, truncate } from './style.ts';
import type { Style } from './style.ts';
import { cellText } from './table.ts';

const symbols: Record<Operation, string> = { added: '+', updated: '~', deleted: '−' };

/** Most columns shown of one change. */
const maxFields = 12;

export function symbolOf(operation: Operation, style: Style): string {
  const paint = { added: style.good, updated: style.warn, deleted: style.bad }[operation];
  return paint(symbols[operation]);
}

export function planLines(plan: PlanSummary, width: number, style: Style): string[] {
  const total = plan.counts.added + plan.counts.updated + plan.counts.deleted;
  const figures = OPERATIONS.map(
    (operation) => `${symbolOf(operation, style)} ${figure(plan.counts[operation])} ${operation}`,
  );
  return [
    `${style.bold(`Plan of mapping "${plan.mapping}"`)}  ${figures.join('   ')}   ${style.dim(`= ${figure(plan.counts.unchanged)} unchanged`)}`,
    ...OPERATIONS.flatMap((operation) => sampleLines(operation, plan, width, style)),
    ...invalidLines(plan.invalid, style),
    ...(plan.counts.quarantined === 0
      ? []
      : [
          `${style.warn('!')} ${countOf(plan.counts.quarantined, 'rejected record')} in quarantine until their data change`,
        ]),
    ...warningLines(plan.warnings, style),
    ...plan.guards.map((guard) => `${style.bad('■')} a sync would stop: ${guard.message}`),
    ...cautionLines(plan, style),
    '',
    style.dim(
      `${total === 0 ? 'Nothing to send' : 'Nothing was sent'}; ${bytes(plan.bytesProcessed)} processed, ${bytes(plan.bytesEstimated)} of them estimated for the model.`,
    ),
    ...(plan.planId === undefined
      ? []
      : [
          `Saved as ${style.bold(`${plan.mapping}/${plan.planId}`)} for 14 days. Deliver exactly this with: sluice apply ${plan.mapping}/${plan.planId}`,
        ]),
  ];
}

/** What the counts do not say by themselves. */
export function cautionLines(
  { incremental, capped }: { readonly incremental?: true; readonly capped?: true },
  style: Style,
): string[] {
  return [
    ...(incremental === true
      ? [`${style.warn('!')} the model is incremental: deleted records are not looked for`]
      : []),
    ...(capped === true
      ? [`${style.warn('!')} as many changes as one sync may have; the rest follows in the next syncs`]
      : []),
  ];
}

const INVALID_WORDS: Record<InvalidReason, string> = {
  null_identifier: 'a NULL identifier',
  duplicate_identifier: 'an identifier that is not unique',
  record_too_large: 'a record that is too large (limits.record_bytes)',
  column_too_large: 'a column that is too large (limits.column_bytes)',
};

/** What is allowed and probably not meant. */
export function warningLines(warnings: readonly Warning[], style: Style): string[] {
  return warnings.flatMap(({ path, message, fix }) => [
    `${style.warn('!')} ${path}: ${message}`,
    ...(fix === undefined ? [] : [`  ${style.dim('fix:')} ${fix}`]),
  ]);
}

/** Rows that were set aside. */
export function invalidLines(invalid: readonly InvalidRows[], style: Style): string[] {
  return invalid.map(({ reason, rows, sampleIds }) => {
    const what = INVALID_WORDS[reason];
    const ids =
      sampleIds.length === 0 ? '' : `: ${sampleIds.map(printable).join(', ')}${rows > sampleIds.length ? ', …' : ''}`;
    return `${style.warn('!')} ${countOf(rows, 'row')} set aside, never sent: ${what}${ids}`;
  });
}

function sampleLines(operation: Operation, plan: PlanSummary, width: number, style: Style): string[] {
  const changes = plan.sample.filter((change) => change.operation === operation);
  if (changes.length === 0) return [];
  const rest = plan.counts[operation] - changes.length;
  return [
    '',
    ...changes.flatMap((change) => changeLines(change, width, style)),
    ...(rest > 0 ? [style.dim(`  … and ${figure(rest)} more ${operation}`)] : []),
  ];
}

function changeLines(change: PlannedChange, width: number, style: Style): string[] {
  const head = `${symbolOf(change.operation, style)} ${style.bold(printable(change.recordId))}${change.sent ? '' : style.dim('  (not sent by this mapping)')}`;
  if (change.operation === 'deleted') return [head];
  const { previous } = change;
  const fields = Object.entries(change.columns).filter(
    ([name, value]) => previous === undefined || (name in previous && cellText(previous[name]) !== cellText(value)),
  );
  const shown = fields.slice(0, maxFields).map(([name, value]) => {
    const old = previous === undefined ? '' : `${printable(cellText(previous[name]))} → `;
    return truncate(`    ${printable(name)}: ${old}${printable(cellText(value))}`, width);
  });
  if (change.operation === 'added')
    return [
      truncate(
        `${head}  ${style.dim(fields.map(([name, value]) => `${printable(name)}=${printable(cellText(value))}`).join('  '))}`,
        width,
      ),
    ];
  return [
    head,
    ...shown,
    ...(fields.length > maxFields ? [style.dim(`    … ${fields.length - maxFields} more columns`)] : []),
  ];
}
