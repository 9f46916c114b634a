// INTERVAL from text.
import { parseInterval } from '../../values/interval.ts';

/** `months days micros`; NULL for text that is no interval. */
export function intervalParts(text: string): string | null {
  const parsed = parseInterval(text);
  return parsed === undefined ? null : `${parsed.months} ${parsed.days} ${parsed.micros}`;
}
