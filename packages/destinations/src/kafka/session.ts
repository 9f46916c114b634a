// One sync's changes into one topic. A batch is one call of an idempotent producer, acknowledged
// by all replicas in sync; a producer that failed is not used again, because its place in the
// sequence of a partition is unknown then.
import type { MessageToProduce } from '@platformatic/kafka';
import { Producer } from '@platformatic/kafka';
import type { JsonObject, JsonValue } from '@sluice/core';
import { AppError, messageOf } from '@sluice/core';
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session } from '@sluice/destination-kit';
import { failureOf } from './errors.ts';
import type { KafkaProducerOptions, Target } from './settings.ts';

class UnfitRow extends Error {}

export class KafkaSession implements Session {
  readonly #options: KafkaProducerOptions;
  readonly #target: Target;
  /** Undefined while nobody knows: the topic is made by the first message. */
  readonly #partitions: number | undefined;
  #producer: Producer | undefined;

  constructor(options: KafkaProducerOptions, target: Target, producer: Producer, partitions: number | undefined) {
    this.#options = options;
    this.#target = target;
    this.#producer = producer;
    this.#partitions = partitions;
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = batch.map(() => ({ outcome: 'delivered' }));
    const messages: MessageToProduce[] = [];
    for (const [position, row] of batch.entries()) {
      try {
        messages.push(this.#message(row));
      } catch (error) {
        if (!(error instanceof UnfitRow)) throw error;
        outcomes[position] = { outcome: 'rejected', code: 'VALUE_UNFIT', message: error.message };
      }
    }
    if (messages.length === 0) return { kind: 'rows', outcomes };
    this.#producer ??= openProducer(this.#options);
    const producer = this.#producer;
    const abort = (): void => {
      this.#drop();
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      await producer.send({ messages, autocreateTopics: this.#target.createTopic });
      return { kind: 'rows', outcomes };
    } catch (error) {
      this.#drop();
      signal.throwIfAborted();
      return failureOf(error, true);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.close(true);
  }

  #drop(): void {
    const producer = this.#producer;
    this.#producer = undefined;
    // It fails what is under way.
    producer?.close(true).catch(() => undefined);
  }

  #message({ change, payload }: Prepared): MessageToProduce {
    const { topic, tombstones, operationHeader } = this.#target;
    const { row = null, headers = null, partition } = payload;
    if (typeof partition === 'number' && this.#partitions !== undefined && partition >= this.#partitions)
      throw new UnfitRow(
        `the topic ${topic} has ${this.#partitions} partitions, and none with the number ${partition}`,
      );
    const named = new Map<Buffer, Buffer>();
    if (operationHeader !== '') named.set(Buffer.from(operationHeader), Buffer.from(change.operation));
    if (isObject(headers))
      for (const [name, value] of Object.entries(headers))
        if (value !== null) named.set(bytesOf(`header "${name}"`, name), bytesOf(`header "${name}"`, textOf(value)));
    const isTombstone = tombstones && change.operation === 'deleted';
    return {
      topic,
      key: bytesOf('the identifier', change.recordId),
      ...(isTombstone ? {} : { value: bytesOf('the row', JSON.stringify(isObject(row) ? row : {})) }),
      headers: named,
      ...(typeof partition === 'number' ? { partition } : {}),
    };
  }
}

export function openProducer(options: KafkaProducerOptions): Producer {
  // The producer keeps and changes what it is given.
  return new Producer({ ...options });
}

/**
 * How many partitions the topic has; undefined when it is to be made.
 * @throws AppError when there is none and it is not to be made. Throws the producer's errors.
 */
export async function partitionsOf(producer: Producer, { topic, createTopic }: Target): Promise<number | undefined> {
  try {
    const { topics } = await producer.metadata({ topics: [topic], autocreateTopics: false });
    return topics.get(topic)?.partitionsCount;
  } catch (error) {
    if (failureOf(error, false).code !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    if (createTopic) return undefined;
    throw new AppError(`the topic "${topic}" does not exist, or the user may not see it`, {
      code: 'TOPIC_NOT_FOUND',
      kind: 'invalid',
      origin: 'destination',
      where: 'fields.topic',
      fix: 'make the topic, correct the name, or set create_topic',
      cause: messageOf(error),
    });
  }
}

function bytesOf(what: string, text: string): Buffer {
  // JSON writes half of a surrogate pair as an escape, which is a text and stays one.
  if (!text.isWellFormed()) throw new UnfitRow(`${what}: half of a surrogate pair is no Unicode text`);
  return Buffer.from(text);
}

function textOf(value: Exclude<JsonValue, null>): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
