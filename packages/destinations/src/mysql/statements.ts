// The statements that bring a batch's rows into the target.
import { quoted } from './settings.ts';
import type { Target } from './settings.ts';
import type { Table } from './table.ts';

/** For one connection; other connections do not see it. */
export const STAGING = '`sluice_staging`';

/**
 * True when one INSERT … ON DUPLICATE KEY UPDATE does it. It follows every unique index, so a row that
 * collides in another one would overwrite a record that is not its own; and a text key that ignores case
 * would take two records for one.
 */
export function isDirect({ mode, key }: Target, table: Table, columns: readonly string[], deletes: boolean): boolean {
  if (mode === 'append') return true;
  if (deletes || mode === 'update' || mode === 'delete') return false;
  const loose = key.some((each) => table.columns.get(each)?.looseText === true);
  return !loose && !table.otherUnique.has('') && !columns.some((each) => table.otherUnique.has(each));
}

/** What stands before and after the rows of a direct INSERT. */
export function directInsert({ mode, key }: Target, { name }: Table, columns: readonly string[]): [string, string] {
  const head = `INSERT INTO ${name} (${columns.map(quoted).join(', ')}) VALUES `;
  if (mode === 'append') return [head, ''];
  const rest = mode === 'add' ? [] : columns.filter((each) => !key.includes(each));
  const changed = (rest.length === 0 ? key.slice(0, 1) : rest).map(quoted);
  // Setting the key to itself changes nothing.
  const changes = changed.map((each) =>
    rest.length === 0 ? `${each} = ${name}.${each}` : `${each} = VALUES(${each})`,
  );
  return [head, ` ON DUPLICATE KEY UPDATE ${changes.join(', ')}`];
}

/** A primary key of its own, because some servers want one in every table. */
export function createStaging({ name }: Table, columns: readonly string[]): string {
  const list = columns.map(quoted).join(', ');
  return `CREATE TEMPORARY TABLE ${STAGING} (sluice_ordinal INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) AS SELECT ${list} FROM ${name} LIMIT 0`;
}

/** From the staging table into the target. */
export function stagedStatements(
  { mode, key }: Target,
  { name, columns: known }: Table,
  columns: readonly string[],
  deletes: boolean,
): string[] {
  const same = key
    .map((each) => {
      const [t, s] = [`t.${quoted(each)}`, `s.${quoted(each)}`];
      const exact = known.get(each)?.looseText === true ? ` AND CAST(${t} AS BINARY) = CAST(${s} AS BINARY)` : '';
      return `${t} = ${s}${exact}`;
    })
    .join(' AND ');
  if (deletes)
    return mode === 'mirror' || mode === 'delete' ? [`DELETE t FROM ${name} t JOIN ${STAGING} s ON ${same}`] : [];
  const list = columns.map(quoted);
  const changes = columns.filter((each) => !key.includes(each)).map((each) => `t.${quoted(each)} = s.${quoted(each)}`);
  const update =
    changes.length === 0 ? [] : [`UPDATE ${name} t JOIN ${STAGING} s ON ${same} SET ${changes.join(', ')}`];
  const insert = `INSERT INTO ${name} (${list.join(', ')}) SELECT ${list.map((each) => `s.${each}`).join(', ')}
    FROM ${STAGING} s LEFT JOIN ${name} t ON ${same} WHERE t.${quoted(key[0] ?? '')} IS NULL`;
  switch (mode) {
    case 'delete':
      return [];
    case 'update':
      return update;
    case 'add':
      return [insert];
    default:
      return [...update, insert];
  }
}
