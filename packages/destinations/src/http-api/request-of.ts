// One row or batch as a request: URL, headers, body and the signature of exactly that body.
import { createHmac } from 'node:crypto';
import type { JsonObject, JsonValue } from '@sluice/core';
import type { RequestOptions } from '@sluice/destination-kit';
import { withValueAt } from './place.ts';

export type HttpRequest = { readonly url: string; readonly options: RequestOptions };

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  form: 'application/x-www-form-urlencoded;charset=UTF-8',
};

/** The names between braces. */
export function placesOf(path: string): string[] {
  return [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '');
}

/** What all requests of a connection share. */
export function authOf(settings: JsonObject): RequestOptions {
  switch (settings['auth']) {
    case 'basic':
      return { username: textOf(settings['username']), password: textOf(settings['password']) };
    case 'bearer':
      return { headers: { authorization: `Bearer ${textOf(settings['token'])}` } };
    case 'header':
      return { headers: { [textOf(settings['header_name'])]: textOf(settings['header_value']) } };
    default:
      return {};
  }
}

/** The request for these rows, which agree in everything but their bodies. */
export function requestOf(
  settings: JsonObject,
  rows: readonly JsonObject[],
  deletes: boolean,
  single: boolean,
): HttpRequest {
  const [first = {}] = rows;
  const format = deletes ? 'json' : textOf(first['body_format'] ?? 'json');
  const path = textOf(first[deletes ? 'delete_path' : 'path'] ?? '');
  const bodies = rows.map((row) => row[deletes ? 'delete_body' : 'body'] ?? null);
  const hasBody = format !== 'none' && !(deletes && bodies.every((body) => body === null));
  const body = hasBody ? bodyOf(bodies, format, first, single) : undefined;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(objectOf(first['headers']))) headers[name] = textOf(value);
  const typed = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (body !== undefined && !typed) headers['content-type'] = CONTENT_TYPES[format] ?? 'application/json';
  return {
    url: urlOf(settings, path, first),
    options: {
      method: textOf(first[deletes ? 'delete_method' : 'method'] ?? (deletes ? 'DELETE' : 'POST')),
      headers: { ...headers, ...signatureOf(settings, body ?? '') },
      ...(body === undefined ? {} : { body }),
      throwHttpErrors: false,
    },
  };
}

export function testUrlOf(settings: JsonObject): string {
  return urlOf(settings, textOf(settings['test_path']), {});
}

// Values cannot lead to another place: each is one segment, percent-encoded.
function urlOf(settings: JsonObject, path: string, row: JsonObject): string {
  const values: JsonObject = { ...objectOf(row['path_values']), record_id: row['record_id'] ?? null };
  const filled = path.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => {
    const value = textOf(values[name] ?? '');
    if (value === '' || value === '.' || value === '..')
      throw Object.assign(new Error(`the path needs a value for {${name}}, not "${value}"`), { status: 400 });
    return encodeURIComponent(value);
  });
  const url = new URL(textOf(settings['base_url']).replace(/\/+$/, '') + filled);
  for (const [name, value] of Object.entries(objectOf(row['query'])))
    for (const each of [value].flat()) if (each !== null) url.searchParams.append(name, textOf(each));
  return url.href;
}

function bodyOf(bodies: readonly JsonValue[], format: string, row: JsonObject, single: boolean): string {
  if (format === 'ndjson') return bodies.map((body) => `${JSON.stringify(body)}\n`).join('');
  if (format === 'form') {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(objectOf(bodies[0])))
      for (const each of [value].flat()) if (each !== null) form.append(name, textOf(each));
    return form.toString();
  }
  if (single) return JSON.stringify(bodies[0] ?? null);
  const place = textOf(row['rows_at'] ?? '');
  return JSON.stringify(place === '' ? bodies : withValueAt(objectOf(row['envelope']), place, [...bodies]));
}

function signatureOf(settings: JsonObject, body: string): Readonly<Record<string, string>> {
  const { signature_secret: secret, signature_encoding: encoding } = settings;
  if (typeof secret !== 'string' || secret === '') return {};
  const signature = createHmac(textOf(settings['signature_algorithm'] ?? 'sha256'), secret)
    .update(body)
    .digest(encoding === 'base64' ? 'base64' : 'hex');
  return {
    [textOf(settings['signature_header'] ?? 'X-Signature')]: textOf(settings['signature_prefix'] ?? '') + signature,
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
