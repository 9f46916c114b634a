// Turns a definition's request options into one concrete HTTP request.
import { RequestError } from './errors.ts';
import type { RequestOptions } from './options.ts';
import { mergeHeaders } from './options.ts';

export type Exchange = {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | null;
};

export function exchangeOf(target: string, options: RequestOptions, userAgent: string): Exchange {
  const url = parseUrl(target);
  if (options.searchParams !== undefined) url.search = new URLSearchParams(options.searchParams).toString();
  const headers = mergeHeaders({ accept: '*/*', 'user-agent': userAgent }, options.headers);
  const username = options.username ?? decodeURIComponent(url.username);
  const password = options.password ?? decodeURIComponent(url.password);
  url.username = '';
  url.password = '';
  if (username !== '' || password !== '') {
    headers.set('authorization', `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`);
  }
  // Compressed answers are unpacked when they come, but need not be asked for.
  headers.delete('accept-encoding');
  return { url, method: (options.method ?? 'get').toUpperCase(), headers, body: bodyOf(options, headers) };
}

function parseUrl(target: string): URL {
  const url = URL.parse(target);
  if (url === null) throw new RequestError('bad_request', 'the URL of the request is not a valid URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new RequestError(
      'bad_request',
      `the URL of the request has the scheme ${url.protocol} but must have https: or http:`,
    );
  }
  return url;
}

function bodyOf(options: RequestOptions, headers: Headers): string | Uint8Array | null {
  if (options.json !== undefined) {
    headers.set('content-type', 'application/json');
    return Buffer.from(JSON.stringify(options.json));
  }
  if (options.body instanceof URLSearchParams) {
    if (!headers.has('content-type')) headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
    return options.body.toString();
  }
  if (typeof options.body === 'string' && !headers.has('content-type')) {
    headers.set('content-type', 'text/plain;charset=UTF-8');
  }
  return options.body ?? null;
}

export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
