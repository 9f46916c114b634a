import { OPERATIONS } from '@sluice/core';
import type { DeliverySample, EndState, SyncReport } from '@sluice/engine';
import { cautionLines, invalidLines, symbolOf, warningLines } from './plan.ts';
import { bytes, countOf, duration, figure, printable, truncate } from './style.ts';
import type { Style } from './style.ts';

/** A state in words and in the colour of what it means for the user. */
export function stateText(state: EndState, style: Style): string {
  switch (state) {
    case 'succeeded':
      return style.good('succeeded');
    case 'skipped':
      return style.good('nothing to do');
    case 'partially_succeeded':
      return style.warn('partially succeeded');
    case 'blocked':
      return style.warn('blocked');
    case 'failed':
      return style.bad('failed');
    case 'canceled':
      return style.bad('canceled');
    default:
      return state satisfies never;
  }
}

const KIND_WORDS: Record<SyncReport['kind'], string> = { sync: 'Sync', apply: 'Apply', replay: 'Replay' };

export function syncLines(report: SyncReport, style: Style): string[] {
  const per = OPERATIONS.filter((operation) => report.plan[operation] > 0).map((operation) => {
    const outcome = report.outcomes[operation];
    const parts = [
      `${figure(outcome.delivered)} delivered`,
      ...(outcome.rejected > 0 ? [style.bad(`${figure(outcome.rejected)} rejected`)] : []),
      ...(outcome.deferred > 0 ? [style.warn(`${figure(outcome.deferred)} deferred`)] : []),
      ...(outcome.skipped > 0 ? [style.dim(`${figure(outcome.skipped)} not sent by this mapping`)] : []),
    ];
    return `  ${symbolOf(operation, style)} ${`${figure(report.plan[operation])} ${operation}`.padEnd(18)} ${parts.join(', ')}`;
  });
  return [
    `${style.bold(`${KIND_WORDS[report.kind]} of mapping "${report.mapping}"`)}: ${stateText(report.state, style)} in ${duration(report.durationMs)}${report.resumed ? ' (went on with an interrupted sync)' : ''}`,
    ...(report.message === undefined || report.message === report.error?.message ? [] : [`  ${report.message}`]),
    ...(per.length === 0 && report.state !== 'failed' && report.state !== 'canceled' ? ['  no changes'] : per),
    ...invalidLines(report.invalid, style).map((line) => `  ${line}`),
    ...(report.plan.quarantined === 0
      ? []
      : [
          `  ${style.warn('!')} ${countOf(report.plan.quarantined, 'rejected record')} in quarantine until their data change`,
        ]),
    ...[
      ...warningLines(report.warnings ?? [], style),
      ...cautionLines(report, style),
      ...maybeLines(report, style),
    ].map((line) => `  ${line}`),
    ...report.reasons.flatMap((reason) => [
      `  ${reason.outcome === 'rejected' ? style.bad('rejected') : style.warn('deferred')} ${figure(reason.count)}× ${reason.code}: ${printable(reason.message)}`,
      ...(reason.sampleIds.length === 0
        ? []
        : [
            `    ${style.dim(`records: ${reason.sampleIds.map(printable).join(', ')}${reason.count > reason.sampleIds.length ? ', …' : ''}`)}`,
          ]),
      ...(reason.samples ?? []).slice(0, 1).flatMap((sample) => sampleLines(sample, style)),
      ...(reason.advice === undefined ? [] : [`    ${style.dim('fix:')} ${reason.advice}`]),
    ]),
    ...report.guards.map((guard) => `  ${style.warn('■')} ${guard.message}`),
    ...(report.state === 'blocked'
      ? [
          `  ${style.dim('fix:')} look at the plan, then deliver this very plan with: sluice sync ${report.mapping} --approve ${report.syncId}, or drop it with: sluice discard ${report.mapping}/${report.syncId}`,
        ]
      : []),
    ...(report.error === undefined
      ? []
      : [
          `  ${style.bad('error')}: ${report.error.message}`,
          ...(report.error.where === undefined ? [] : [`    at ${report.error.where}`]),
          ...(report.error.fix === undefined ? [] : [`    ${style.dim('fix:')} ${report.error.fix}`]),
        ]),
    style.dim(
      `  ${[...report.phases.map(({ phase, durationMs }) => `${phase} ${duration(durationMs)}`), `${bytes(report.bytesProcessed)} processed`, report.syncId].join(' · ')}`,
    ),
  ];
}

/** One row as it was sent, and what came back. */
function sampleLines({ recordId, payload, answer }: DeliverySample, style: Style): string[] {
  return [
    ...(payload === undefined
      ? []
      : [`    ${style.dim(truncate(`sent for ${printable(recordId)}: ${printable(JSON.stringify(payload))}`, 200))}`]),
    `    ${style.dim(truncate(`answer: ${printable(answer)}`, 200))}`,
  ];
}

function maybeLines({ maybeDelivered }: SyncReport, style: Style): string[] {
  if (maybeDelivered === undefined) return [];
  const { delivered, undelivered } = maybeDelivered;
  return [
    ...(undelivered === 0
      ? []
      : [
          `${style.warn('!')} ${countOf(undelivered, 'change')} may have arrived although no answer came; the next sync sends them again`,
        ]),
    ...(delivered === 0
      ? []
      : [
          `${style.warn('!')} ${countOf(delivered, 'change')} may have arrived twice: a first request got no answer (each carries an idempotency key)`,
        ]),
  ];
}
