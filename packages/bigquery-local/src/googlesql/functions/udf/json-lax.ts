// LAX_BOOL, LAX_INT64, LAX_FLOAT64 and LAX_STRING: JSON values as SQL values where that has a meaning, else NULL.
// Source: "JSON functions" and "JSON conversions" of the GoogleSQL reference.
import { readJson, type Parsed } from './json.ts';

type Scalar = { readonly number: string };

function isNumber(value: Parsed): value is Scalar {
  return typeof value === 'object' && value !== null && 'number' in value;
}

function bool(value: Parsed): boolean | null {
  if (typeof value === 'boolean') return value;
  if (isNumber(value)) return Number(value.number) !== 0;
  if (typeof value !== 'string' || !/^(?:true|false)$/i.test(value)) return null;
  return value.toLowerCase() === 'true';
}

/** Rounds half away from zero; null outside of 64 bits. */
function int(value: Parsed): bigint | null {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  const text = isNumber(value) ? value.number : typeof value === 'string' ? value.trim() : '';
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return null;
  if (/^[+-]?\d+$/.test(text)) return within(BigInt(text));
  const n = Number(text);
  if (!Number.isFinite(n)) return null;
  return within(BigInt(Math.sign(n) * Math.round(Math.abs(n))));
}

function within(n: bigint): bigint | null {
  return BigInt.asIntN(64, n) === n ? n : null;
}

function float(value: Parsed): number | null {
  if (isNumber(value)) return Number(value.number);
  if (typeof value !== 'string') return null;
  const text = value.trim();
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(text);
  if (special !== null) {
    if (special[2]!.toLowerCase() === 'nan') return Number.NaN;
    return special[1] === '-' ? -Infinity : Infinity;
  }
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : null;
}

export function laxBool(json: string): boolean | null {
  return bool(readJson(json));
}

export function laxInt(json: string): bigint | null {
  return int(readJson(json));
}

export function laxFloat(json: string): number | null {
  return float(readJson(json));
}

/** Numbers as CAST(… AS STRING) writes them, which the caller does: `F` before a FLOAT64, `S` before any other text. */
export function laxString(json: string): string | null {
  return text(readJson(json));
}

function text(value: Parsed): string | null {
  if (typeof value === 'string') return `S${value}`;
  if (typeof value === 'boolean') return `S${value}`;
  if (!isNumber(value)) return null;
  return /^-?\d+$/.test(value.number) ? `S${value.number}` : `F${value.number}`;
}

/** The items of an array in the form of one of the functions above, as texts; null for what is no array. */
export function laxItems(json: string, kind: string): (string | null)[] | null {
  const value = readJson(json);
  if (!Array.isArray(value)) return null;
  const one = { BOOL: bool, INT64: int, FLOAT64: float, STRING: text }[kind];
  return (value as readonly Parsed[]).map((item) => one?.(item)?.toString() ?? null);
}

const WANTED: Readonly<Record<string, string>> = {
  BOOL: 'a boolean',
  INT64: 'an integer',
  FLOAT64: 'a number',
  STRING: 'a string',
};

/** BOOL_ARRAY and its kin: an error for any other kind of item. */
export function strictItems(json: string, kind: string): string[] {
  const value = readJson(json);
  if (!Array.isArray(value)) throw new Error('The provided JSON input is not an array');
  return (value as readonly Parsed[]).map((item) => {
    const fits =
      kind === 'BOOL' ? typeof item === 'boolean' : kind === 'STRING' ? typeof item === 'string' : isNumber(item);
    if (!fits) throw new Error(`The provided JSON input is not ${WANTED[kind]}`);
    if (kind === 'STRING') return item as string;
    if (kind === 'INT64') {
      const source = (item as Scalar).number;
      const n = /^-?\d+$/.test(source) || Number.isInteger(Number(source)) ? int(item) : null;
      if (n === null) throw new Error(`The provided JSON number: ${source} cannot be converted to an integer`);
      return n.toString();
    }
    return typeof item === 'boolean' ? String(item) : (item as Scalar).number;
  });
}
