// BigQuery's two sets of type names: the REST API's legacy ones and GoogleSQL's.
import type { ScalarKind } from '../types.ts';

/** What the REST API calls the types whose names differ. */
export const LEGACY_NAMES: Partial<Record<ScalarKind, string>> = {
  INT64: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
};

const KINDS: Readonly<Record<string, ScalarKind>> = {
  INTEGER: 'INT64',
  INT64: 'INT64',
  INT: 'INT64',
  SMALLINT: 'INT64',
  BIGINT: 'INT64',
  TINYINT: 'INT64',
  BYTEINT: 'INT64',
  FLOAT: 'FLOAT64',
  FLOAT64: 'FLOAT64',
  BOOLEAN: 'BOOL',
  BOOL: 'BOOL',
  STRING: 'STRING',
  BYTES: 'BYTES',
  DATE: 'DATE',
  DATETIME: 'DATETIME',
  TIME: 'TIME',
  TIMESTAMP: 'TIMESTAMP',
  NUMERIC: 'NUMERIC',
  DECIMAL: 'NUMERIC',
  BIGNUMERIC: 'BIGNUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
  JSON: 'JSON',
  INTERVAL: 'INTERVAL',
  GEOGRAPHY: 'GEOGRAPHY',
};

/** The scalar type of a legacy or standard type name in upper case. */
export function scalarKind(name: string): ScalarKind | undefined {
  return Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
}

/** What a RANGE may be of. */
export function rangeElement(name: unknown): { readonly kind: 'DATE' | 'DATETIME' | 'TIMESTAMP' } | undefined {
  const kind = typeof name === 'string' ? name.toUpperCase() : '';
  return kind === 'DATE' || kind === 'DATETIME' || kind === 'TIMESTAMP' ? { kind } : undefined;
}
