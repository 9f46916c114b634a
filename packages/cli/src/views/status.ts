import type { MappingStatus } from '@sluice/engine';
import type { Problem } from '../config/problem.ts';
import { countOf, figure, printable } from './style.ts';
import type { Style } from './style.ts';
import { stateText } from './sync.ts';
import { table } from './table.ts';

/** A mapping's state, and what is wrong with its entry in sluice.yaml, if anything. */
export type StatusOfEntry = MappingStatus & { readonly problems?: readonly Problem[] };

/** How many of the last syncs are shown per mapping. */
export type StatusDetail = 'last' | 'history';

export function statusLines(
  statuses: readonly StatusOfEntry[],
  detail: StatusDetail,
  width: number,
  style: Style,
): string[] {
  if (statuses.length === 0) return ['No mapping is configured yet.'];
  return statuses.flatMap((status, index) => [
    ...(index === 0 ? [] : ['']),
    ...mappingLines(status, detail, width, style),
  ]);
}

function mappingLines(status: StatusOfEntry, detail: StatusDetail, width: number, style: Style): string[] {
  const [last] = status.history;
  const lines = [`${style.bold(printable(status.mapping))}  ${nowText(status, style)}`, ...problemLines(status, style)];
  if (status.paused !== undefined) {
    const { by, at, reason, until } = status.paused;
    const name = printable(status.mapping);
    lines.push(
      until !== undefined
        ? `  ${style.warn('paused')} until ${until}${reason === undefined ? '' : `: ${printable(reason)}`}; to try at once: sluice resume ${name}`
        : `  ${style.warn('paused')} by ${printable(by)} at ${at}${reason === undefined ? '' : `: ${printable(reason)}`}; syncs are skipped until: sluice resume ${printable(status.mapping)}`,
    );
  }
  if (status.cancelRequested === true) lines.push(`  ${style.warn('a cancel was asked for')}; the sync stops soon`);
  if (status.state === 'new') return lines;
  const rejects = [
    ...(status.rejects.waiting > 0
      ? [style.warn(`${countOf(status.rejects.waiting, 'rejected record')} to be tried again`)]
      : []),
    ...(status.rejects.quarantined > 0 ? [style.warn(`${figure(status.rejects.quarantined)} in quarantine`)] : []),
  ];
  if (status.watermark !== undefined)
    lines.push(
      `  incremental: rows from ${status.watermark} on are read; ${style.warn('deleted records are not looked for')}`,
    );
  lines.push(`  ${[`${countOf(status.records, 'record')} at the destination`, ...rejects].join(', ')}`);
  if (last === undefined) return lines;
  if (detail === 'last') {
    lines.push(
      `  last sync ${last.finishedAt}: ${stateText(last.state, style)}, + ${figure(last.added)} ~ ${figure(last.updated)} − ${figure(last.deleted)}, ${figure(last.delivered)} delivered, ${figure(last.rejected)} rejected`,
    );
    return lines;
  }
  return [...lines, ...historyTable(status.history, width - 2, style).map((line) => `  ${line}`)];
}

function problemLines({ problems = [] }: StatusOfEntry, style: Style): string[] {
  return problems.flatMap(({ message, where, fix }) => [
    `  ${style.bad('!')} ${message}`,
    `    at ${where}`,
    `    ${style.dim('fix:')} ${fix}`,
  ]);
}

/** Columns that are zero throughout tell nothing, and take the room of those that do. */
function historyTable(history: MappingStatus['history'], width: number, style: Style): string[] {
  const optional = (['rejected', 'deferred', 'invalid'] as const).filter((name) =>
    history.some((sync) => sync[name] > 0),
  );
  const shown = ['added', 'updated', 'deleted', 'delivered', ...optional] as const;
  const titles: Partial<Record<(typeof shown)[number], string>> = { added: '+', updated: '~', deleted: '−' };
  const rows = history.map((sync) => [
    sync.finishedAt.replace(/T(.{8}).*/, ' $1'),
    sync.state === 'partially_succeeded' ? 'partial' : sync.state,
    ...shown.map((name) => figure(sync[name])),
  ]);
  const columns = [
    { title: 'finished (UTC)' },
    { title: 'state' },
    ...shown.map((name) => ({ title: titles[name] ?? name, align: 'right' as const })),
  ];
  return table(columns, rows, width, style);
}

function nowText(status: MappingStatus, style: Style): string {
  switch (status.state) {
    case 'new':
      return style.dim('never synced');
    case 'idle':
      return style.dim('idle');
    case 'running':
      return style.good(
        `running${status.phase === undefined ? '' : ` (${status.phase})`}${status.holder === undefined ? '' : ` on ${status.holder}`}`,
      );
    case 'interrupted':
      return style.warn('interrupted; the next sync goes on with it');
    case 'blocked':
      return style.warn(
        `blocked${status.syncId === undefined ? '' : `; approve with: sluice sync ${status.mapping} --approve ${status.syncId}, or: sluice discard ${status.mapping}/${status.syncId}`}`,
      );
    default:
      return status.state satisfies never;
  }
}
