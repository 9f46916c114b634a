import { isColumnName } from '../../catalog/table-rules.ts';

/** Names of detected columns: characters that a column may not have become `_`, duplicates get `_1`, `_2`, …. */
export function columnNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name, i) => {
    let clean = name
      .trim()
      .replaceAll(/[^\p{L}\p{M}\p{N}_]/gu, '_')
      .slice(0, 290);
    if (/^\d/.test(clean)) clean = `_${clean}`;
    if (clean === '' || !isColumnName(clean)) clean = `field_${i}`;
    let unique = clean;
    for (let n = 1; taken.has(unique.toLowerCase()); n++) unique = `${clean}_${n}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}
