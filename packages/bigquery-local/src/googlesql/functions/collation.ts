// The sort key of a text under `und:ci`: ICU's key of the root collation up to its secondary level, which tells letters
// and accents apart but not upper from lower case. Keys compare as the texts do.
// Source: "Working with collation" of the GoogleSQL reference; "Sort key format" of UTS #10, section 7.3.
import { template } from './call.ts';
import type { ScalarFunction } from './contract.ts';

/** In the key's hexadecimal text, levels are parted by the byte 01, which no level holds. */
const TWO_LEVELS = '^((?:[0-9A-F]{2})*?01(?:[0-9A-F]{2})*?)01';

export const collationFunctions: Readonly<Record<string, ScalarFunction>> = {
  $collation_key: template(
    1,
    (x) => `CASE WHEN ${x} IS NOT NULL THEN regexp_extract(icu_sort_key(${x}, 'und'), '${TWO_LEVELS}', 1) END`,
  ),
};
