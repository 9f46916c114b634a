// PARSE_DATE, PARSE_TIME, PARSE_DATETIME and PARSE_TIMESTAMP. What the format does not name is that of 1970-01-01 00:00:00.
// Source: "Format elements for date and time parts" of the GoogleSQL reference.
import { MONTHS } from './time-format.ts';

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MAX_FORMAT = 10_000;

type Fields = {
  year: number;
  month: number;
  day: number;
  yearDay?: number;
  hour: number;
  minute: number;
  second: number;
  micros: number;
  hour12?: boolean;
  pm?: boolean;
  offset?: number;
  epoch?: bigint;
  century?: number;
  shortYear?: number;
};

/**
 * Microseconds as text. For TIMESTAMP with `U` (a moment) or `L` (local time) before it;
 * for TIME since midnight; else since 1970-01-01 00:00:00.
 */
export function parseTime(format: string, text: string, target: string): string {
  if (format.length > MAX_FORMAT) throw new Error(`The format string is longer than ${MAX_FORMAT} characters`);
  const fail = (): never => {
    throw new Error(`Failed to parse input string "${text.slice(0, 200)}"`);
  };
  const fields: Fields = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0 };
  const end = elements(format, text, skipSpace(text, 0), fields, target, fail);
  if (skipSpace(text, end) !== text.length) fail();
  return result(fields, target, fail);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at]!)) at++;
  return at;
}

const EXPANSIONS: Readonly<Record<string, string>> = {
  F: '%Y-%m-%d',
  T: '%H:%M:%S',
  R: '%H:%M',
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
  r: '%I:%M:%S %p',
  c: '%a %b %e %H:%M:%S %Y',
};
const CLOCK = new Set(['H', 'I', 'k', 'l', 'M', 'S', 'p', 'P', 'E*S', 'E#S', 'T', 'R', 'r', 'X', 'c']);

function elements(
  format: string,
  text: string,
  from: number,
  fields: Fields,
  target: string,
  fail: () => never,
): number {
  let at = from;
  const token = /%(E\*S|E#S|E\dS|E4Y|Ez|E[cCxXyY]|O[deHImMSuUVwWy]|.)|\s+|[^%\s]/gsuy;
  token.lastIndex = 0;
  for (let match = token.exec(format); match !== null; match = token.exec(format)) {
    const [whole, raw] = match;
    if (raw === undefined) {
      if (/^\s/.test(whole)) at = skipSpace(text, at);
      else if (text.startsWith(whole, at)) at += whole.length;
      else fail();
      continue;
    }
    const name = /^E[cCxXyY]$|^O/.test(raw) ? raw.slice(1) : raw;
    if (target === 'DATE' && (CLOCK.has(name) || ['s', 'z', 'Ez', 'Z'].includes(name)))
      throw new Error(`Invalid format: %${name} is not allowed for the DATE type.`);
    if (target === 'TIME' && !CLOCK.has(name) && !['%', 'n', 't'].includes(name))
      throw new Error(`Invalid format: %${name} is not allowed for the TIME type.`);
    if (target === 'DATETIME' && ['s', 'z', 'Ez', 'Z'].includes(name))
      throw new Error(`Invalid format: %${name} is not allowed for the DATETIME type.`);
    const expansion = EXPANSIONS[name];
    at =
      expansion === undefined
        ? element(name, text, at, fields, fail)
        : elements(expansion, text, at, fields, target, fail);
  }
  return at;
}

function element(name: string, text: string, from: number, fields: Fields, fail: () => never): number {
  let at = from;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? fail();
    at += found.length;
    return found;
  };
  const number = (digits: number, low: number, high: number): number => {
    at = skipSpace(text, at);
    const value = Number(take(new RegExp(`\\d{1,${digits}}`, 'y')));
    return value < low || value > high ? fail() : value;
  };
  const word = (names: readonly string[]): number => {
    const rest = text.slice(at, at + 12).toLowerCase();
    for (const [i, full] of names.entries()) {
      const hit = [full, full.slice(0, 3)].find((form) => rest.startsWith(form));
      if (hit !== undefined) {
        at += hit.length;
        return i;
      }
    }
    return fail();
  };
  switch (name) {
    case 'Y': {
      at = skipSpace(text, at);
      fields.year = Number(take(/[+-]?\d{1,4}/y));
      break;
    }
    case 'E4Y':
      fields.year = Number(take(/\d{4}/y));
      break;
    case 'C':
      fields.century = number(2, 0, 99);
      break;
    case 'y':
      fields.shortYear = number(2, 0, 99);
      break;
    case 'm':
      fields.month = number(2, 1, 12);
      break;
    case 'd':
    case 'e':
      fields.day = number(2, 1, 31);
      break;
    case 'j':
      fields.yearDay = number(3, 1, 366);
      break;
    case 'b':
    case 'B':
    case 'h':
      fields.month = word(MONTHS.map((m) => m.toLowerCase())) + 1;
      break;
    case 'a':
    case 'A':
      word(DAYS);
      break;
    case 'u':
      number(1, 1, 7);
      break;
    case 'w':
      number(1, 0, 6);
      break;
    case 'H':
    case 'k':
      fields.hour = number(2, 0, 23);
      fields.hour12 = false;
      break;
    case 'I':
    case 'l':
      fields.hour = number(2, 1, 12);
      fields.hour12 = true;
      break;
    case 'M':
      fields.minute = number(2, 0, 59);
      break;
    case 'S':
      fields.second = number(2, 0, 60);
      break;
    case 'E*S':
    case 'E#S':
    case 'E0S':
    case 'E1S':
    case 'E2S':
    case 'E3S':
    case 'E4S':
    case 'E5S':
    case 'E6S': {
      fields.second = number(2, 0, 60);
      if (text[at] === '.') fields.micros = Number(take(/\.\d+/y).slice(1, 7).padEnd(6, '0'));
      break;
    }
    case 'p':
    case 'P':
      fields.pm = /^p/i.test(take(/[AaPp][Mm]/y));
      break;
    case 's':
      fields.epoch = BigInt(take(/-?\d{1,12}/y));
      break;
    case 'z':
    case 'Ez': {
      const zone = take(/[Zz]|[+-]\d{1,2}:?(?:\d{2})?/y);
      const match = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone);
      fields.offset =
        match === null ? 0 : (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3] ?? 0));
      break;
    }
    case 'Z': {
      const zone = take(/\S+/y);
      if (!/^(UTC|GMT|Z)$/i.test(zone))
        throw new Error(
          `PARSE_TIMESTAMP with the time zone name ${zone.slice(0, 50)} is not supported by the local BigQuery`,
        );
      fields.offset = 0;
      break;
    }
    case 'n':
    case 't':
      at = skipSpace(text, at);
      break;
    case '%':
      take(/%/y);
      break;
    default:
      throw new Error(`The format element %${name} is not supported by the local BigQuery`);
  }
  return at;
}

function result(fields: Fields, target: string, fail: () => never): string {
  if (fields.epoch !== undefined) return `U${fields.epoch * 1_000_000n}`;
  let { year, hour } = fields;
  if (fields.shortYear !== undefined)
    year =
      (fields.century === undefined ? (fields.shortYear < 69 ? 2000 : 1900) : fields.century * 100) + fields.shortYear;
  else if (fields.century !== undefined) year = fields.century * 100 + (((year % 100) + 100) % 100);
  if (fields.hour12 === true) hour = (hour % 12) + (fields.pm === true ? 12 : 0);
  if (year < 1 || year > 9999) fail();
  const clock = BigInt((hour * 60 + fields.minute) * 60 + fields.second) * 1_000_000n + BigInt(fields.micros);
  if (target === 'TIME') return clock.toString();
  const date = new Date(0);
  if (fields.yearDay === undefined) {
    date.setUTCFullYear(year, fields.month - 1, fields.day);
    if (date.getUTCDate() !== fields.day) fail();
  } else {
    date.setUTCFullYear(year, 0, fields.yearDay);
    if (date.getUTCFullYear() !== year) fail();
  }
  const micros = BigInt(date.getTime()) * 1000n + clock - BigInt(fields.offset ?? 0) * 60_000_000n;
  if (target !== 'TIMESTAMP') return micros.toString();
  return `${fields.offset === undefined ? 'L' : 'U'}${micros}`;
}
