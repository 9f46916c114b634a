// What the Slack destination takes: an incoming webhook (https://api.slack.com/messaging/webhooks).
import type { DestinationShape, InputField } from '@sluice/destination-kit';

/** Slack cuts longer texts. */
export const MAX_TEXT = 40_000;
export const MAX_BLOCKS = 50;
/** Incoming webhooks take one message per second (https://api.slack.com/docs/rate-limits). */
export const RATE_LIMIT = { requestsPerSecond: 1, burst: 1 } as const;

const look: Readonly<Record<string, InputField>> = {
  markup: {
    label: 'Keep markup',
    description:
      "Texts may have Slack's own markup such as <https://example.com|links> and <!channel>. Default: & < > are shown as they are, so that no row can call anybody.",
    type: 'boolean',
    default: false,
  },
};

export const slackShape: DestinationShape = {
  name: 'Slack webhook',
  slug: 'slack',
  description: 'Posts rows, or a digest of them, to a channel through an incoming webhook.',
  authentication: {
    scheme: 'custom',
    fields: {
      webhook_url: {
        label: 'Webhook URL',
        description: 'Of an incoming webhook of your Slack app; whoever has it can post.',
        type: 'password',
        required: true,
      },
    },
  },
  actions: {
    message: {
      title: 'Post a message per row',
      description: 'One message per change, at most one per second. A message that is sent again is posted again.',
      fields: {
        text: {
          label: 'Text',
          description: 'The message; with blocks, what notifications show.',
          type: 'text',
          required: true,
        },
        blocks: {
          label: 'Blocks',
          description: `Blocks of Slack's Block Kit, at most ${MAX_BLOCKS}.`,
          type: 'object',
          multiple: true,
          additionalProperties: true,
        },
        ...look,
      },
      batch: { maxRows: 1, maxBytes: 1_000_000 },
      capabilities: { perRowOutcomes: true, ordered: true },
      rateLimit: RATE_LIMIT,
    },
    digest: {
      title: 'Post a digest',
      description: 'One message per sync, or per 10,000 changes: how many changes there were, and the first of them.',
      fields: {
        title: {
          label: 'Title',
          description: 'Places: {total}, {added}, {updated}, {deleted}, {mapping}, {sync}.',
          type: 'string',
          default: '{mapping}: {added} added, {updated} updated, {deleted} deleted',
        },
        line: { label: 'Line', description: 'What is said of one change.', type: 'text', required: true },
        max_lines: {
          label: 'Lines',
          description: 'At most so many.',
          type: 'integer',
          default: 20,
          minimum: 0,
          maximum: 100,
        },
        ...look,
      },
      batch: { maxRows: 10_000, maxBytes: 8_000_000 },
      capabilities: { ordered: true, transactions: true },
      rateLimit: RATE_LIMIT,
    },
  },
};
