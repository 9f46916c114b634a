// Request preconditions ("Request preconditions" of the Cloud Storage documentation):
// a request is carried out only if the resource has, or has not, these numbers.
import { conditionNotMet, StorageError } from './storage-error.ts';

export type Preconditions = {
  readonly ifGenerationMatch?: number;
  readonly ifGenerationNotMatch?: number;
  readonly ifMetagenerationMatch?: number;
  readonly ifMetagenerationNotMatch?: number;
};

type Numbers = { readonly generation?: number; readonly metageneration: number };

const NAMES = [
  'ifGenerationMatch',
  'ifGenerationNotMatch',
  'ifMetagenerationMatch',
  'ifMetagenerationNotMatch',
] as const;

/** From the query string; with `prefix` those of a copy's source: `ifSourceGenerationMatch`. */
export function preconditionsOf(
  query: Readonly<Record<string, string | undefined>>,
  prefix: 'if' | 'ifSource' = 'if',
): Preconditions {
  const found: { -readonly [Name in keyof Preconditions]: number } = {};
  for (const name of NAMES) {
    const number = optionalNumber(query, name.replace(/^if/, prefix));
    if (number !== undefined) found[name] = number;
  }
  return found;
}

/** A number of the query string, such as `generation`. Throws 400. */
export function optionalNumber(query: Readonly<Record<string, string | undefined>>, name: string): number | undefined {
  const text = query[name];
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number))
    throw new StorageError(400, 'invalid', `Invalid value for ${name}: ${text.slice(0, 100)}`);
  return number;
}

/** Throws 412; a resource that does not exist has generation 0. With `reading`, an unmet "not" is a 304. */
export function checkPreconditions(
  wanted: Preconditions,
  current: Numbers | undefined,
  options: { readonly reading?: boolean } = {},
): void {
  const generation = current?.generation ?? 0;
  const metageneration = current?.metageneration ?? 0;
  const { ifGenerationMatch, ifGenerationNotMatch, ifMetagenerationMatch, ifMetagenerationNotMatch } = wanted;
  if (ifGenerationMatch !== undefined && ifGenerationMatch !== generation) throw conditionNotMet();
  if (ifMetagenerationMatch !== undefined && ifMetagenerationMatch !== metageneration) throw conditionNotMet();
  if (ifGenerationNotMatch === generation || ifMetagenerationNotMatch === metageneration)
    throw options.reading === true ? new StorageError(304, 'conditionNotMet', 'Not Modified') : conditionNotMet();
}
