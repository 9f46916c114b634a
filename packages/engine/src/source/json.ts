// JSON text to JSON values without loss of digits.
import type { JsonValue } from '@sluice/core';

/** Parses JSON; integers that a double cannot hold stay decimal text. */
export function parseJson(text: string): JsonValue {
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    return source !== undefined && /^-?\d+$/.test(source) ? source : value;
  };
  // A reviver costs; only long digit runs can lose anything.
  return /\d{16}/.test(text) ? (JSON.parse(text, keepDigits as never) as JsonValue) : (JSON.parse(text) as JsonValue);
}
