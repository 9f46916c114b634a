// The statements that bring a staging table's rows into the target.
import type { Target } from './settings.ts';
import { quoted } from './settings.ts';
import type { Table } from './table.ts';

/** `columns`: of the staging table. Each record stands in it once. */
export function changeStatements(
  { mode, key }: Target,
  { name }: Table,
  staging: string,
  columns: readonly string[],
  deletes: boolean,
): string[] {
  const list = columns.map(quoted).join(', ');
  const keys = key.map(quoted);
  const same = keys.map((each) => `t.${each} = s.${each}`).join(' AND ');
  if (deletes)
    return mode === 'mirror' || mode === 'delete' ? [`DELETE FROM ${name} t USING ${staging} s WHERE ${same}`] : [];
  const rest = columns.map(quoted).filter((each) => !keys.includes(each));
  const insert = `INSERT INTO ${name} (${list}) SELECT ${list} FROM ${staging}`;
  switch (mode) {
    case 'append':
      return [insert];
    case 'add':
      return [`${insert} ON CONFLICT (${keys.join(', ')}) DO NOTHING`];
    case 'update': {
      const changes = rest.map((each) => `${each} = s.${each}`).join(', ');
      return rest.length === 0 ? [] : [`UPDATE ${name} t SET ${changes} FROM ${staging} s WHERE ${same}`];
    }
    case 'delete':
      return [];
    default: {
      const changes = rest.map((each) => `${each} = EXCLUDED.${each}`).join(', ');
      return [
        `${insert} ON CONFLICT (${keys.join(', ')}) DO ${rest.length === 0 ? 'NOTHING' : `UPDATE SET ${changes}`}`,
      ];
    }
  }
}
