// Requests to a cluster through the client that its own community keeps, one at a time: no
// sniffing, no retries of the client's, a time limit, an end by signal. Every error becomes a
// `SearchError` with the status or the socket's code, so that both clients fail alike.
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpensearchClient } from '@opensearch-project/opensearch';
import type { JsonObject, JsonValue } from '@sluice/core';
import { messageOf } from '@sluice/core';
import type { ConnectionSpec } from '@sluice/destination-kit';
import { settingText } from '../connection-settings.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 50_000_000;

export type SearchRequest = {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lines of JSON, the last one ended as well. */
  readonly lines?: string;
};

export interface SearchClient extends AsyncDisposable {
  /** @throws SearchError */
  request(request: SearchRequest, signal?: AbortSignal): Promise<JsonValue>;
}

export class SearchError extends Error {
  /** The socket's, or a word of ours. */
  readonly code: string;
  /** Of an answer. */
  readonly status?: number;
  readonly retryAfterMs?: number;

  constructor(message: string, code: string, status?: number, retryAfterMs?: number, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    if (status !== undefined) this.status = status;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

// Versions 7 to 9 of the server take these; the client's own name version 9 alone.
const headersOf = (request: SearchRequest): Readonly<Record<string, string>> => ({
  accept: 'application/json',
  'content-type': request.lines === undefined ? 'application/json' : 'application/x-ndjson',
});

const paramsOf = ({ method, path, query, lines }: SearchRequest) => ({
  method,
  path,
  ...(query === undefined ? {} : { querystring: query }),
  ...(lines === undefined ? {} : { bulkBody: lines }),
});

export function openElasticsearch({ settings }: ConnectionSpec): SearchClient {
  const apiKey = settingText(settings['api_key']);
  const login = basicLogin(settings);
  const client = new ElasticsearchClient({
    node: settingText(settings['node']),
    maxRetries: 0,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    tls: tlsOf(settings),
    ...(apiKey === '' ? (login === undefined ? {} : { auth: login }) : { auth: { apiKey } }),
  });
  return {
    request: async (request, signal) => {
      try {
        const options = { headers: headersOf(request), ...(signal === undefined ? {} : { signal }) };
        return await client.transport.request<JsonValue>(paramsOf(request), options);
      } catch (error) {
        throw searchErrorOf(error, signal);
      }
    },
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

export function openOpensearch({ settings }: ConnectionSpec): SearchClient {
  const login = basicLogin(settings);
  const client = new OpensearchClient({
    node: settingText(settings['node']),
    maxRetries: 0,
    requestTimeout: REQUEST_TIMEOUT_MS,
    ssl: tlsOf(settings),
    ...(login === undefined ? {} : { auth: login }),
  });
  return {
    request: async (request, signal) => {
      signal?.throwIfAborted();
      const sent = client.transport.request(paramsOf(request), { headers: headersOf(request) });
      // NOTE: `abort` returns the promise; a listener that returned it would make its rejection
      // an uncaught exception of the process.
      const abort = (): void => {
        sent.abort();
      };
      signal?.addEventListener('abort', abort, { once: true });
      try {
        return ((await sent) as unknown as { readonly body: JsonValue }).body;
      } catch (error) {
        throw searchErrorOf(error, signal);
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

function basicLogin({ user, password }: JsonObject): { username: string; password: string } | undefined {
  return settingText(user) === '' ? undefined : { username: settingText(user), password: settingText(password) };
}

function tlsOf({ ca, verify_certificate: verify }: JsonObject): { rejectUnauthorized: boolean; ca?: string } {
  return { rejectUnauthorized: verify !== false, ...(settingText(ca) === '' ? {} : { ca: settingText(ca) }) };
}

type ClientError = {
  readonly name?: string;
  readonly message?: string;
  readonly meta?: {
    readonly statusCode?: number | null;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string | undefined>> | null;
    readonly meta?: { readonly connection?: unknown };
  };
  readonly cause?: unknown;
};

function searchErrorOf(thrown: unknown, signal: AbortSignal | undefined): SearchError {
  signal?.throwIfAborted();
  const { name = '', message = '', meta } = (thrown ?? {}) as ClientError;
  if (name === 'ResponseError' && typeof meta?.statusCode === 'number') {
    const { statusCode: status, body, headers } = meta;
    const seconds = Number(headers?.['retry-after'] ?? NaN);
    const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
    return new SearchError(
      reasonOf(body) ?? `the server answered ${status}`,
      `HTTP_${status}`,
      status,
      retryAfterMs,
      thrown,
    );
  }
  if (name === 'ProductNotSupportedError')
    return new SearchError(
      'the server is not Elasticsearch: for OpenSearch use the destination opensearch',
      'PRODUCT_NOT_SUPPORTED',
      undefined,
      undefined,
      thrown,
    );
  if (name === 'TimeoutError')
    return new SearchError(
      `no answer within ${REQUEST_TIMEOUT_MS / 1000} s`,
      'ETIMEDOUT',
      undefined,
      undefined,
      thrown,
    );
  const code =
    /\b(E[A-Z]{4,}|UND_ERR_\w+|CERT_\w+|DEPTH_ZERO\w+|SELF_SIGNED\w+|UNABLE_TO_\w+)\b/.exec(codesOf(thrown))?.[1] ??
    certificateCode(message);
  return new SearchError(message === '' ? name : message, code ?? 'REQUEST_FAILED', undefined, undefined, thrown);
}

/** The clients keep the socket's error in different places, or only its text. */
function codesOf(thrown: unknown): string {
  const { message, cause } = (thrown ?? {}) as ClientError;
  const codes = [thrown, cause].map((each) => (each as { code?: unknown } | undefined)?.code);
  return [...codes.filter((code) => typeof code === 'string'), message ?? messageOf(thrown)].join(' ');
}

function certificateCode(message: string): string | undefined {
  return /certificate|altnames/i.test(message) ? 'CERT_NOT_TRUSTED' : undefined;
}

/** The server's own words: `{error: {type, reason}}`, or a text. */
function reasonOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body === '' ? undefined : body.slice(0, 500);
  const { error } = (body ?? {}) as { error?: unknown };
  if (typeof error === 'string') return error;
  const { type, reason } = (error ?? {}) as { type?: unknown; reason?: unknown };
  if (typeof reason !== 'string') return typeof type === 'string' ? type : undefined;
  return typeof type === 'string' ? `${type}: ${reason}` : reason;
}
