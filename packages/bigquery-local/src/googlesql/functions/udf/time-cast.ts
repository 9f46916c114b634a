// CAST between STRING and DATE, TIME, DATETIME and TIMESTAMP with FORMAT.
// Source: "Format date and time as string" and "Format string as date and time" of the GoogleSQL reference.

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Longest first. Those after the bar are elements of the language that this server does not have. */
const NAMES =
  'YYYY|RRRR|YYY|YY|RR|Y,YYY|Y|MONTH|MON|MM|MI|DDD|DD|DAY|DY|D|HH12|HH24|HH|SSSSS|SS|FF[1-9]|A\\.M\\.|P\\.M\\.|AM|PM|TZH|TZM|' +
  'SYYYY|IYYY|IYY|IY|I|CC|SCC|Q|WW|IW|W|J|RM|DL|DS|TS|TZD|TZR|FM|FX|TH|SPTH|SP|THSP|AD|A\\.D\\.|BC|B\\.C\\.|DY|SYEAR|YEAR|B|E|EE|X|F';
const ELEMENT = new RegExp(
  `(?<quoted>"(?:[^"\\\\]|\\\\.)*")|(?<space>\\s+)|(?<literal>[-./,';:])|(?<name>${NAMES})`,
  'iy',
);

type Element = { readonly kind: 'name' | 'literal' | 'space'; readonly text: string };

function elementsOf(format: string): readonly Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < format.length;) {
    ELEMENT.lastIndex = at;
    const match = ELEMENT.exec(format);
    if (match === null) throw new Error(`Cannot find matched format element at ${at}`);
    const { quoted, space, literal, name } = match.groups!;
    if (name !== undefined) elements.push({ kind: 'name', text: name });
    else if (space !== undefined) elements.push({ kind: 'space', text: space });
    else elements.push({ kind: 'literal', text: literal ?? quoted!.slice(1, -1).replaceAll(/\\(.)/g, '$1') });
    at += match[0].length;
  }
  return elements;
}

const kept = new Map<string, readonly Element[]>();
const MAX_KEPT = 200;

function elements(format: string): readonly Element[] {
  let found = kept.get(format);
  if (found === undefined) {
    found = elementsOf(format);
    if (kept.size < MAX_KEPT) kept.set(format, found);
  }
  return found;
}

const DATE_NAMES = /^(?:Y,YYY|Y{1,4}|R{2}|RRRR|MONTH|MON|MM|DDD|DD|D|DAY|DY)$/;
const CLOCK_NAMES = /^(?:HH|HH12|HH24|MI|SS|SSSSS|FF\d|[AP]\.?M\.?)$/;
const ZONE_NAMES = /^TZ[HM]$/;
/** What the elements of a time are called in errors. */
const CLOCK: Readonly<Record<string, string>> = {
  HH: 'HOUR',
  HH12: 'HOUR',
  HH24: 'HOUR',
  MI: 'MINUTE',
  SS: 'SECOND',
  SSSSS: 'SECOND',
  TZH: 'TIME_ZONE',
  TZM: 'TIME_ZONE',
};

function require(kind: string, name: string, parsing = false): void {
  if (name === 'Y,YYY') throw new Error("Unsupported format element 'Y,YYY'");
  const known =
    (kind !== 'TIME' && DATE_NAMES.test(name)) ||
    (kind !== 'DATE' && CLOCK_NAMES.test(name)) ||
    (kind === 'TIMESTAMP' && ZONE_NAMES.test(name));
  if (known) return;
  const category = DATE_NAMES.test(name)
    ? /^[YR]/.test(name)
      ? 'YEAR'
      : name.startsWith('M')
        ? 'MONTH'
        : 'DAY'
    : CLOCK[name];
  throw new Error(
    parsing && category !== undefined
      ? `Format element in category ${category} ('${name}') is not allowed for output type ${kind}`
      : `${kind} does not support '${name}'`,
  );
}

/** A word in the case of the element: `MON`, `Mon` or `mon`. */
function cased(word: string, element: string): string {
  const [first = '', second = ''] = element;
  if (first !== first.toUpperCase()) return word.toLowerCase();
  return second === second.toUpperCase() ? word.toUpperCase() : word;
}

function padded(n: number, width: number): string {
  return String(n).padStart(width, '0');
}

/** `micros` since 1970 of the local time (or since midnight, for TIME), `offset` the zone's minutes. */
export function timeToText(format: string, micros: string, kind: string, offset: string): string {
  const total = BigInt(micros);
  const fraction = Number(((total % 1_000_000n) + 1_000_000n) % 1_000_000n);
  const date = new Date(Number((total - BigInt(fraction)) / 1000n));
  return elements(format)
    .map(({ kind: what, text }) => {
      if (what !== 'name') return text;
      const name = text.toUpperCase();
      require(kind, name);
      return written(name, text, date, fraction, Number(offset));
    })
    .join('');
}

function written(name: string, text: string, date: Date, fraction: number, offset: number): string {
  const year = padded(date.getUTCFullYear(), 4);
  const hour = date.getUTCHours();
  switch (name) {
    case 'YYYY':
    case 'RRRR':
      return year;
    case 'YYY':
      return year.slice(-3);
    case 'YY':
    case 'RR':
      return year.slice(-2);
    case 'Y':
      return year.slice(-1);
    case 'MM':
      return padded(date.getUTCMonth() + 1, 2);
    case 'MON':
      return cased(MONTHS[date.getUTCMonth()]!.slice(0, 3), text);
    case 'MONTH':
      return cased(MONTHS[date.getUTCMonth()]!, text);
    case 'DD':
      return padded(date.getUTCDate(), 2);
    case 'DDD':
      return padded(Math.floor((date.getTime() - Date.parse(`${year}-01-01T00:00:00Z`)) / 86_400_000) + 1, 3);
    case 'D':
      return String(date.getUTCDay() + 1);
    case 'DAY':
      return cased(DAYS[date.getUTCDay()]!, text);
    case 'DY':
      return cased(DAYS[date.getUTCDay()]!.slice(0, 3), text);
    case 'HH':
    case 'HH12':
      return padded(hour % 12 === 0 ? 12 : hour % 12, 2);
    case 'HH24':
      return padded(hour, 2);
    case 'MI':
      return padded(date.getUTCMinutes(), 2);
    case 'SS':
      return padded(date.getUTCSeconds(), 2);
    case 'SSSSS':
      return padded((hour * 60 + date.getUTCMinutes()) * 60 + date.getUTCSeconds(), 5);
    case 'AM':
    case 'PM':
      return cased(hour < 12 ? 'AM' : 'PM', text);
    case 'A.M.':
    case 'P.M.':
      return text.startsWith(text[0]!.toUpperCase()) ? (hour < 12 ? 'A.M.' : 'P.M.') : hour < 12 ? 'a.m.' : 'p.m.';
    case 'TZH':
      return `${offset < 0 ? '-' : '+'}${padded(Math.floor(Math.abs(offset) / 60), 2)}`;
    case 'TZM':
      return padded(Math.abs(offset) % 60, 2);
    default:
      return padded(fraction, 6)
        .padEnd(9, '0')
        .slice(0, Number(name.slice(2)));
  }
}

type Fields = {
  year?: number;
  month?: number;
  day?: number;
  hour24?: number;
  hour12?: number;
  afternoon?: boolean;
  minute?: number;
  second?: number;
  secondOfDay?: number;
  micros?: number;
  zoneHour?: number;
  zoneMinute?: number;
  zoneNegative?: boolean;
};

/** `U` (a moment) or `L` (local time) and microseconds; `now` gives the year and month that the text leaves out. */
export function textToTime(format: string, text: string, kind: string, now: string): string {
  const today = new Date(Number(BigInt(now) / 1000n));
  const fields: Fields = {};
  const seen = new Set<string>();
  let at = /^\s*/.exec(text)![0].length;
  const end = text.trimEnd().length;
  for (const [index, { kind: what, text: element }] of elements(format).entries()) {
    const fail = (): never => {
      throw new Error(
        at >= end
          ? `Entire timestamp string has been parsed before dealing with format element '${element}'`
          : `Failed to parse input timestamp string at ${at} with format element '${element}'`,
      );
    };
    if (what === 'space') {
      const space = /^\s+/.exec(text.slice(at))?.[0] ?? (at >= end ? '' : fail());
      at += space.length;
      continue;
    }
    if (what === 'literal') {
      if (!text.startsWith(element, at)) fail();
      at += element.length;
      continue;
    }
    const name = element.toUpperCase();
    require(kind, name, true);
    const group = /^(?:Y|RR)/.test(name) ? 'year' : /^MO?N?/.test(name) && name !== 'MI' ? 'month' : name;
    if (seen.has(group)) throw new Error(`Format element '${element}' appears more than once in the format string`);
    seen.add(group);
    const next = elements(format)[index + 1]?.kind;
    at += read(name, text.slice(at, end), fields, today, next === 'name', fail);
  }
  if (at < end) throw new Error(`Illegal non-space trailing data '${text.slice(at, end)}' in timestamp string`);
  return assembled(fields, kind, today);
}

/** Reads one element into the fields; how many characters it took. `isFollowed`: by another element, without anything between. */
function read(name: string, rest: string, fields: Fields, today: Date, isFollowed: boolean, fail: () => never): number {
  const number = (pattern: RegExp, least: number, most: number): [number, number] => {
    const digits = pattern.exec(rest)?.[0] ?? fail();
    const value = Number(digits);
    if (value < least || value > most) fail();
    return [value, digits.length];
  };
  const take = (key: keyof Fields, pattern: RegExp, least: number, most: number): number => {
    const [value, length] = number(pattern, least, most);
    Object.assign(fields, { [key]: value });
    return length;
  };
  const thisYear = today.getUTCFullYear();
  switch (name) {
    case 'YYYY':
    case 'RRRR':
      return take('year', isFollowed ? /^\d{1,4}/ : /^\d{1,5}/, 1, 9999);
    case 'YYY':
    case 'YY':
    case 'Y': {
      const width = name.length;
      const [value, length] = number(new RegExp(`^\\d{1,${width}}`), 0, 999);
      fields.year = thisYear - (thisYear % 10 ** width) + value;
      return length;
    }
    case 'RR': {
      const [value, length] = number(/^\d{1,2}/, 0, 99);
      const century =
        thisYear - (thisYear % 100) + (value < 50 ? (thisYear % 100 < 50 ? 0 : 100) : thisYear % 100 < 50 ? -100 : 0);
      fields.year = century + value;
      return length;
    }
    case 'MM':
      return take('month', /^\d{1,2}/, 1, 12);
    case 'MON':
    case 'MONTH': {
      const index = MONTHS.findIndex((month) =>
        rest.toLowerCase().startsWith((name === 'MON' ? month.slice(0, 3) : month).toLowerCase()),
      );
      if (index < 0) fail();
      fields.month = index + 1;
      return name === 'MON' ? 3 : MONTHS[index]!.length;
    }
    case 'DD':
      return take('day', /^\d{1,2}/, 1, 31);
    case 'HH24':
      return take('hour24', /^\d{1,2}/, 0, 23);
    case 'HH':
    case 'HH12':
      return take('hour12', /^\d{1,2}/, 1, 12);
    case 'MI':
      return take('minute', /^\d{1,2}/, 0, 59);
    case 'SS':
      return take('second', /^\d{1,2}/, 0, 59);
    case 'SSSSS':
      return take('secondOfDay', /^\d{1,5}/, 0, 86_399);
    case 'AM':
    case 'PM':
    case 'A.M.':
    case 'P.M.': {
      const word = (name.includes('.') ? /^[ap]\.m\./i : /^[ap]m/i).exec(rest)?.[0] ?? fail();
      fields.afternoon = word[0]!.toLowerCase() === 'p';
      return word.length;
    }
    case 'TZH': {
      const match = /^([+-]|\s)(\d{1,2})/.exec(rest) ?? fail();
      fields.zoneNegative = match[1] === '-';
      fields.zoneHour = Number(match[2]);
      if (fields.zoneHour > 14) fail();
      return match[0].length;
    }
    case 'TZM':
      return take('zoneMinute', /^\d{1,2}/, 0, 59);
    default: {
      if (!name.startsWith('FF')) throw new Error(`Format element '${name}' is not supported for parsing`);
      const digits = new RegExp(`^\\d{1,${name.slice(2)}}`).exec(rest)?.[0] ?? fail();
      fields.micros = Number(digits.padEnd(6, '0').slice(0, 6));
      return digits.length;
    }
  }
}

function assembled(fields: Fields, kind: string, today: Date): string {
  if (fields.hour12 !== undefined && fields.afternoon === undefined)
    throw new Error("Format element in category MERIDIAN_INDICATOR is required when format element 'HH12' exists");
  if (fields.afternoon !== undefined && fields.hour12 === undefined)
    throw new Error("Format elements 'AM', 'PM', 'A.M.' and 'P.M.' need 'HH' or 'HH12'");
  const hour =
    fields.hour12 === undefined ? (fields.hour24 ?? 0) : (fields.hour12 % 12) + (fields.afternoon === true ? 12 : 0);
  const seconds = fields.secondOfDay ?? (hour * 60 + (fields.minute ?? 0)) * 60 + (fields.second ?? 0);
  const clock = BigInt(seconds) * 1_000_000n + BigInt(fields.micros ?? 0);
  if (kind === 'TIME') return `L${clock}`;
  const year = fields.year ?? today.getUTCFullYear();
  const month = fields.month ?? today.getUTCMonth() + 1;
  const day = fields.day ?? 1;
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  if (year < 1 || date.getUTCMonth() !== month - 1)
    throw new Error('Invalid result from year, month, day values after parsing');
  const local = BigInt(date.getTime()) * 1000n + clock;
  if (fields.zoneHour === undefined && fields.zoneMinute === undefined) return `L${local}`;
  const minutes = ((fields.zoneHour ?? 0) * 60 + (fields.zoneMinute ?? 0)) * (fields.zoneNegative === true ? -1 : 1);
  return `U${local - BigInt(minutes) * 60_000_000n}`;
}
