import type { Change } from '@sluice/core';
import { expect, it } from 'vitest';
import type { Credentials, DestinationSpec, OpenDestination, Prepared } from '../destination.ts';
import { Receiver } from '../conformance/receiver.ts';
import { segmentCore } from '../segment/core.ts';
import type { AuthTokens, DestinationDefinition } from '../segment/definition.ts';
import type { RunnerOptions } from './definition-runner.ts';
import { openDefinition } from './definition-runner.ts';
import { Tokens } from './tokens.ts';

const field = { label: 'Id', type: 'string', required: true } as const;

/** Sends a batch as one request with the access token, and answers as a MultiStatus when it is asked to. */
const definition: DestinationDefinition = {
  name: 'OAuth',
  slug: 'test-oauth',
  authentication: {
    scheme: 'oauth2',
    fields: {},
    refreshAccessToken: async (request, data) => {
      const { auth } = data as { auth: AuthTokens };
      const response = await request('https://auth.example/token', {
        method: 'post',
        json: { refresh: auth.refreshToken, id: auth.clientId, secret: auth.clientSecret },
      });
      return response.data;
    },
  },
  extendRequest: ({ auth }) => ({ headers: { authorization: `Bearer ${auth?.accessToken ?? ''}` } }),
  actions: {
    whole: {
      title: 'Whole',
      description: '',
      fields: { id: field },
      perform: () => undefined,
      performBatch: (request, { payload }) => request('https://api.example/rows', { method: 'post', json: payload }),
    },
    rows: {
      title: 'Rows',
      description: '',
      fields: { id: field },
      perform: () => undefined,
      performBatch: async (request, { payload }) => {
        const response = await request('https://api.example/rows', { method: 'post', json: payload });
        const result = new segmentCore.MultiStatusResponse();
        for (const status of response.data as number[]) {
          if (status === 200) result.pushSuccessResponse({ status, sent: {}, body: {} });
          else result.pushErrorResponse({ status, errormessage: `status ${status}`, sent: {} });
        }
        return result;
      },
    },
  },
};

const OLD: Credentials = {
  accessToken: 'old-token-0123',
  refreshToken: 'refresh-0123',
  clientId: 'id-0123',
  clientSecret: 'secret-0123',
};

function openAction(receiver: Receiver, action: string, options: Partial<RunnerOptions> = {}): OpenDestination {
  const spec: DestinationSpec = {
    type: 'test-oauth',
    action,
    settings: {},
    fields: { id: { '@path': '$.__segment_id' } },
    credentials: OLD,
    mappingId: 'm',
    syncId: 's',
  };
  return openDefinition(definition, spec, {
    fetchTimeoutMs: 30_000,
    userAgent: 'test',
    connector: receiver.connector,
    ...options,
  });
}

function rowsOf(destination: OpenDestination, ...ids: string[]): Prepared[] {
  return ids.map((recordId, ordinal) => {
    const change: Change = { ordinal, operation: 'added', recordId, checksum: '', columns: {} };
    const row = destination.prepare(change);
    if (!('payload' in row)) throw new Error(row.message);
    return row;
  });
}

const send = (destination: OpenDestination, rows: readonly Prepared[]) =>
  destination.deliver(rows, { signal: new AbortController().signal, idempotencyKey: 'key' });

/** Takes only the new token; the token endpoint gives it. */
const vendor = (rows: (ids: readonly string[], fresh: boolean) => { status?: number; body?: object }) => {
  return ({ host, headers, body }: Receiver['requests'][number]) => {
    if (host === 'auth.example') return { body: { accessToken: 'new-token-0123' } };
    const ids = (JSON.parse(body) as { id: string }[]).map(({ id }) => id);
    return rows(ids, headers.authorization === 'Bearer new-token-0123');
  };
};
const whole = vendor((_, fresh) => ({ status: fresh ? 200 : 401 }));

it('renews an expired token and sends the batch again, under the same key', async () => {
  await using receiver = await Receiver.start(whole);
  const saved: Credentials[] = [];
  await using destination = openAction(receiver, 'whole', {
    saveCredentials: async (fresh) => void saved.push(fresh),
  });
  expect(await send(destination, rowsOf(destination, 'a', 'b'))).toMatchObject({
    kind: 'rows',
    outcomes: [{ outcome: 'delivered' }, { outcome: 'delivered' }],
  });
  expect(receiver.requests.map(({ host }) => host)).toEqual(['api.example', 'auth.example', 'api.example']);
  expect(JSON.parse(receiver.requests[1]?.body ?? '')).toEqual({
    refresh: 'refresh-0123',
    id: 'id-0123',
    secret: 'secret-0123',
  });
  expect(saved).toEqual([{ ...OLD, accessToken: 'new-token-0123' }]);
  const keys = receiver.requests
    .filter(({ host }) => host === 'api.example')
    .map(({ headers }) => headers['idempotency-key']);
  expect(keys).toEqual(['key', 'key']);
});

it('sends only the rows again that were refused with 401', async () => {
  await using receiver = await Receiver.start(
    vendor((ids, fresh) => ({ body: ids.map((id) => (id === 'bad' ? 400 : id === 'ok' || fresh ? 200 : 401)) })),
  );
  await using destination = openAction(receiver, 'rows');
  const result = await send(destination, rowsOf(destination, 'ok', 'late', 'bad', 'later'));
  expect(result.kind === 'rows' && result.outcomes.map(({ outcome }) => outcome)).toEqual([
    'delivered',
    'delivered',
    'rejected',
    'delivered',
  ]);
  const sent = receiver.requests.filter(({ host }) => host === 'api.example').map(({ body }) => body);
  expect(sent.map((body) => (JSON.parse(body) as { id: string }[]).map(({ id }) => id))).toEqual([
    ['ok', 'late', 'bad', 'later'],
    ['late', 'later'],
  ]);
});

it('refreshes once for all that wait, also of other mappings', async () => {
  await using receiver = await Receiver.start(whole);
  const tokens = new Tokens(OLD);
  await using one = openAction(receiver, 'whole', { tokens });
  await using other = openAction(receiver, 'whole', { tokens });
  const results = await Promise.all([one, one, other].map((each) => send(each, rowsOf(each, 'a'))));
  expect(results.map(({ kind }) => kind)).toEqual(['rows', 'rows', 'rows']);
  expect(receiver.requests.filter(({ host }) => host === 'auth.example')).toHaveLength(1);
});

it('stops when the refresh is refused, without a secret in the message', async () => {
  await using receiver = await Receiver.start(({ host, body }) =>
    host === 'auth.example' ? { status: 400, body: { error: 'invalid_grant', sent: body } } : { status: 401 },
  );
  await using destination = openAction(receiver, 'whole');
  const result = await send(destination, rowsOf(destination, 'a'));
  expect(result).toMatchObject({ kind: 'failed', cause: 'stop', code: 'OAUTH_REFRESH_FAILED' });
  expect(JSON.stringify(result)).not.toMatch(/refresh-0123|secret-0123|old-token-0123/);
});

it('tries again later when the token endpoint is down, or the new token could not be kept', async () => {
  await using receiver = await Receiver.start(({ host }) => ({ status: host === 'auth.example' ? 503 : 401 }));
  await using destination = openAction(receiver, 'whole');
  expect(await send(destination, rowsOf(destination, 'a'))).toMatchObject({ kind: 'failed', cause: 'later' });
  receiver.vendor = whole;
  await using unsaved = openAction(receiver, 'whole', {
    saveCredentials: async () => {
      throw new Error('the disk is full');
    },
  });
  expect(await send(unsaved, rowsOf(unsaved, 'a'))).toMatchObject({ kind: 'failed', cause: 'later' });
});

it('takes a second 401 for an answer', async () => {
  await using receiver = await Receiver.start(vendor(() => ({ status: 401 })));
  await using destination = openAction(receiver, 'whole');
  expect(await send(destination, rowsOf(destination, 'a'))).toMatchObject({ kind: 'failed', cause: 'stop' });
  expect(receiver.requests.map(({ host }) => host)).toEqual(['api.example', 'auth.example', 'api.example']);
});
