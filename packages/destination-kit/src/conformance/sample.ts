// Values that a definition's fields accept, made from what the fields say: for settings, and
// for rows that a conformance run sends. The same field and ordinal always give the same.
import type { JsonObject, JsonValue } from '@sluice/core';
import { isConstant } from '../mapping/columns.ts';
import { directiveOf } from '../mapping/compile.ts';
import { hasUsableDefault } from '../run/batching.ts';
import type { InputField } from '../segment/definition.ts';
import { RESERVED_KEYS } from '../segment/definition.ts';

/** Beginning of every made-up secret; nothing that leaves the process may hold it. */
export const SECRET_MARK = 'zQ7secret';

const SOUNDS_SECRET = /key|secret|token|passw|credential|license|signature/i;

/** Settings with all fields filled in, and the secrets among them. */
export function sampleSettings(
  fields: Readonly<Record<string, InputField>>,
  given: JsonObject = {},
): { readonly settings: JsonObject; readonly secrets: readonly string[] } {
  const settings: JsonObject = {};
  const secrets: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (given[name] !== undefined) {
      settings[name] = given[name];
    } else if (hasUsableDefault(field, false)) settings[name] = field.default ?? null;
    else if (isSecret(name, field)) settings[name] = `${SECRET_MARK}${name}0123456789`;
    else settings[name] = sampleValue(name, field, 0);
    if (isSecret(name, field) && typeof settings[name] === 'string' && settings[name].length >= 8)
      secrets.push(settings[name]);
  }
  return { settings, secrets };
}

function isSecret(name: string, field: InputField): boolean {
  if (field.choices !== undefined || field.format !== undefined) return false;
  return field.type === 'password' || (field.type === 'string' && SOUNDS_SECRET.test(name));
}

/** One row for all fields but those that steer the host. */
export function samplePayload(fields: Readonly<Record<string, InputField>>, ordinal: number): JsonObject {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name, field]) => !RESERVED_KEYS.has(name) && field.type !== 'hidden')
      .map(([name, field]) => [name, sampleValue(name, field, ordinal)]),
  );
}

export function sampleValue(name: string, field: InputField, ordinal: number): JsonValue {
  const one = sampleOne(name, field, ordinal);
  return field.multiple === true && !Array.isArray(one) ? [one] : one;
}

function sampleOne(name: string, field: InputField, ordinal: number): JsonValue {
  if (field.choices !== undefined && field.choices.length > 0) {
    const [first] = field.choices;
    return typeof first === 'object' ? first.value : (first ?? '');
  }
  if (
    field.default !== undefined &&
    field.default !== '' &&
    isConstant(field.default) &&
    directiveOf(field.default) === undefined
  )
    return field.default;
  switch (field.type) {
    case 'number':
    case 'integer':
      return sampleNumber(name, field, ordinal);
    case 'boolean':
      return true;
    case 'datetime':
      return '2026-01-02T03:04:05.000Z';
    case 'object':
      return field.properties === undefined
        ? { plan: `gold${ordinal}`, team: 'blue' }
        : Object.fromEntries(
            Object.entries(field.properties).map(([key, inner]) => [key, sampleValue(key, inner, ordinal)]),
          );
    default:
      return sampleText(name, field.format, ordinal);
  }
}

function sampleNumber(name: string, { minimum, maximum }: InputField, ordinal: number): number {
  const usual = /time/i.test(name) ? 1_767_323_045 : 10 + ordinal;
  return Math.min(Math.max(usual, minimum ?? usual), maximum ?? Math.max(usual, minimum ?? usual));
}

const BY_FORMAT: Readonly<Record<string, (ordinal: number) => string>> = {
  email: (ordinal) => `person${ordinal}@example.com`,
  uri: (ordinal) => `https://example.com/page${ordinal}`,
  'uri-reference': (ordinal) => `https://example.com/page${ordinal}`,
  date: () => '2026-01-02',
  time: () => '03:04:05Z',
  'date-time': () => '2026-01-02T03:04:05.000Z',
  'date-like': () => '2026-01-02T03:04:05.000Z',
  ipv4: () => '203.0.113.7',
  ipv6: () => '2001:db8::7',
  hostname: () => 'example.com',
  uuid: (ordinal) => `123e4567-e89b-42d3-a456-${String(ordinal).padStart(12, '0')}`,
};

/** First match wins. */
const BY_NAME: readonly (readonly [RegExp, (ordinal: number) => string])[] = [
  [/e-?mail/i, (ordinal) => `person${ordinal}@example.com`],
  [/phone|mobile|^to$|^from$/i, (ordinal) => `+1415555${String(2000 + ordinal).padStart(4, '0')}`],
  [/url|uri|website|link|image|avatar|referrer|endpoint/i, (ordinal) => `https://example.com/page${ordinal}`],
  [/domain|host/i, () => 'example.com'],
  [/time_?zone/i, () => 'Europe/Berlin'],
  [/folder|path/i, () => '/folder'],
  [/birth|dob/i, () => '1990-04-05'],
  [/date|time|(_|^)at$|At$/, () => '2026-01-02T03:04:05.000Z'],
  [/(^|_)ip(_|$)|ip_?address/i, () => '203.0.113.7'],
  [/country/i, () => 'US'],
  [/currency/i, () => 'USD'],
  [/language|locale/i, () => 'en-US'],
  [/zip|postal/i, () => '94105'],
  [/state|region/i, () => 'CA'],
  [/gender/i, () => 'f'],
  [/latitude/i, () => '37.7'],
  [/longitude/i, () => '-122.4'],
  [/advertiser_?id|account_?id|group_?id|number/i, (ordinal) => String(1000 + ordinal)],
  [/price|amount|revenue|value|total|quantity/i, (ordinal) => String(10 + ordinal)],
];

function sampleText(name: string, format: string | undefined, ordinal: number): string {
  const byFormat = format === undefined ? undefined : BY_FORMAT[format];
  if (byFormat !== undefined) return byFormat(ordinal);
  const byName = BY_NAME.find(([pattern]) => pattern.test(name));
  return byName === undefined ? `sample${ordinal}` : byName[1](ordinal);
}
