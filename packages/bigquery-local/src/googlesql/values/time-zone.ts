// Time zones in DuckDB SQL: a name (America/New_York) or an offset (+8, -05:30, +0530). DuckDB knows only names.
import { quoteText } from './literal.ts';
import { bind, raise } from './sql-text.ts';

const OFFSET = /^([+-])(\d{1,2})(?::?(\d{2}))?$/;

/** The moment of a local date and time in a zone; `zone` is SQL. An unknown zone raises GoogleSQL's error. */
export function atZone(local: string, zone: string): string {
  return inEither(
    zone,
    'TIMESTAMP WITH TIME ZONE',
    (minutes) => `CAST((${local}) - to_minutes(${minutes}) AS TIMESTAMP WITH TIME ZONE)`,
    // A local time that comes twice, when clocks go back, is the earlier moment; DuckDB takes the later one.
    (name) =>
      bind([`(${local})`, name], (l, z) =>
        bind(
          [`timezone(${z}, ${l})`],
          (moment) =>
            `CASE WHEN timezone(${z}, ${moment} - to_hours(1)) = ${l} THEN ${moment} - to_hours(1) ELSE ${moment} END`,
        ),
      ),
  );
}

/** The local date and time of a moment in a zone; `zone` is SQL. An unknown zone raises GoogleSQL's error. */
export function inZone(moment: string, zone: string): string {
  return inEither(
    zone,
    'TIMESTAMP',
    (minutes) => `CAST(${moment} AS TIMESTAMP) + to_minutes(${minutes})`,
    (name) => `timezone(${name}, ${moment})`,
  );
}

function inEither(
  zone: string,
  result: string,
  byOffset: (minutes: string) => string,
  byName: (name: string) => string,
): string {
  const constant = /^'([^']*)'$/.exec(zone)?.[1];
  if (constant !== undefined) {
    const offset = offsetMinutes(constant);
    if (offset !== undefined) return byOffset(String(offset));
    if (!isTimeZone(constant)) return `CAST(${raise(quoteText(unknownZone(constant)))} AS ${result})`;
    return byName(zone);
  }
  return `CASE WHEN ${zone}[1] IN ('+', '-') THEN ${byOffset(`CAST(bq_zone_offset(${zone}) AS INTEGER)`)} ELSE ${byName(`bq_zone_name(${zone})`)} END`;
}

/** Signed minutes of an offset; undefined for a name. */
export function offsetMinutes(zone: string): number | undefined {
  const match = OFFSET.exec(zone);
  if (match === null) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  if (minutes > 14 * 60) return undefined;
  return match[1] === '-' ? -minutes : minutes;
}

/** GoogleSQL's error text. */
export function unknownZone(zone: string): string {
  return zone === '' ? 'Invalid empty time zone' : `Invalid time zone: ${zone.slice(0, 100)}`;
}

/** ICU knows more names than the IANA database, which is GoogleSQL's: PST, IST and their like. */
const IANA_ABBREVIATION = /^(?:CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)$/;
/** ICU reads names in any case, GoogleSQL as they are spelled. */
const SPELLED = /^(?:[A-Z][a-zA-Z0-9+-]*|(?:US|[A-Z][a-z]+)\/[A-Z][A-Za-z0-9_+/-]*)$/;

const known = new Map<string, boolean>();
const MAX_KNOWN = 2000;

export function isTimeZone(name: string): boolean {
  if (!SPELLED.test(name) || (/^[A-Z]{3}$/.test(name) && !IANA_ABBREVIATION.test(name))) return false;
  let answer = known.get(name);
  if (answer === undefined) {
    try {
      answer =
        new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '' && !/^[+-]/.test(name);
    } catch {
      answer = false;
    }
    if (known.size < MAX_KNOWN) known.set(name, answer);
  }
  return answer;
}
