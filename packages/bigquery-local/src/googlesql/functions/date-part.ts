// Date parts: the analyser's enum numbers (`zetasql.functions.DateTimestampPart`) and names.

const NAMES: Readonly<Record<number, string>> = {
  1: 'YEAR',
  2: 'MONTH',
  3: 'DAY',
  4: 'DAYOFWEEK',
  5: 'DAYOFYEAR',
  6: 'QUARTER',
  7: 'HOUR',
  8: 'MINUTE',
  9: 'SECOND',
  10: 'MILLISECOND',
  11: 'MICROSECOND',
  12: 'NANOSECOND',
  13: 'DATE',
  14: 'WEEK',
  15: 'DATETIME',
  16: 'TIME',
  17: 'ISOYEAR',
  18: 'ISOWEEK',
  19: 'WEEK_MONDAY',
  20: 'WEEK_TUESDAY',
  21: 'WEEK_WEDNESDAY',
  22: 'WEEK_THURSDAY',
  23: 'WEEK_FRIDAY',
  24: 'WEEK_SATURDAY',
};

/** `DAY` for 3. Undefined for a number that is no date part. */
export function datePartName(enumNumber: number): string | undefined {
  return NAMES[enumNumber];
}
