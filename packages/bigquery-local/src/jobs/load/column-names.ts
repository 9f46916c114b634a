// Names of columns that a load detects or finds in a file.
// Source: "Column names" of the schema pages, `columnNameCharacterMap` of JobConfigurationLoad.
import { BigQueryError } from '../../bigquery-error.ts';
import { isColumnName } from '../../catalog/table-rules.ts';

/** DEFAULT: other characters than letters, digits and `_` of any script become `_`. */
export type NameMap = 'DEFAULT' | 'STRICT' | 'V1' | 'V2';

const REPLACED: Readonly<Record<Exclude<NameMap, 'STRICT'>, RegExp>> = {
  DEFAULT: /[^\p{L}\p{M}\p{N}_]/gu,
  V1: /[^A-Za-z0-9_]/g,
  V2: /[!"$()*,./;?@[\\\]^`{}~\p{Cc}]/gu,
};

/** Characters that a column may not have become `_`, duplicates get `_1`, `_2`, …. Throws `invalid` with STRICT. */
export function columnNames(names: readonly string[], map: NameMap = 'DEFAULT'): string[] {
  const taken = new Set<string>();
  return names.map((name, i) => {
    if (map === 'STRICT' && !isColumnName(name))
      throw new BigQueryError(
        'invalid',
        `Invalid field name "${name}". Fields must contain the allowed characters, and be at most 300 characters long.`,
      );
    let clean = map === 'STRICT' ? name : name.trim().replaceAll(REPLACED[map], '_').slice(0, 290);
    if (/^\d/.test(clean) && (map === 'DEFAULT' || map === 'V1')) clean = `_${clean}`;
    if (clean === '' || !isColumnName(clean)) clean = `field_${i}`;
    let unique = clean;
    for (let n = 1; taken.has(unique.toLowerCase()); n++) unique = `${clean}_${n}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}
