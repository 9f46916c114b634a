// Suggested and imported mappings, for people.
import type { JsonObject } from '@sluice/core';
import type { SuggestedMapping } from '@sluice/destinations';
import { mappingYaml } from '../config/write-mapping.ts';
import { printable } from './style.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

export function suggestionLines(
  document: Omit<SuggestedMapping, 'fields'> & {
    readonly name: string;
    readonly mapping: JsonObject;
    readonly written: boolean;
  },
  width: number,
  style: Style,
): string[] {
  const { name, mapping, suggestions, missing, unusedColumns, written } = document;
  return [
    ...(suggestions.length === 0
      ? ['No column fits a field of this action.']
      : table(
          [{ title: 'Field' }, { title: 'Columns' }, { title: 'Score', align: 'right' }, { title: 'Reason' }],
          suggestions.map(({ field, columns, score, reason, required }) => [
            `${field}${required ? ' (required)' : ''}`,
            columns.join(', '),
            score.toFixed(2),
            reason,
          ]),
          width,
          style,
        )),
    ...(missing.length === 0
      ? []
      : [
          '',
          style.warn('Required, without a suggestion:'),
          ...missing.map(({ field, label }) => `  ${field}  ${printable(label)}`),
        ]),
    ...(unusedColumns.length === 0 ? [] : ['', style.dim(`Columns that nothing takes: ${unusedColumns.join(', ')}`)]),
    '',
    ...writtenLines(name, mapping, written, style),
  ];
}

export function writtenLines(name: string, mapping: JsonObject, written: boolean, style: Style): string[] {
  if (written) {
    return [`${style.good('✓')} Added as mapping "${name}" to sluice.yaml. Next: sluice mappings test ${name}`];
  }
  return [
    ...mappingYaml(name, mapping).trimEnd().split('\n').map(printable),
    '',
    style.dim('--write adds it to sluice.yaml.'),
  ];
}
