// Reads fields of request bodies and pages of lists for the IAM and Resource Manager
// methods, with Google's 400 for a field of the wrong type.
import { BigQueryError } from '../../bigquery-error.ts';
import type { RequestContext } from '../route.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Longest text that is stored; Google's limits are lower for most fields. */
const MAX_TEXT = 1024;

/** Undefined when the field is missing. */
export function optionalText(body: Fields, name: string, maxLength = MAX_TEXT): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrongType(name, 'TYPE_STRING');
  if (value.length > maxLength)
    throw new BigQueryError('badRequest', `The field '${name}' is longer than ${maxLength} characters.`);
  return value;
}

export function requiredText(body: Fields, name: string, maxLength = MAX_TEXT): string {
  const value = optionalText(body, name, maxLength);
  if (value === undefined || value === '') throw new BigQueryError('badRequest', `The field '${name}' is required.`);
  return value;
}

/** {} when the field is missing. */
export function objectField(body: Fields, name: string): Fields {
  const value = body[name];
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw wrongType(name, 'an object');
  return value as Fields;
}

/** Undefined when the field is missing. */
export function optionalTexts(body: Fields, name: string, maxItems: number): readonly string[] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw wrongType(name, 'a list of strings');
  if (value.length > maxItems)
    throw new BigQueryError('badRequest', `The field '${name}' has more than ${maxItems} items.`);
  return value;
}

/** Labels: text to text. */
export function labelsField(body: Fields): Readonly<Record<string, string>> {
  const labels = objectField(body, 'labels');
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value !== 'string' || !/^[a-z][a-z0-9_-]{0,62}$/.test(key) || !/^[a-z0-9_-]{0,63}$/.test(value)) {
      throw new BigQueryError(
        'badRequest',
        `Label '${key}' is not valid: keys and values are lower-case letters, digits, _ and -.`,
      );
    }
  }
  if (Object.keys(labels).length > 64) throw new BigQueryError('badRequest', 'A project has at most 64 labels.');
  return labels as Readonly<Record<string, string>>;
}

/** `updateMask=title,stage`: names that the method knows, or undefined without a mask. */
export function updateMask(value: unknown, known: readonly string[]): readonly string[] | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const names = value
    .split(',')
    .map((name) => name.trim().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  for (const name of names) {
    if (!known.includes(name))
      throw new BigQueryError('badRequest', `Update mask field '${name}' is not supported by the local BigQuery.`);
  }
  return names;
}

export type Page<T> = { readonly items: readonly T[]; readonly nextPageToken?: string };

/** One page of a sorted list; the token holds the key of its last item. */
export function pageOf<T>(
  context: RequestContext,
  all: readonly T[],
  keyOf: (item: T) => string,
  defaultSize: number,
  maxSize: number,
): Page<T> {
  const { pageSize, pageToken } = context.query;
  const asked = pageSize === undefined || pageSize === '' ? 0 : Number(pageSize);
  if (!Number.isInteger(asked) || asked < 0)
    throw new BigQueryError('badRequest', `Invalid value for pageSize: ${pageSize}`);
  const size = Math.min(asked === 0 ? defaultSize : asked, maxSize);
  const after = pageToken === undefined || pageToken === '' ? undefined : decodeToken(pageToken);
  const rest = after === undefined ? all : all.filter((item) => keyOf(item) > after);
  const items = rest.slice(0, size);
  const last = items.at(-1);
  return rest.length > size && last !== undefined
    ? { items, nextPageToken: Buffer.from(JSON.stringify([keyOf(last)])).toString('base64url') }
    : { items };
}

function decodeToken(token: string): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(value) && typeof value[0] === 'string') return value[0];
  } catch {
    // Refused below.
  }
  throw new BigQueryError('badRequest', 'Invalid value for pageToken.');
}

function wrongType(name: string, type: string): BigQueryError {
  return new BigQueryError('badRequest', `Invalid value at '${name}' (${type}).`);
}
