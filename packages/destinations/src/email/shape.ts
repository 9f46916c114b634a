// What the e-mail destination takes: an SMTP server, and what a digest looks like.
import type { DestinationShape } from '@sluice/destination-kit';

export const MAX_RECIPIENTS = 50;

export const emailShape: DestinationShape = {
  name: 'E-mail digest',
  slug: 'email',
  description: 'Mails how many changes a sync brought, with a table of the first of them, over SMTP.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      host: { label: 'Host', description: 'Of the SMTP server.', type: 'string', required: true },
      port: { label: 'Port', type: 'integer', default: 587, minimum: 1, maximum: 65_535 },
      security: {
        label: 'Security',
        description:
          'starttls: encrypts before it signs in, and goes no further without. tls: from the first byte (port 465).',
        type: 'string',
        choices: [
          { label: 'STARTTLS', value: 'starttls' },
          { label: 'TLS', value: 'tls' },
          { label: 'None (only inside a network of your own)', value: 'none' },
        ],
        default: 'starttls',
      },
      user: { label: 'User', description: 'Default: no sign-in.', type: 'string' },
      password: { label: 'Password', description: 'Of the user.', type: 'password' },
      from: {
        label: 'From',
        description: 'Address of the sender, also as Name <address>.',
        type: 'string',
        required: true,
      },
    },
  },
  actions: {
    digest: {
      title: 'Mail a digest',
      description:
        'One mail per sync, or per 10,000 changes: how many changes there were, and the first of them as a table. A digest that is sent again is mailed again.',
      fields: {
        to: {
          label: 'To',
          description: `Addresses, at most ${MAX_RECIPIENTS}.`,
          type: 'string',
          multiple: true,
          required: true,
        },
        subject: {
          label: 'Subject',
          description: 'Places: {total}, {added}, {updated}, {deleted}, {mapping}, {sync}.',
          type: 'string',
          default: '{mapping}: {added} added, {updated} updated, {deleted} deleted',
        },
        intro: {
          label: 'Introduction',
          description: 'Stands before the table; with the places of the subject.',
          type: 'text',
        },
        row: {
          label: 'Row',
          description: "The table's columns. Default: all of the model's columns.",
          type: 'object',
          additionalProperties: true,
          default: { '@path': '$.properties' },
        },
        max_rows: {
          label: 'Rows',
          description: 'At most so many in the table.',
          type: 'integer',
          default: 50,
          minimum: 0,
          maximum: 500,
        },
      },
      batch: { maxRows: 10_000, maxBytes: 16_000_000 },
      capabilities: { transactions: true },
    },
  },
};
