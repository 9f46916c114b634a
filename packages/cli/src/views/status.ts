import type { MappingStatus } from '@sluice/engine';
import { countOf } from './style.ts';
import type { Style } from './style.ts';
import { stateText } from './sync.ts';
import { table } from './table.ts';

/** How many of the last syncs are shown per mapping. */
export type StatusDetail = 'last' | 'history';

export function statusLines(
  statuses: readonly MappingStatus[],
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

function mappingLines(status: MappingStatus, detail: StatusDetail, width: number, style: Style): string[] {
  const [last] = status.history;
  const lines = [`${style.bold(status.mapping)}  ${nowText(status, style)}`];
  if (status.state === 'new') return lines;
  const rejects = [
    ...(status.rejects.waiting > 0
      ? [style.warn(`${countOf(status.rejects.waiting, 'rejected record')} to be tried again`)]
      : []),
    ...(status.rejects.quarantined > 0 ? [style.warn(`${status.rejects.quarantined} in quarantine`)] : []),
  ];
  lines.push(`  ${[`${countOf(status.records, 'record')} at the destination`, ...rejects].join(', ')}`);
  if (last === undefined) return lines;
  if (detail === 'last') {
    lines.push(
      `  last sync ${last.finishedAt}: ${stateText(last.state, style)}, + ${last.added} ~ ${last.updated} − ${last.deleted}, ${last.delivered} delivered, ${last.rejected} rejected`,
    );
    return lines;
  }
  const right = 'right' as const;
  const rows = status.history.map((sync) => [
    sync.finishedAt.replace(/T(.{8}).*/, ' $1'),
    sync.state.replaceAll('_', ' '),
    ...[sync.added, sync.updated, sync.deleted, sync.delivered, sync.rejected, sync.deferred, sync.invalid].map(String),
  ]);
  const columns = [
    { title: 'finished (UTC)' },
    { title: 'state' },
    ...['+', '~', '−', 'delivered', 'rejected', 'deferred', 'invalid'].map((title) => ({
      title,
      align: right,
    })),
  ];
  return [...lines, ...table(columns, rows, width - 2, style).map((line) => `  ${line}`)];
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
        `blocked${status.syncId === undefined ? '' : `; approve with: sluice sync ${status.mapping} --approve ${status.syncId}`}`,
      );
    default:
      return status.state satisfies never;
  }
}
