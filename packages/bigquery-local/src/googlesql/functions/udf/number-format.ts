// CAST of a number AS STRING with FORMAT: digits, groups, point, sign, currency, hexadecimal and exponent.
// TM (text minimal) and RN (Roman) are refused by name.
// Source: "Format numeric type as string" of the GoogleSQL reference.
import { fraction } from './float.ts';

type Format = {
  /** `9`, `0`, `X` and `,` before the point. */
  readonly whole: string;
  /** Digits after the point. */
  readonly places: number;
  readonly point: '' | '.' | 'V';
  readonly sign: '' | 'S' | 'S at the end' | 'MI' | 'PR';
  readonly currency: '' | '$' | 'USD';
  readonly compact: boolean;
  readonly blank: boolean;
  readonly lowerHex: boolean;
  readonly exponent: '' | 'E' | 'e';
};

const ELEMENTS = /EEEE|TM9|TME|TM|RN|FM|MI|PR|[09XS$CLBVDG.,]/iy;

function bad(why: string): never {
  throw new Error(`Error in format string: ${why}`);
}

function parse(text: string): Format {
  let whole = '';
  let places = 0;
  let point: Format['point'] = '';
  let sign: Format['sign'] = '';
  let currency: Format['currency'] = '';
  let [compact, blank, lowerHex] = [false, false, false];
  let exponent: Format['exponent'] = '';
  const once = (seen: boolean, name: string): void => {
    if (seen) bad(`There can be at most one of ${name}`);
  };
  for (let at = 0; at < text.length;) {
    ELEMENTS.lastIndex = at;
    const found = ELEMENTS.exec(text)?.[0];
    if (found === undefined) bad(`Invalid format element '${String.fromCodePoint(text.codePointAt(at)!)}'`);
    at += found.length;
    const element = found.toUpperCase();
    const isLast = sign === 'MI' || sign === 'PR' || sign === 'S at the end';
    if (isLast) bad(`Unexpected '${element}'`);
    if (exponent !== '' && !['MI', 'PR', 'S'].includes(element)) bad(`'${element}' cannot appear after 'EEEE'`);
    switch (element) {
      case '9':
      case '0':
      case 'X':
        if (element === 'X' ? whole.includes('9') : element === '9' && whole.includes('X'))
          bad("'X' cannot appear together with '9'");
        if (element === 'X') {
          if (point !== '') bad(`'X' cannot appear together with '.', 'D' or 'V'`);
          if (!whole.includes('X')) lowerHex = found === 'x';
        }
        if (point === '') whole += element;
        else places += 1;
        break;
      case ',':
      case 'G':
        if (point !== '') bad(`'${element}' cannot appear after '.', 'D', or 'V'`);
        if (whole === '') bad(`'${element}' cannot appear before any digit`);
        whole += ',';
        break;
      case '.':
      case 'D':
      case 'V':
        once(point !== '', "'.', 'D', or 'V'");
        point = element === 'V' ? 'V' : '.';
        break;
      case 'S':
        once(sign !== '', "'S', 'MI', or 'PR'");
        sign = whole === '' && places === 0 && point === '' && currency === '' ? 'S' : 'S at the end';
        break;
      case 'MI':
      case 'PR':
        once(sign !== '', "'S', 'MI', or 'PR'");
        if (whole === '' && places === 0) bad(`'${element}' can only appear after all digits and 'EEEE'`);
        sign = element;
        break;
      case '$':
      case 'L':
      case 'C':
        once(currency !== '', "'$', 'C' or 'L'");
        currency = element === 'C' ? 'USD' : '$';
        break;
      case 'B':
        once(blank, "'B'");
        blank = true;
        break;
      case 'FM':
        once(compact, "'FM'");
        compact = true;
        break;
      case 'EEEE':
        if (whole === '' && places === 0) bad("Unexpected 'EEEE'");
        if (whole.includes('X')) bad("'EEEE' cannot appear together with 'X'");
        exponent = found.startsWith('E') ? 'E' : 'e';
        break;
      default:
        throw new Error(`The format element ${element} is not supported by the local BigQuery`);
    }
  }
  if (!/[09X]/.test(whole) && places === 0) bad("Format string must contain at least one of 'X', '0' or '9'");
  return { whole, places, point, sign, currency, compact, blank, lowerHex, exponent };
}

const kept = new Map<string, Format>();
const MAX_KEPT = 200;

function formatOf(text: string): Format {
  let format = kept.get(text);
  if (format === undefined) {
    format = parse(text);
    if (kept.size < MAX_KEPT) kept.set(text, format);
  }
  return format;
}

/** A magnitude as a quotient; halves of floats go to the even digit, as printf has it, those of decimals away from zero. */
type Magnitude = { readonly n: bigint; readonly d: bigint; readonly halfToEven: boolean };

function rounded({ n, d, halfToEven }: Magnitude, scale: number): bigint {
  const [a, b] = scale >= 0 ? [n * 10n ** BigInt(scale), d] : [n, d * 10n ** BigInt(-scale)];
  const quotient = a / b;
  const twice = 2n * (a % b);
  return twice > b || (twice === b && (!halfToEven || quotient % 2n === 1n)) ? quotient + 1n : quotient;
}

function magnitudeOf(text: string, kind: string): Magnitude {
  if (kind === 'FLOAT64') {
    const [n, d] = fraction(Number(text));
    return { n, d, halfToEven: true };
  }
  const [whole = '', places = ''] = text.replace('-', '').split('.');
  return { n: BigInt(whole + places), d: 10n ** BigInt(places.length), halfToEven: false };
}

/** `text` as DuckDB writes the number, plain decimal text for all but FLOAT64. */
export function formatNumber(pattern: string, text: string, kind: string): string {
  const format = formatOf(pattern);
  const negative = text.startsWith('-');
  if (/nan|inf/i.test(text)) return signed(format, word(format, /nan/i.test(text) ? 'NAN' : 'INF'), negative);
  const magnitude = magnitudeOf(text, kind);
  const body = format.exponent === '' ? fixed(format, magnitude) : exponential(format, magnitude, format.exponent);
  return signed(format, body, negative);
}

/** NAN or INF where the digits before the point stand. */
function word(format: Format, text: string): string {
  const { whole, places, compact } = format;
  const point = format.point === '.' ? 1 : 0;
  if (format.exponent !== '') return text;
  if (text.length > whole.replaceAll(',', '').length)
    return `${whole.replaceAll(/[^,]/g, '#')}${point === 0 ? '' : '.'}${'#'.repeat(places)}`;
  return compact ? text : text + ' '.repeat(point + places);
}

function exponential(format: Format, magnitude: Magnitude, letter: string): string {
  let exponent = 0;
  if (magnitude.n !== 0n) {
    exponent = magnitude.n.toString().length - magnitude.d.toString().length;
    if (rounded(magnitude, format.places - exponent) < 10n ** BigInt(format.places)) exponent -= 1;
    if (rounded(magnitude, format.places - exponent) >= 10n ** BigInt(format.places + 1)) exponent += 1;
  }
  const digits = rounded(magnitude, format.places - exponent)
    .toString()
    .padStart(format.places + 1, '0');
  const places = format.compact ? digits.slice(1).replace(/0+$/, '') : digits.slice(1);
  const power = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  return `${digits[0]}${format.point === '' ? '' : '.'}${places}${letter}${power}`;
}

function fixed(format: Format, magnitude: Magnitude): string {
  const { whole, places, compact } = format;
  const hex = whole.includes('X');
  const scaled = rounded(hex ? { ...magnitude, halfToEven: false } : magnitude, places);
  const unit = 10n ** BigInt(places);
  const positions = whole.replaceAll(',', '');
  let digits = (scaled / unit).toString(hex ? 16 : 10);
  if (!format.lowerHex) digits = digits.toUpperCase();
  if (scaled / unit === 0n) digits = '';
  let tail = places === 0 ? '' : (scaled % unit).toString().padStart(places, '0');
  const point = format.point === '.' ? '.' : '';
  if (digits.length > positions.length) return `${whole.replaceAll(/[^,]/g, '#')}${point}${'#'.repeat(places)}`;
  if (format.blank && digits === '') return '';
  if (compact && point !== '') tail = tail.replace(/0+$/, '');
  const least = positions.includes('0')
    ? positions.length - positions.indexOf('0')
    : tail === '' && positions !== ''
      ? 1
      : 0;
  digits = digits.padStart(least, '0');
  return `${grouped(whole, digits)}${point}${tail}`;
}

/** The digits from the right, with the groups of the format between them. */
function grouped(whole: string, digits: string): string {
  let left = digits.length;
  let text = '';
  for (let i = whole.length - 1; i >= 0 && left > 0; i--) {
    if (whole[i] === ',') text = `,${text}`;
    else {
      left -= 1;
      text = digits[left]! + text;
    }
  }
  return text;
}

function signed(format: Format, body: string, negative: boolean): string {
  const { sign, compact, currency } = format;
  const width =
    format.exponent !== ''
      ? 6 + (format.point === '.' ? 1 : 0) + format.places
      : format.whole.length +
        (format.point === '.' ? 1 : 0) +
        format.places +
        currency.length +
        (sign === 'PR' ? 2 : 1);
  if (body === '') return compact ? '' : ' '.repeat(width);
  const amount = currency + body;
  const space = compact ? '' : ' ';
  const text = {
    '': `${negative ? '-' : space}${amount}`,
    S: `${negative ? '-' : '+'}${amount}`,
    'S at the end': `${amount}${negative ? '-' : '+'}`,
    MI: `${amount}${negative ? '-' : space}`,
    PR: negative ? `<${amount}>` : `${space}${amount}${space}`,
  }[sign];
  return compact ? text : text.padStart(width);
}
