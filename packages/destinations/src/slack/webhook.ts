// One incoming webhook: posts messages with Slack's client, one per second, each with a time
// limit, and says what an answer means.
import type { BatchResult } from '@sluice/destination-kit';
import type { IncomingWebhookSendArguments } from '@slack/webhook';
import { IncomingWebhook, IncomingWebhookHTTPError } from '@slack/webhook';
import { RATE_LIMIT } from './shape.ts';

const TIMEOUT_MS = 15_000;
/** Shorter parts of the URL are words such as `services`. */
const MIN_SECRET = 9;
const MAX_ANSWER_BYTES = 64 * 1024;
const GAP_MS = 1000 / RATE_LIMIT.requestsPerSecond;

type Failure = Extract<BatchResult, { kind: 'failed' }>;

/** What Slack says with 400 that is the message's fault. */
const BY_MESSAGE = /^(invalid_payload|invalid_blocks|no_text|too_many_attachments|msg_too_long)/;

export class Webhook {
  readonly #url: string;
  readonly #gapMs: number;
  #nextAt = 0;

  constructor(url: string, gapMs = GAP_MS) {
    this.#url = url;
    this.#gapMs = gapMs;
  }

  /** Undefined when Slack has taken it. Throws when it was cancelled, and errors of sockets. */
  async post(message: IncomingWebhookSendArguments, signal: AbortSignal): Promise<Failure | undefined> {
    await this.#turn(signal);
    let retryAfterMs: number | undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const webhook = new IncomingWebhook(this.#url, {
      fetch: async (url, init) => {
        // A redirect is an answer, not an error of the line: the URL of the settings is not the right one.
        const response = await fetch(url, { ...init, redirect: 'manual', signal: limit });
        const seconds = Number(response.headers.get('retry-after'));
        if (seconds > 0) retryAfterMs = seconds * 1000;
        const text = await boundedText(response);
        return new Response(text === '' ? null : text, { status: response.status, statusText: response.statusText });
      },
    });
    try {
      await webhook.send(message);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof IncomingWebhookHTTPError) return failureOf(error, this.#hide(error.body), retryAfterMs);
      throw socketErrorOf(error);
    }
  }

  /** The path of the URL is the secret, whole and in its parts. */
  #hide(text: string): string {
    const path = URL.parse(this.#url)?.pathname ?? '';
    const parts = path.split('/').filter((part) => part.length >= MIN_SECRET);
    return [path, ...parts].reduce((shown, part) => (part === '' ? shown : shown.replaceAll(part, '[redacted]')), text);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = performance.now();
    const waitMs = Math.max(0, this.#nextAt - now);
    this.#nextAt = now + waitMs + this.#gapMs;
    if (waitMs === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}

function failureOf({ statusCode }: IncomingWebhookHTTPError, body: string, retryAfterMs: number | undefined): Failure {
  const text = body.trim().slice(0, 200);
  const said = `Slack answered ${statusCode}${text === '' ? '' : `: ${text}`}`;
  const code = /^[a-z_]{3,60}$/.test(text) ? text : `HTTP_${statusCode}`;
  if (statusCode === 408 || statusCode === 429 || (statusCode >= 500 && statusCode !== 501))
    return {
      kind: 'failed',
      cause: 'later',
      code,
      message: said,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(statusCode >= 500 ? { maybeDelivered: true } : {}),
    };
  const ofRow =
    statusCode === 413 || statusCode === 422 || (statusCode === 400 && (BY_MESSAGE.test(text) || text === ''));
  return { kind: 'failed', cause: ofRow ? 'rows' : 'stop', code, message: said };
}

/** The error that lies under those of the client and of `fetch`, for the retry table. */
function socketErrorOf(error: unknown): unknown {
  let found = error;
  for (let depth = 0; depth < 5 && found instanceof Error && found.cause instanceof Error; depth += 1)
    found = found.cause;
  if (found instanceof Error && found.name === 'TimeoutError')
    return Object.assign(new Error(`Slack did not answer within ${TIMEOUT_MS} ms`), { code: 'ETIMEDOUT' });
  return found;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
