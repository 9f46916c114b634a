import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Change } from '@sluice/core';
import type { DestinationSpec, Vendor } from '@sluice/destination-kit';
import { Receiver } from '@sluice/destination-kit';
import { describe, expect, it } from 'vitest';
import { details } from './catalogue/details.ts';
import { offers } from './catalogue/offers.ts';
import { createRegistry } from './registry.ts';

const change: Change = {
  ordinal: 0,
  operation: 'added',
  recordId: '7',
  checksum: 'c',
  columns: { id: '7', email: 'ada@example.com' },
};
const ids = { mappingId: 'm', syncId: 'test-record' };

const webhook: DestinationSpec = {
  ...ids,
  type: 'actions-webhook',
  settings: { sharedSecret: 'shared-secret-0123' },
  action: 'send',
  fields: {
    url: 'https://hooks.example/in?token=query-secret-0123',
    headers: { Authorization: 'Bearer header-secret-0123', 'X-Plain': 'plain' },
    data: { id: { '@path': '$.__segment_id' }, email: { '@path': '$.properties.email' } },
  },
};

const oauth: DestinationSpec = {
  ...ids,
  type: 'actions-hubspot-cloud',
  settings: {},
  credentials: {
    accessToken: 'access-0123',
    refreshToken: 'refresh-0123',
    clientId: 'id',
    clientSecret: 'secret-0123',
  },
  action: 'upsertContact',
  fields: { email: { '@path': '$.properties.email' } },
};

async function trial(spec: DestinationSpec, send: boolean, vendor?: Vendor) {
  await using receiver = await Receiver.start(vendor);
  const registry = createRegistry({ runner: { connector: receiver.connector } });
  const result = await registry.tryRecord(spec, change, { send });
  return { result, received: receiver.requests };
}

describe('tryRecord', () => {
  it('shows the request without sending it, and without secrets', async () => {
    const { result, received } = await trial(webhook, false);
    expect(received).toEqual([]);
    expect(result).toMatchObject({
      payload: { data: { id: '7', email: 'ada@example.com' } },
      notes: [],
      requests: [
        {
          method: 'POST',
          url: expect.stringMatching(/^https:\/\/hooks\.example\/in\?token=/),
          headers: { 'x-plain': 'plain', authorization: '[redacted]', 'x-signature': '[redacted]' },
          body: '{"id":"7","email":"ada@example.com"}',
        },
      ],
    });
    expect(result.result).toBeUndefined();
    expect(JSON.stringify(result)).not.toMatch(/shared-secret|query-secret|header-secret/);
  });

  it('sends exactly what it showed, and shows the answer and the outcome', async () => {
    const shown = await trial(webhook, false);
    const sent = await trial(webhook, true, () => ({ status: 200, body: { ok: 'shared-secret-0123' } }));
    expect(sent.received).toHaveLength(1);
    const [dry, wet] = [shown.result.requests, sent.result.requests];
    if (dry === 'unknown' || wet === 'unknown') throw new Error('no requests');
    expect(sent.received[0]).toMatchObject({ method: dry[0]?.method, host: 'hooks.example', body: dry[0]?.body });
    expect(wet[0]).toEqual({ ...dry[0], answer: { status: 200, body: '{"ok":"[redacted]"}' } });
    expect(sent.result.result).toEqual({ kind: 'rows', outcomes: [{ outcome: 'delivered' }] });
    const refused = await trial(webhook, true, () => ({ status: 422, body: { error: 'no such field' } }));
    expect(refused.result).toMatchObject({ result: { kind: 'rows', outcomes: [{ outcome: 'rejected' }] } });
    expect(JSON.stringify(refused.result.requests)).toContain('no such field');
  });

  it('says where what follows depends on an answer', async () => {
    const { result, received } = await trial(oauth, false);
    expect(received).toEqual([]);
    expect(result.requests).not.toBe('unknown');
    expect(result.requests.length).toBeGreaterThan(0);
    expect(JSON.stringify(result)).not.toMatch(/access-0123|refresh-0123|secret-0123/);
    expect(result.payload).toMatchObject({ email: 'ada@example.com' });
    expect(result.result).toBeUndefined();
  });

  it('gives the reason for a record that is not valid', async () => {
    const spec = { ...oauth, fields: { email: { '@path': '$.properties.nothing' } } };
    const { result, received } = await trial(spec, true);
    expect(received).toEqual([]);
    expect(result).toMatchObject({
      requests: [],
      rejection: { outcome: 'rejected', code: 'PAYLOAD_VALIDATION_FAILED', message: expect.stringContaining('email') },
    });
  });

  it('maps for destinations that do not speak HTTP, and opens nothing', async () => {
    const registry = createRegistry();
    const spec: DestinationSpec = {
      ...ids,
      type: 'actions-kafka',
      settings: {
        clientId: 'c',
        brokers: 'broker.invalid:9092',
        mechanism: 'plain',
        username: 'u',
        password: 'kafka-password-0123',
        ssl_enabled: true,
        ssl_reject_unauthorized_ca: true,
      },
      action: 'send',
      fields: { topic: 'people', payload: { id: { '@path': '$.__segment_id' } } },
    };
    const result = await registry.tryRecord(spec, change, { send: false });
    expect(result).toMatchObject({ requests: 'unknown', payload: { topic: 'people', payload: { id: '7' } } });
    expect(result.notes[0]).toContain('does not send HTTP requests');
  });

  it('refuses an invalid mapping', async () => {
    const spec = { ...webhook, fields: { nonsense: 1 } };
    await expect(createRegistry().tryRecord(spec, change, { send: true })).rejects.toMatchObject({
      code: 'INVALID_DESTINATION',
    });
  });
});

// A definition with a client of its own would send during a trial that must not send.
it('knows every offered definition that does not use our HTTP client', () => {
  const main = createRequire(import.meta.url).resolve('@segment/action-destinations');
  const root = path.join(path.dirname(main), 'destinations');
  const own =
    /require\("(?:kafkajs|ssh2[^"]*|@aws-sdk[^"]*|node-fetch|cross-fetch|axios|undici|nodemailer|net|tls|http|[^"]*lib\/AWS[^"]*)"\)|[^.\w]fetch\(/;
  const found = offers
    .filter(({ directory }) =>
      readdirSync(path.join(root, directory), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.js') && !/test/.test(file))
        .some((file) =>
          own.test(readFileSync(path.join(root, directory, file), 'utf8').replaceAll("require('", 'require("')),
        ),
    )
    .map(({ type }) => type);
  // "async fetch(" and the like name methods: dotdigital's own fields.
  const known = Object.keys(details).filter((type) => details[type]?.ownClient !== undefined);
  expect(found.filter((type) => !type.startsWith('actions-dotdigital')).toSorted()).toEqual(known.toSorted());
});
