import type { ModelColumns } from '@sluice/engine';
import { bytes, countOf, printable } from './style.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

export function columnsLines(model: string, described: ModelColumns, width: number, style: Style): string[] {
  const { columns, key, timestamp, bytesEstimated } = described;
  const role = (name: string): string => {
    if (name === key) return 'identifier';
    return name === timestamp ? 'timestamp' : '';
  };
  return [
    ...table(
      [{ title: 'column' }, { title: 'type' }, { title: '' }],
      columns.map(({ name, type }) => [printable(name), type, role(name)]),
      width,
      style,
    ),
    '',
    style.dim(
      `Model "${printable(model)}": ${countOf(columns.length, 'column')}; its query would read ${bytes(bytesEstimated)}.`,
    ),
  ];
}
