// What the Segment destination takes: the calls of Segment's HTTP Tracking API
// (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/).
import type { InputField } from '@sluice/destination-kit';

export const CALLS = ['identify', 'track', 'group', 'page', 'screen', 'alias'] as const;
export type Call = (typeof CALLS)[number];

const ids: Readonly<Record<string, InputField>> = {
  userId: {
    label: 'User id',
    description: 'The user in your database. It or the anonymous id is needed.',
    type: 'string',
  },
  anonymousId: { label: 'Anonymous id', description: 'Of a user without an id.', type: 'string' },
};
const traits = (of: string): InputField => ({
  label: 'Traits',
  description: `What is known of the ${of}. Default: all of the model's columns.`,
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
});
const properties: InputField = {
  label: 'Properties',
  description: "Default: all of the model's columns.",
  type: 'object',
  additionalProperties: true,
  default: { '@path': '$.properties' },
};
const name = (what: string, required: boolean): InputField => ({
  label: 'Name',
  description: `Of the ${what}.`,
  type: 'string',
  ...(required ? { required } : {}),
});

/** What every call takes. */
const shared: Readonly<Record<string, InputField>> = {
  timestamp: {
    label: 'Timestamp',
    description: 'When it happened, in ISO 8601. Default: when the sync began to deliver.',
    type: 'datetime',
  },
  context: {
    label: 'Context',
    description: 'For example ip, locale or page.',
    type: 'object',
    additionalProperties: true,
  },
  integrations: {
    label: 'Integrations',
    description: 'Which destinations Segment passes it on to.',
    type: 'object',
    additionalProperties: true,
  },
  messageId: {
    label: 'Message id',
    description: 'Segment drops a second message with the same id. Default: one per record, its content and the sync.',
    type: 'string',
  },
  batch_size: { label: 'Rows per batch', type: 'integer', default: 1000, minimum: 1, maximum: 5000 },
  batch_bytes: { label: 'Bytes per batch', type: 'integer', default: 400_000, minimum: 1, maximum: 400_000 },
};

export const callFields: Readonly<Record<Call, Readonly<Record<string, InputField>>>> = {
  identify: { ...ids, traits: traits('user'), ...shared },
  track: { ...ids, event: name('event', true), properties, ...shared },
  group: {
    ...ids,
    groupId: { label: 'Group id', description: 'The group in your database.', type: 'string', required: true },
    traits: traits('group'),
    ...shared,
  },
  page: { ...ids, name: name('page', false), category: name("page's category", false), properties, ...shared },
  screen: { ...ids, name: name('screen', false), category: name("screen's category", false), properties, ...shared },
  alias: {
    userId: { label: 'User id', description: 'What the user is called from now on.', type: 'string', required: true },
    previousId: { label: 'Previous id', description: 'What the user was called.', type: 'string', required: true },
    ...shared,
  },
};

export const TITLES: Readonly<Record<Call, string>> = {
  identify: 'Identify users',
  track: 'Track events',
  group: 'Put users into groups',
  page: 'Record page views',
  screen: 'Record screen views',
  alias: 'Merge identities',
};

export const settingFields: Readonly<Record<string, InputField>> = {
  write_key: {
    label: 'Write key',
    description: 'Of an HTTP API source in your Segment workspace.',
    type: 'password',
    required: true,
  },
  region: {
    label: 'Region',
    description: "Of the workspace: Segment takes nothing at another region's endpoint.",
    type: 'string',
    choices: [
      { label: 'United States', value: 'us' },
      { label: 'European Union', value: 'eu' },
    ],
    default: 'us',
  },
  endpoint: {
    label: 'Endpoint',
    description: 'URL of a proxy or a compatible server, up to the version: https://events.example.com/v1.',
    type: 'string',
  },
};
