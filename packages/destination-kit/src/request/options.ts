// Options of one HTTP request, as definitions give them, and how defaults and call are
// merged: headers without regard to case, other objects deeply, the call over the
// default (Segment's `RequestClient` in actions-core documents the same rules).
import { isPlainObject } from '../mapping/compile.ts';
import { RequestError } from './errors.ts';
import type { ClientResponse } from './response.ts';

export type RequestOptions = {
  /** Any case; GET when absent. */
  readonly method?: string;
  /** A value `undefined` or `'undefined'` removes the header. */
  readonly headers?: Readonly<Record<string, string | undefined>> | Headers;
  /** Sent as JSON with `content-type: application/json`; wins over `body`. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array | URLSearchParams;
  /** Replaces the query of the URL. */
  readonly searchParams?: URLSearchParams | Readonly<Record<string, string>> | string;
  /** Basic authentication. */
  readonly username?: string;
  readonly password?: string;
  /** For the whole exchange, body included, in milliseconds; `false` means the upper bound. */
  readonly timeout?: number | false;
  /** Default true: a status outside 200–299 throws actions-core's `HTTPError`. */
  readonly throwHttpErrors?: boolean;
  readonly signal?: AbortSignal;
};

/** What a definition gets as its first argument. */
export type RequestClient = (url: string, options?: RequestOptions) => Promise<ClientResponse>;

export function mergeOptions(defaults: RequestOptions, call: RequestOptions): RequestOptions {
  const { headers: defaultHeaders, ...defaultRest } = defaults;
  const { headers: callHeaders, ...callRest } = call;
  const merged = mergeObjects(defaultRest, callRest) as Omit<RequestOptions, 'headers'>;
  return { ...merged, headers: mergeHeaders(defaultHeaders, callHeaders) };
}

export function mergeHeaders(...sources: readonly RequestOptions['headers'][]): Headers {
  const result = new Headers();
  for (const source of sources) {
    const entries = source instanceof Headers ? [...source] : Object.entries(source ?? {});
    for (const [name, value] of entries) {
      if (value === undefined || value === 'undefined') result.delete(name);
      else if (value !== null) setHeader(result, name, value);
    }
  }
  return result;
}

// The platform's own error quotes the value, which may be a secret; so it is not passed on.
function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new RequestError('bad_request', `the header ${JSON.stringify(name)} of the request is not valid`);
  }
}

function mergeObjects(base: unknown, over: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(over)) return [...(base as unknown[]), ...(over as unknown[])];
  if (!isPlainObject(base) || !isPlainObject(over)) return over;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    result[key] = key in result ? mergeObjects(result[key], value) : value;
  }
  return result;
}
