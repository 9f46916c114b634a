// Looks on while a plan is delivered: keeps a few rows per reason as they were sent, with
// what came back, and which changes may have arrived although no answer said so. It changes
// nothing of what passes through it. Bounded: one bit per change, a few samples per reason.
import type { JsonObject, JsonValue, Operation } from '@sluice/core';
import { createRedactor } from '@sluice/destination-kit';
import type { BatchResult, OpenDestination, Prepared, Rejection } from '@sluice/destination-kit';
import type { OutcomeBook } from '../delivery/outcome-book.ts';
import type { DeliverySample, MappingConfig, ReasonSummary, SyncReport } from '../run/api.ts';

const MAX_SAMPLES = 3;
const MAX_REASONS = 50;
const MAX_TEXT = 300;
const MAX_ENTRIES = 50;
const MAX_DEPTH = 6;
const SECRET_NAME = /authoriz|token|secret|passw|api-?_?key|signature|cookie|credential/i;

export class Witness {
  readonly #redact: (text: string) => string;
  readonly #bits: Uint8Array;
  #anyMaybe = false;
  readonly #samples = new Map<string, DeliverySample[]>();

  constructor(mapping: MappingConfig, changes: number) {
    const { settings, fields } = mapping.destination;
    this.#redact = createRedactor(settings, new Set(), fields);
    this.#bits = new Uint8Array(Math.ceil(changes / 8));
  }

  /** The same destination, looked at. Whoever opened it closes it. */
  watch(destination: OpenDestination): OpenDestination {
    const { transaction } = destination;
    return {
      batching: destination.batching,
      prepare: (change) => {
        const prepared = destination.prepare(change);
        if ('outcome' in prepared) this.#sampleRejection(prepared, change);
        return prepared;
      },
      deliver: async (batch, options) => {
        const result = await destination.deliver(batch, options);
        this.#look(batch, result);
        return result;
      },
      flush: () => destination.flush(),
      ...(transaction === undefined ? {} : { transaction }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  samplesOf({ code }: Pick<ReasonSummary, 'code'>): readonly DeliverySample[] {
    return this.#samples.get(code) ?? [];
  }

  /** How many changes may have arrived without an answer, by what the book says of them; undefined for none. */
  maybeDelivered(book: OutcomeBook): SyncReport['maybeDelivered'] {
    if (!this.#anyMaybe) return undefined;
    let delivered = 0;
    let undelivered = 0;
    this.#bits.forEach((byte, index) => {
      if (byte === 0) return;
      for (let bit = 0; bit < 8; bit += 1) {
        if ((byte & (1 << bit)) === 0) continue;
        if (book.get(index * 8 + bit) === 'delivered') delivered += 1;
        else undelivered += 1;
      }
    });
    return { undelivered, delivered };
  }

  #look(batch: readonly Prepared[], result: BatchResult): void {
    if (result.kind === 'failed') {
      const [first] = batch;
      if (first !== undefined) this.#sample(first, result.code, result.message);
      if (result.maybeDelivered === true) for (const row of batch) this.#mark(row.change.ordinal);
      return;
    }
    result.outcomes.forEach((outcome, index) => {
      const row = batch[index];
      if (outcome.outcome !== 'delivered' && row !== undefined) this.#sample(row, outcome.code, outcome.message);
    });
  }

  #mark(ordinal: number): void {
    this.#anyMaybe = true;
    const at = ordinal >> 3;
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (ordinal & 7));
  }

  #sample({ change, payload }: Prepared, code: string, message: string): void {
    const place = this.#placeFor(code, change.recordId);
    place?.push({
      recordId: change.recordId,
      operation: change.operation,
      payload: this.#shown(payload),
      answer: `${code}: ${this.#text(message)}`,
    });
  }

  #sampleRejection(rejection: Rejection, change: { readonly recordId: string; readonly operation: Operation }): void {
    const { recordId, operation } = change;
    const place = this.#placeFor(rejection.code, recordId);
    place?.push({ recordId, operation, answer: `${rejection.code}: ${this.#text(rejection.message)}` });
  }

  #placeFor(code: string, recordId: string): DeliverySample[] | undefined {
    let samples = this.#samples.get(code);
    if (samples === undefined) {
      if (this.#samples.size >= MAX_REASONS) return undefined;
      samples = [];
      this.#samples.set(code, samples);
    }
    return samples.length >= MAX_SAMPLES || samples.some((sample) => sample.recordId === recordId)
      ? undefined
      : samples;
  }

  #text(text: string): string {
    const shown = this.#redact(text);
    return shown.length <= MAX_TEXT ? shown : `${shown.slice(0, MAX_TEXT - 1)}…`;
  }

  #shown(payload: JsonObject): JsonObject {
    return this.#value(payload, 0) as JsonObject;
  }

  #value(value: JsonValue, depth: number): JsonValue {
    if (typeof value === 'string') return this.#text(value);
    if (value === null || typeof value !== 'object') return value;
    if (depth >= MAX_DEPTH) return '…';
    if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => this.#value(item, depth + 1));
    const shown: JsonObject = {};
    for (const [key, item] of Object.entries(value).slice(0, MAX_ENTRIES))
      shown[key] = SECRET_NAME.test(key) && typeof item === 'string' ? '[redacted]' : this.#value(item, depth + 1);
    return shown;
  }
}
