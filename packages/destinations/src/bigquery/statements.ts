// The statement that brings a sync's staged changes into the target.
import { OWN_PREFIX, quoted } from './settings.ts';
import type { Target } from './settings.ts';
import type { Table } from './table.ts';
import { typeOf } from './values.ts';

/** Columns of the staging table beside the target's. */
export const ORDINAL = `${OWN_PREFIX}ordinal`;
export const OPERATION = `${OWN_PREFIX}operation`;
/** The columns that the row writes, when they are not those of the sync's first row. */
export const WRITTEN = `${OWN_PREFIX}written`;

export type Staged = {
  /** Columns that some row writes. */
  readonly columns: readonly string[];
  /** Those of the rows whose `WRITTEN` is empty. */
  readonly usual: ReadonlySet<string>;
  /** Some row writes other columns than the usual ones. */
  readonly varies: boolean;
};

/** Undefined when the mode leaves all of it alone. */
export function changeStatement(target: Target, table: Table, staging: string, staged: Staged): string | undefined {
  const { mode, key } = target;
  const list = staged.columns.map(quoted).join(', ');
  const values = staged.columns.map((each) => {
    const column = quoted(each);
    const field = table.columns.get(each);
    return field !== undefined && typeOf(field) === 'JSON' ? `PARSE_JSON(${column}) AS ${column}` : column;
  });
  // A batch that was sent twice lies there twice.
  const source = `SELECT ${[...values, ORDINAL, OPERATION, WRITTEN].join(', ')} FROM ${staging}
    WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY ${ORDINAL}) = 1`;
  if (mode === 'append') return `INSERT INTO ${table.name} (${list}) SELECT ${list} FROM (${source})`;
  const deletes = mode === 'mirror' || mode === 'delete';
  const writes = mode !== 'delete';
  const changes = writes && mode !== 'add' ? staged.columns.filter((each) => !key.includes(each)) : [];
  const clauses = [
    ...(deletes ? [`WHEN MATCHED AND s.${OPERATION} = 'deleted' THEN DELETE`] : []),
    ...(changes.length > 0
      ? [
          `WHEN MATCHED AND s.${OPERATION} <> 'deleted' THEN UPDATE SET ${changes
            .map((each) => `${quoted(each)} = ${newValue(each, staged)}`)
            .join(', ')}`,
        ]
      : []),
    ...(writes && mode !== 'update'
      ? [
          `WHEN NOT MATCHED AND s.${OPERATION} <> 'deleted' THEN INSERT (${list}) VALUES (${staged.columns
            .map((each) => `s.${quoted(each)}`)
            .join(', ')})`,
        ]
      : []),
  ];
  if (clauses.length === 0) return undefined;
  const same = key.map((each) => `t.${quoted(each)} = s.${quoted(each)}`).join(' AND ');
  return `MERGE INTO ${table.name} t USING (${source}) s ON ${same} ${clauses.join(' ')}`;
}

/** A row that does not write the column leaves it as it is. */
function newValue(column: string, { usual, varies }: Staged): string {
  const name = quoted(column);
  if (!varies) return `s.${name}`;
  const named = `${textLiteral(column)} IN UNNEST(s.${WRITTEN})`;
  const written = usual.has(column) ? `(ARRAY_LENGTH(s.${WRITTEN}) = 0 OR ${named})` : named;
  return `IF(${written}, s.${name}, t.${name})`;
}

function textLiteral(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
