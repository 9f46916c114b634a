// Puts each batch into a store as one part of its own.
import type { BatchResult, DeliverOptions, Prepared, Session } from '@sluice/destination-kit';
import type { PartEncoding } from './encode-part.ts';
import { contentTypeOf, encodePart, extensionOf } from './encode-part.ts';
import type { SyncPlace } from './key-template.ts';
import { keyOf } from './key-template.ts';
import type { ObjectStore } from './object-store.ts';
import { StoreFailure } from './object-store.ts';

export class PartsSession implements Session {
  readonly #store: ObjectStore;
  readonly #encoding: PartEncoding;
  readonly #template: string;
  readonly #place: SyncPlace;

  constructor(store: ObjectStore, encoding: PartEncoding, template: string, place: SyncPlace) {
    this.#store = store;
    this.#encoding = encoding;
    this.#template = template;
    this.#place = place;
  }

  async deliver(batch: readonly Prepared[], { signal, idempotencyKey }: DeliverOptions): Promise<BatchResult> {
    const { body, outcomes } = await encodePart(batch, this.#encoding);
    if (body === undefined) return { kind: 'rows', outcomes };
    const key = keyOf(this.#template, this.#place, batch, idempotencyKey) + extensionOf(this.#encoding);
    try {
      await this.#store.put({ key, body, contentType: contentTypeOf(this.#encoding) }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StoreFailure)) throw error;
      return { kind: 'failed', cause: error.reason, code: error.code, message: error.message };
    }
    return { kind: 'rows', outcomes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}
