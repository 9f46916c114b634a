// From rows to messages: one each, or one for many.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session } from '@sluice/destination-kit';
import type { IncomingWebhookSendArguments } from '@slack/webhook';
import type { Digest } from '../digest/digest.ts';
import { filledText } from '../digest/digest.ts';
import { MAX_BLOCKS, MAX_TEXT } from './shape.ts';
import type { Webhook } from './webhook.ts';

/** https://api.slack.com/reference/block-kit/blocks#section: a section's text. */
const MAX_SECTION = 3000;
const MAX_LINE = 500;

export class MessageSession implements Session {
  readonly #webhook: Webhook;

  constructor(webhook: Webhook) {
    this.#webhook = webhook;
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = [];
    for (const { payload } of batch) {
      const message = messageOf(payload);
      if ('problem' in message) {
        outcomes.push({ outcome: 'rejected', code: 'MESSAGE_TOO_LONG', message: message.problem });
        continue;
      }
      const failure = await this.#webhook.post(message, signal);
      if (failure === undefined) outcomes.push({ outcome: 'delivered' });
      // What was posted before it stays posted: its rows must not be sent again.
      else if (batch.length === 1) return failure;
      else outcomes.push(outcomeOf(failure));
    }
    return { kind: 'rows', outcomes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A webhook keeps no connection.
  }
}

function outcomeOf({ cause, code, message, retryAfterMs }: Extract<BatchResult, { kind: 'failed' }>): RowOutcome {
  if (cause === 'rows') return { outcome: 'rejected', code, message };
  return { outcome: 'retry', code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function messageOf(payload: JsonObject): IncomingWebhookSendArguments | { readonly problem: string } {
  const { blocks, markup } = payload;
  const shown = markup === true ? (value: JsonValue) => value : escaped;
  const text = textOf(shown(payload['text'] ?? ''));
  if (text.length > MAX_TEXT) return { problem: `the text has ${text.length} characters; Slack takes ${MAX_TEXT}` };
  if (!Array.isArray(blocks) || blocks.length === 0) return { text };
  if (blocks.length > MAX_BLOCKS) return { problem: `there are ${blocks.length} blocks; Slack takes ${MAX_BLOCKS}` };
  return { text, blocks: shown(blocks) as never };
}

export type DigestWords = {
  readonly title: string;
  readonly markup: boolean;
  readonly mappingId: string;
  readonly syncId: string;
};

/** Its title in bold, the lines of the first changes, and how many more there are. */
export function digestMessage(digest: Digest, words: DigestWords): IncomingWebhookSendArguments {
  const shown = words.markup ? (text: string) => text : (text: string) => escaped(text) as string;
  const title = shown(filledText(words.title, digest, words)).slice(0, MAX_LINE);
  const lines: string[] = [];
  let length = title.length;
  let left = digest.total;
  for (const { payload } of digest.rows) {
    const line = `• ${shown(textOf(payload['line'] ?? '').replaceAll(/\s+/g, ' ')).slice(0, MAX_LINE)}`;
    if (length + line.length > MAX_TEXT / 2) break;
    lines.push(line);
    length += line.length;
    left -= 1;
  }
  if (left > 0 && lines.length > 0) lines.push(`… and ${left} more`);
  return { text: title, blocks: sections([`*${title}*`, ...lines]) as never };
}

/** Lines in as few sections as Slack takes. */
function sections(lines: readonly string[]): JsonObject[] {
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last === undefined || last.length + line.length + 1 > MAX_SECTION) texts.push(line);
    else texts[texts.length - 1] = `${last}\n${line}`;
  }
  return texts.slice(0, MAX_BLOCKS).map((text) => ({ type: 'section', text: { type: 'mrkdwn', text } }));
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** All texts inside, with Slack's three control characters as it shows them. */
function escaped(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, escaped(item)]));
}
