// One sync's rows into one index: a bulk request per batch, one outcome per document.
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session } from '@sluice/destination-kit';
import { ANSWER_PARTS, linesOf, outcomesOf } from './bulk.ts';
import type { SearchClient } from './client.ts';
import { SearchError } from './client.ts';
import type { Target } from './settings.ts';

export class SearchSession implements Session {
  readonly #client: SearchClient;
  readonly #target: Target;
  readonly #query: Readonly<Record<string, string>>;

  constructor(client: SearchClient, target: Target) {
    this.#client = client;
    this.#target = target;
    this.#query = {
      filter_path: ANSWER_PARTS,
      ...(target.refresh ? { refresh: 'wait_for' } : {}),
      ...(target.pipeline === undefined ? {} : { pipeline: target.pipeline }),
    };
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = batch.map(() => ({ outcome: 'delivered' }));
    const positions: number[] = [];
    let lines = '';
    for (const [position, row] of batch.entries()) {
      const written = linesOf(this.#target, row);
      if (written === undefined) continue;
      if (typeof written === 'string') {
        lines += written;
        positions.push(position);
      } else outcomes[position] = written;
    }
    if (positions.length === 0) return { kind: 'rows', outcomes };
    const path = `/${encodeURIComponent(this.#target.index)}/_bulk`;
    let answer;
    try {
      answer = await this.#client.request({ method: 'POST', path, query: this.#query, lines }, signal);
    } catch (error) {
      if (error instanceof SearchError) return failureOf(error);
      throw error;
    }
    const found = outcomesOf(answer, positions.length, this.#target.mode);
    if (found === undefined)
      return {
        kind: 'failed',
        cause: 'later',
        code: 'UNEXPECTED_ANSWER',
        message: 'the server gave no answer for each document',
        maybeDelivered: true,
      };
    if ('kind' in found) return found;
    for (const [index, position] of positions.entries()) outcomes[position] = found[index] as RowOutcome;
    return { kind: 'rows', outcomes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

/** Of the whole request. What is no answer goes through the retry table by its code. */
function failureOf(error: SearchError): BatchResult {
  const { status, code, message, retryAfterMs } = error;
  if (code === 'PRODUCT_NOT_SUPPORTED') return { kind: 'failed', cause: 'stop', code, message };
  if (status === undefined) throw error;
  const later = status === 408 || status === 429 || status >= 500;
  const cause = later ? 'later' : status === 401 || status === 403 || status === 404 || status < 400 ? 'stop' : 'rows';
  return {
    kind: 'failed',
    cause,
    code,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status >= 500 || status === 408 ? { maybeDelivered: true } : {}),
  };
}
