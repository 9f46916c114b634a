// Takes secrets out of texts that come from outside (answers of a destination, messages
// of a definition) before anybody sees them.
import type { JsonObject, JsonValue } from '@sluice/core';
import { isPlainObject } from './mapping/compile.ts';

const MARK = '[redacted]';
/** Any setting whose name speaks of a key is one. */
const SECRET_SETTING = /auth|token|secret|passw|key|signature|cookie|credential|license/i;
const SECRET_NAME = /auth|token|secret|passw|api-?_?key|signature|cookie|credential/i;
// Shorter values would black out ordinary words.
const MIN_LENGTH = 4;

export type Redactor = (text: string) => string;

/**
 * Hides the values of `secrets` as they are, percent-encoded, in JSON and in base 64, and
 * of any setting or literal of the mapping whose name sounds secret, and `others`.
 */
export function createRedactor(
  settings: JsonObject,
  passwordFields: ReadonlySet<string>,
  fields: JsonObject,
  others: readonly string[] = [],
): Redactor {
  const secrets = new Set<string>(others);
  for (const [name, value] of Object.entries(settings)) {
    if (passwordFields.has(name) || SECRET_SETTING.test(name)) collectTexts(value, secrets);
  }
  collectNamed(fields, secrets);
  const forms = [...secrets].filter((secret) => secret.length >= MIN_LENGTH).flatMap(formsOf);
  // Longest first, so that a secret inside another leaves no rest.
  const ordered = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((result, form) => result.replaceAll(form, MARK), text);
}

function formsOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
  ];
}

function collectNamed(value: JsonValue, into: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectNamed(item, into);
  if (typeof value === 'string') collectFromUrl(value, into);
  if (!isPlainObject(value)) return;
  for (const [name, item] of Object.entries(value)) {
    if (SECRET_NAME.test(name)) collectTexts(item, into);
    else collectNamed(item, into);
  }
}

// User info and query of a URL: `https://user:password@host/?key=…`.
function collectFromUrl(text: string, into: Set<string>): void {
  if (!/^https?:\/\//i.test(text)) return;
  const url = URL.parse(text);
  if (url === null) return;
  into.add(url.password).add(decodeURIComponent(url.password));
  for (const [name, value] of url.searchParams) if (SECRET_NAME.test(name) || name === 'key') into.add(value);
}

// `Bearer abc`: the part after the scheme is a secret on its own.
function collectTexts(value: JsonValue, into: Set<string>): void {
  if (typeof value === 'string') {
    into.add(value);
    const word = /^\w+ (\S+)$/.exec(value)?.[1];
    if (word !== undefined) into.add(word);
  } else if (Array.isArray(value)) for (const item of value) collectTexts(item, into);
  else if (isPlainObject(value))
    for (const [name, item] of Object.entries(value)) if (name !== '@path') collectTexts(item, into);
}
