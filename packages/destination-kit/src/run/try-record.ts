// One record on trial: what it is mapped to, and the requests that it becomes. Promise: without
// `send` nothing leaves this machine; with it, exactly one record does; what is shown has its
// secrets taken out.
import type { Change, JsonObject, JsonValue } from '@sluice/core';
import type { BatchResult, DestinationSpec, OpenDestination, RecordTrial, RequestSample } from '../destination.ts';
import { createRedactor } from '../redact.ts';
import type { Trace } from '../request/client.ts';
import type { Exchange } from '../request/exchange.ts';
import { ClientResponse } from '../request/response.ts';
import type { DestinationShape } from '../segment/definition.ts';
import { createPreparer } from './session-runner.ts';
import { secretsOf } from './tokens.ts';
import type { Tokens } from './tokens.ts';

const MAX_REQUESTS = 20;
const MAX_BODY = 20_000;
const MAX_ANSWER = 4000;
const ONE_OF_A_BATCH = { maxRows: 2, maxBytes: Number.MAX_SAFE_INTEGER, concurrency: 1 };
/** Whatever stands in these is shown as redacted. */
const SECRET_HEADER = /auth|token|secret|passw|api-?key|signature|cookie|credential/i;

export type Trier = {
  readonly shape: DestinationShape;
  /** Every request goes through our HTTP client, so that a trial without sending can hold it back. */
  readonly http: boolean;
  readonly open: (trace: Trace | undefined) => Promise<OpenDestination>;
  /** Of a connection with OAuth: tokens that are renewed meanwhile are secrets too. */
  readonly tokens?: Tokens;
};

export async function tryRecord(
  { shape, http, open, tokens }: Trier,
  spec: DestinationSpec,
  change: Change,
  send: boolean,
  signal: AbortSignal,
): Promise<RecordTrial> {
  const secrets = [...secretsOf(spec.credentials), ...secretsOf(tokens?.current)];
  const passwords = Object.entries(shape.authentication?.fields ?? {}).filter(([, { type }]) => type === 'password');
  const redact = (text: string): string =>
    createRedactor(spec.settings, new Set(passwords.map(([name]) => name)), spec.fields, [
      ...secrets,
      ...secretsOf(tokens?.current),
    ])(text);
  if (!send && !http) {
    const made = createPreparer(shape, spec, { batching: ONE_OF_A_BATCH }, redact)(change);
    const notes = [`${shape.slug} does not send HTTP requests that could be shown; only the mapped row is known.`];
    return 'outcome' in made
      ? { rejection: made, requests: 'unknown', notes }
      : { payload: shown(made.payload, redact), requests: 'unknown', notes };
  }
  const trace = new RecordingTrace(send);
  await using destination = await open(http ? trace : undefined);
  const prepared = destination.prepare(change);
  if ('outcome' in prepared) return { rejection: prepared, requests: http ? [] : 'unknown', notes: [] };
  // A definition may change the payload that it gets.
  const payload = shown(prepared.payload, redact);
  const idempotencyKey = `${spec.mappingId}-test-record-${change.recordId}`
    .replaceAll(/[^\x21-\x7e]/g, '_')
    .slice(0, 200);
  const transaction = send ? destination.transaction : undefined;
  await transaction?.begin(signal);
  let result: BatchResult;
  try {
    result = await destination.deliver([prepared], { signal, idempotencyKey });
    const arrived = result.kind === 'rows' && result.outcomes[0]?.outcome === 'delivered';
    if (send && arrived) {
      await destination.flush();
      await transaction?.commit(signal);
    } else await transaction?.abort();
  } catch (error) {
    await transaction?.abort();
    throw error;
  }
  const requests = http ? trace.samples(redact) : 'unknown';
  if (send) return { payload, requests, notes: trace.notes(), result };
  return { payload, requests, notes: [...trace.notes(), ...unsentNotes(result, requests.length)] };
}

function shown(payload: JsonObject, redact: (text: string) => string): JsonObject {
  const value = (item: JsonValue): JsonValue => {
    if (typeof item === 'string') return redact(item);
    if (Array.isArray(item)) return item.map(value);
    return item !== null && typeof item === 'object' ? shown(item, redact) : item;
  };
  return Object.fromEntries(Object.entries(payload).map(([name, item]) => [name, value(item)]));
}

function unsentNotes(result: BatchResult, requests: number): string[] {
  const outcome = result.kind === 'rows' ? result.outcomes[0] : result;
  const notes: string[] = [];
  if (requests > 1)
    notes.push('Requests after the first were made from empty answers; real answers may lead to others.');
  if (outcome !== undefined && 'message' in outcome) {
    notes.push(
      requests === 0
        ? `No request would be sent: ${outcome.message}`
        : `What follows depends on the destination's answer, which was not asked for (${outcome.message}).`,
    );
  } else if (requests === 0) notes.push('No request would be sent.');
  return notes;
}

class RecordingTrace implements Trace {
  readonly #send: boolean;
  readonly #seen: { readonly exchange: Exchange; readonly answer: ClientResponse | undefined }[] = [];
  #more = 0;

  constructor(send: boolean) {
    this.#send = send;
  }

  answer(exchange: Exchange): ClientResponse | undefined {
    if (this.#send) return undefined;
    const headers = new Headers({ 'content-type': 'application/json' });
    return new ClientResponse({ status: 200, statusText: 'OK', url: exchange.url.href, headers, content: '{}' });
  }

  note(exchange: Exchange, answer: ClientResponse | undefined): void {
    if (this.#seen.length < MAX_REQUESTS) this.#seen.push({ exchange, answer });
    else this.#more += 1;
  }

  notes(): string[] {
    return this.#more === 0 ? [] : [`${this.#more} further requests are not shown.`];
  }

  samples(redact: (text: string) => string): RequestSample[] {
    return this.#seen.map(({ exchange: { method, url, headers, body }, answer }) => ({
      method,
      url: redact(url.href),
      headers: Object.fromEntries(
        [...headers].map(([name, value]) => [name, SECRET_HEADER.test(name) ? '[redacted]' : redact(value)]),
      ),
      ...(body === null ? {} : { body: cut(redact(textOf(body)), MAX_BODY) }),
      ...(this.#send && answer !== undefined
        ? { answer: { status: answer.status, body: cut(redact(answer.content), MAX_ANSWER) } }
        : {}),
    }));
  }
}

function textOf(body: string | Uint8Array): string {
  if (typeof body === 'string') return body;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return `${body.byteLength} bytes that are not text`;
  }
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} characters more)`;
}
