// The HTTP client of destinations, on undici. It promises what the definitions of
// Segment's catalogue expect of their `request` argument, and beyond that: every
// exchange ends within its time-out, body included; answers are bounded; connections
// are kept alive, limited per host and go through the proxy that the environment or an
// option names; a redirect never turns a write into a read or carries credentials to
// another host.
import type { Dispatcher } from 'undici';
import { request as undiciRequest } from 'undici';
import { segmentCore } from '../segment/core.ts';
import { readBody } from './body.ts';
import type { Connector, ProxyOption } from './dispatcher.ts';
import { createDispatcher } from './dispatcher.ts';
import { RequestError, requestErrorOf } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { exchangeOf, isRead } from './exchange.ts';
import { Limit } from './limit.ts';
import type { RequestClient, RequestOptions } from './options.ts';
import { mergeOptions } from './options.ts';
import { redirectTarget } from './redirect.ts';
import { ClientResponse } from './response.ts';
import { parseRetryAfter } from './retry-after.ts';

const MAX_TIMEOUT_MS = 300_000;
const MAX_REDIRECTS = 5;

export type HttpPoolOptions = {
  /** Connections per origin. */
  readonly connections: number;
  readonly userAgent: string;
  /** Default for one exchange, in milliseconds. */
  readonly timeoutMs: number;
  /** Bounds also what a definition asks for itself, in milliseconds. Default 300,000. */
  readonly maxTimeoutMs?: number;
  /** Longest unpacked answer that is read. */
  readonly maxResponseBytes: number;
  /** Default: what the environment says. */
  readonly proxy?: ProxyOption;
  /** Opens the connections instead of the network: for tests. */
  readonly connector?: Connector;
  readonly trace?: Trace;
};

/** Looks on at every exchange, redirects and retries included, and may answer in the other side's place. */
export interface Trace {
  /** Undefined lets the request out. */
  answer?(exchange: Exchange): ClientResponse | undefined;
  note(exchange: Exchange, answer: ClientResponse | undefined): void;
}

/** What one call of `perform` or `performBatch` is given, and what it leaves behind. */
export type CallContext = {
  readonly signal: AbortSignal;
  /** Becomes the `Idempotency-Key` header of requests that write. */
  readonly idempotencyKey?: string;
  /** Longest `Retry-After` of a 429 or 503 answer of this call, in milliseconds. */
  retryAfterMs?: number;
  /** The answer to the last request of this call. */
  lastResponse?: ClientResponse;
  /** Why the last request of this call failed, while none has succeeded. */
  lastFailure?: unknown;
  succeeded?: boolean;
};

/** The connections of one open destination. */
export class HttpPool implements AsyncDisposable {
  readonly #dispatcher: Dispatcher;
  readonly #options: HttpPoolOptions;
  readonly #maxTimeoutMs: number;

  constructor(options: HttpPoolOptions) {
    this.#options = options;
    this.#maxTimeoutMs = options.maxTimeoutMs ?? MAX_TIMEOUT_MS;
    this.#dispatcher = createDispatcher({
      connections: options.connections,
      connectTimeoutMs: Math.min(options.timeoutMs, 10_000),
      proxy: options.proxy ?? 'environment',
      ...(options.connector === undefined ? {} : { connector: options.connector }),
    });
  }

  /** A client for one call of a definition, with `defaults` from its `extendRequest`. */
  client(defaults: RequestOptions, context: CallContext): RequestClient {
    let writes = 0;
    return (url, options = {}) => {
      const merged = mergeOptions(defaults, options);
      const exchange = exchangeOf(url, merged, this.#options.userAgent);
      if (context.idempotencyKey !== undefined && !isRead(exchange.method)) {
        // A definition may write several things in one call; each needs a key of its own.
        writes += 1;
        const key = writes === 1 ? context.idempotencyKey : `${context.idempotencyKey}-${writes}`;
        if (!exchange.headers.has('idempotency-key')) exchange.headers.set('idempotency-key', key);
      }
      return this.#noted(exchange, merged, context);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #noted(exchange: Exchange, options: RequestOptions, context: CallContext): Promise<ClientResponse> {
    try {
      const response = await this.#send(exchange, options, context);
      if (response.ok) {
        context.succeeded = true;
        delete context.lastFailure;
      } else if (context.succeeded !== true) context.lastFailure = httpError(response, exchange.method);
      return response;
    } catch (error) {
      if (context.succeeded !== true) context.lastFailure = error;
      throw error;
    }
  }

  async #send(first: Exchange, options: RequestOptions, context: CallContext): Promise<ClientResponse> {
    const timeoutMs = Math.min(
      options.timeout === false ? this.#maxTimeoutMs : (options.timeout ?? this.#options.timeoutMs),
      this.#maxTimeoutMs,
    );
    using limit = new Limit(timeoutMs, [context.signal, options.signal]);
    let exchange = first;
    for (let hops = 0; ; hops += 1) {
      const response = await this.#traced(exchange, limit);
      noteRetryAfter(response, context);
      const next = hops < MAX_REDIRECTS ? redirectTarget(exchange, response) : undefined;
      if (next !== undefined) {
        exchange = next;
        continue;
      }
      context.lastResponse = response;
      if (!response.ok && options.throwHttpErrors !== false) {
        throw httpError(response, exchange.method);
      }
      return response;
    }
  }

  async #traced(exchange: Exchange, limit: Limit): Promise<ClientResponse> {
    const { trace } = this.#options;
    if (trace === undefined) return this.#exchange(exchange, limit);
    let response = trace.answer?.(exchange);
    try {
      response ??= await this.#exchange(exchange, limit);
      return response;
    } finally {
      trace.note(exchange, response);
    }
  }

  async #exchange({ url, method, headers, body }: Exchange, limit: Limit): Promise<ClientResponse> {
    try {
      limit.signal.throwIfAborted();
      const answer = await undiciRequest(url, {
        dispatcher: this.#dispatcher,
        method: method as 'GET',
        headers: Object.fromEntries(headers),
        body,
        signal: limit.signal,
      });
      const answerHeaders = headersOf(answer.headers);
      const { text, truncated } = await readBody(
        answer.body,
        answerHeaders.get('content-encoding'),
        this.#options.maxResponseBytes,
      );
      const ok = answer.statusCode >= 200 && answer.statusCode < 300;
      // A cut error text still says enough; a cut success could be misread.
      if (truncated && ok) {
        throw new RequestError(
          'answer_too_large',
          `the answer of ${url.host} is larger than ${this.#options.maxResponseBytes} bytes`,
        );
      }
      return new ClientResponse({
        status: answer.statusCode,
        statusText: answer.statusText,
        url: url.href,
        headers: answerHeaders,
        content: text,
      });
    } catch (error) {
      if (limit.timedOut)
        throw new RequestError('timeout', `${url.host} did not answer within ${limit.timeoutMs} ms`, error);
      if (limit.signal.aborted) throw new RequestError('cancelled', `the request to ${url.host} was cancelled`, error);
      throw requestErrorOf(error, url.host);
    }
  }
}

function httpError(response: ClientResponse, method: string): Error {
  return new segmentCore.HTTPError(response, { url: response.url, method }, { method });
}

function headersOf(raw: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) headers.append(name, item);
  }
  return headers;
}

function noteRetryAfter(response: ClientResponse, context: CallContext): void {
  if (response.status !== 429 && response.status !== 503) return;
  const waitMs = parseRetryAfter(response.headers.get('retry-after'), Date.now());
  if (waitMs !== undefined) context.retryAfterMs = Math.max(context.retryAfterMs ?? 0, waitMs);
}
