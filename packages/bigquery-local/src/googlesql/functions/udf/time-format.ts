// FORMAT_DATE, FORMAT_TIME, FORMAT_DATETIME and FORMAT_TIMESTAMP, on microseconds of local time.
// Source: "Format elements for date and time parts" of the GoogleSQL reference.

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
export const MONTHS = [
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
const MAX_FORMAT = 10_000;

function two(n: number, filling = '0'): string {
  return String(n).padStart(2, filling);
}

/** `offset` in minutes from UTC; the empty string for types without a zone. */
export function formatTime(format: string, micros: string, kind: string, offset: string): string {
  if (format.length > MAX_FORMAT) throw new Error(`The format string is longer than ${MAX_FORMAT} characters`);
  const total = BigInt(micros);
  const millis = Number((total - (((total % 1000n) + 1000n) % 1000n)) / 1000n);
  const fraction = Number(((total % 1_000_000n) + 1_000_000n) % 1_000_000n);
  const date = new Date(millis);
  const minutes = offset === '' ? 0 : Number(offset);
  const part: Part = { date, fraction, minutes, utcSeconds: Math.floor(millis / 1000) - minutes * 60 };
  return format.replaceAll(/%(E\*S|E#S|E\dS|E4Y|Ez|E[cCxXyY]|O[deHImMSuUVwWy]|.)/gsu, (element, name: string) => {
    const plain = /^E[cCxXyY]$|^O/.test(name) ? name.slice(1) : name;
    // An element that the type has no part for stands for itself.
    if (!allowed(plain, kind)) return element;
    return write(plain, part) ?? refuse(element);
  });
}

function refuse(element: string): never {
  throw new Error(`The format element ${element} is not supported by the local BigQuery`);
}

type Part = { readonly date: Date; readonly fraction: number; readonly minutes: number; readonly utcSeconds: number };

const CLOCK_ELEMENTS = new Set([
  'H',
  'I',
  'k',
  'l',
  'M',
  'P',
  'p',
  'R',
  'r',
  'S',
  'T',
  'X',
  'E*S',
  'E#S',
  ...Array.from({ length: 10 }, (_, i) => `E${i}S`),
]);
const ZONE_ELEMENTS = new Set(['Z', 'z', 'Ez', 's']);
const NEUTRAL = new Set(['%', 'n', 't']);

function allowed(name: string, kind: string): boolean {
  if (NEUTRAL.has(name)) return true;
  if (kind === 'TIME') return CLOCK_ELEMENTS.has(name);
  if (kind === 'DATE') return !CLOCK_ELEMENTS.has(name) && !ZONE_ELEMENTS.has(name) && name !== 'c';
  return kind !== 'DATETIME' || !ZONE_ELEMENTS.has(name);
}

function write(name: string, part: Part): string | undefined {
  const { date, fraction, minutes } = part;
  const [year, month, day, weekday] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCDay()];
  const [hour, minute, second] = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  const yearDay =
    Math.floor((Date.UTC(2000, month, day) - Date.UTC(2000, 0, 1)) / 86_400_000) - (month > 1 && !isLeap(year) ? 1 : 0);
  const hour12 = hour % 12 === 0 ? 12 : hour % 12;
  switch (name) {
    case 'A':
      return DAYS[weekday];
    case 'a':
      return DAYS[weekday]!.slice(0, 3);
    case 'B':
      return MONTHS[month];
    case 'b':
    case 'h':
      return MONTHS[month]!.slice(0, 3);
    case 'C':
      return two(Math.floor(year / 100));
    case 'c':
      return `${DAYS[weekday]!.slice(0, 3)} ${MONTHS[month]!.slice(0, 3)} ${two(day, ' ')} ${two(hour)}:${two(minute)}:${two(second)} ${year}`;
    case 'D':
    case 'x':
      return `${two(month + 1)}/${two(day)}/${two(year % 100)}`;
    case 'd':
      return two(day);
    case 'e':
      return two(day, ' ');
    case 'F':
      return `${year}-${two(month + 1)}-${two(day)}`;
    case 'G':
      return String(isoWeek(date).year);
    case 'g':
      return two(isoWeek(date).year % 100);
    case 'V':
      return two(isoWeek(date).week);
    case 'H':
      return two(hour);
    case 'I':
      return two(hour12);
    case 'J':
      return undefined;
    case 'j':
      return String(yearDay + 1).padStart(3, '0');
    case 'k':
      return two(hour, ' ');
    case 'l':
      return two(hour12, ' ');
    case 'M':
      return two(minute);
    case 'm':
      return two(month + 1);
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'P':
      return hour < 12 ? 'am' : 'pm';
    case 'p':
      return hour < 12 ? 'AM' : 'PM';
    case 'Q':
      return String(Math.floor(month / 3) + 1);
    case 'R':
      return `${two(hour)}:${two(minute)}`;
    case 'r':
      return `${two(hour12)}:${two(minute)}:${two(second)} ${hour < 12 ? 'AM' : 'PM'}`;
    case 'S':
      return two(second);
    case 's':
      return String(part.utcSeconds);
    case 'T':
    case 'X':
      return `${two(hour)}:${two(minute)}:${two(second)}`;
    case 'U':
      return two(Math.floor((yearDay + 7 - weekday) / 7));
    case 'u':
      return String(weekday === 0 ? 7 : weekday);
    case 'W':
      return two(Math.floor((yearDay + 7 - ((weekday + 6) % 7)) / 7));
    case 'w':
      return String(weekday);
    case 'Y':
      return String(year);
    case 'E4Y':
      return String(year).padStart(4, '0');
    case 'y':
      return two(year % 100);
    case 'Z':
      return minutes % 60 === 0
        ? `UTC${minutes === 0 ? '' : `${minutes < 0 ? '-' : '+'}${Math.abs(minutes) / 60}`}`
        : `UTC${zoneOffset(minutes, '')}`;
    case 'z':
      return zoneOffset(minutes, '');
    case 'Ez':
      return zoneOffset(minutes, ':');
    case '%':
      return '%';
    case 'E*S':
    case 'E#S':
      return `${two(second)}${fraction === 0 ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`}`;
    default: {
      const digits = /^E(\d)S$/.exec(name)?.[1];
      if (digits === undefined) return undefined;
      return digits === '0'
        ? two(second)
        : `${two(second)}.${String(fraction).padStart(6, '0').padEnd(9, '0').slice(0, Number(digits))}`;
    }
  }
}

function zoneOffset(minutes: number, separator: string): string {
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(absolute / 60))}${separator}${two(absolute % 60)}`;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * 86_400_000);
  const start = new Date(0);
  start.setUTCFullYear(thursday.getUTCFullYear(), 0, 1);
  return {
    year: thursday.getUTCFullYear(),
    week: Math.floor((thursday.getTime() - start.getTime()) / (7 * 86_400_000)) + 1,
  };
}
