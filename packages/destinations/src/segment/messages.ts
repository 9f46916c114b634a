// From payloads to messages of Segment's HTTP API, cut into bodies that it takes.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { Call } from './shape.ts';

/** Segment's limits, in bytes: one message, and one request. */
export const MAX_MESSAGE_BYTES = 32 * 1024;
export const MAX_BODY_BYTES = 500 * 1024;
/** A body has at most this many messages. */
const MAX_MESSAGES = 2500;

export type Message = { readonly row: number; readonly text: string };
export type Unfit = { readonly row: number; readonly status: number; readonly reason: string };

/** Not fields of a message. */
const STEERING = new Set(['batch_size', 'batch_bytes', 'enable_batching', 'batch_keys']);

export type MessageDefaults = { readonly messageId: string; readonly timestamp: string };

/** The message as JSON, or why Segment would not take it. `row` is its place in the batch. */
export function messageOf(call: Call, payload: JsonObject, defaults: MessageDefaults, row: number): Message | Unfit {
  const unfit = (status: number, reason: string): Unfit => ({ row, status, reason });
  const given = (name: string): JsonValue | undefined =>
    payload[name] === '' ? undefined : (payload[name] ?? undefined);
  if (call !== 'alias' && given('userId') === undefined && given('anonymousId') === undefined)
    return unfit(400, 'there is neither a userId nor an anonymousId');
  const message: JsonObject = { type: call };
  for (const [name, value] of Object.entries(payload)) if (!STEERING.has(name) && value !== '') message[name] = value;
  message['messageId'] = given('messageId') ?? defaults.messageId;
  message['timestamp'] = given('timestamp') ?? defaults.timestamp;
  const text = JSON.stringify(message);
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_MESSAGE_BYTES
    ? unfit(413, `the message has ${bytes} bytes; Segment takes ${MAX_MESSAGE_BYTES}`)
    : { row, text };
}

/** Messages in their order, each list no larger than one request may be. */
export function cutBodies(messages: readonly Message[], around: number): Message[][] {
  const bodies: Message[][] = [];
  let open: Message[] = [];
  let bytes = around;
  for (const message of messages) {
    const more = Buffer.byteLength(message.text) + 1;
    if (open.length > 0 && (bytes + more > MAX_BODY_BYTES || open.length >= MAX_MESSAGES)) {
      bodies.push(open);
      open = [];
      bytes = around;
    }
    open.push(message);
    bytes += more;
  }
  if (open.length > 0) bodies.push(open);
  return bodies;
}
