// Checks of time zones that are not constants.
import { isTimeZone, offsetMinutes, unknownZone } from '../../values/time-zone.ts';

export function zoneOffset(zone: string): string {
  return String(offsetMinutes(zone) ?? unknown(zone));
}

/** The name itself, if the zone exists. */
export function zoneName(zone: string): string {
  return isTimeZone(zone) ? zone : unknown(zone);
}

function unknown(zone: string): never {
  throw new Error(unknownZone(zone));
}
