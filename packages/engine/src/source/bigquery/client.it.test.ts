import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BigQueryClient } from './client.ts';
import type { Call } from './client.ts';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

let answer: (response: ServerResponse, request: number) => void = () => undefined;
let requests = 0;
const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.url === '/token') return response.end(JSON.stringify({ access_token: 't', expires_in: 3600 }));
  requests += 1;
  return answer(response, requests);
});
let client: BigQueryClient;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new BigQueryClient({
    kind: 'bigquery',
    name: 'warehouse',
    projectId: 'p',
    location: 'US',
    endpoint,
    credentials: {
      type: 'service_account',
      project_id: 'p',
      client_email: 'a@example.com',
      private_key_id: 'k',
      private_key: privateKey,
      token_uri: `${endpoint}/token`,
    },
  });
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe.for([{ streamed: true }, {}] as const)('a call %o', (how) => {
  const call = (more: Partial<Call> = {}): Promise<unknown> => {
    requests = 0;
    return client.call({ method: 'GET', path: 'projects/p', what: 'Cannot read', where: 'table t', ...how, ...more });
  };

  it('gives the parsed answer', async () => {
    answer = (response) => response.end('{"rows":[{"f":[{"v":"Zürich"}]}]}');
    expect(await call()).toEqual({ rows: [{ f: [{ v: 'Zürich' }] }] });
  });

  it("gives BigQuery's error with its reason", async () => {
    const error = {
      code: 403,
      message: 'Access Denied: t',
      errors: [{ reason: 'accessDenied', message: 'Access Denied: t' }],
    };
    answer = (response) => response.writeHead(403).end(JSON.stringify({ error }));
    await expect(call()).rejects.toMatchObject({ kind: 'forbidden', details: { status: 403, reason: 'accessDenied' } });
    expect(requests).toBe(1);
  });

  it('is tried again when the service is not available for a moment, or breaks off', async () => {
    answer = (response, request) => {
      if (request === 1) response.writeHead(503).end('<html>');
      else if (request === 2) {
        response.writeHead(200, { 'content-length': '100' }).write('{"rows":');
        setTimeout(() => response.destroy(), 20);
      } else response.end('{"rows":[]}');
    };
    expect(await call()).toEqual({ rows: [] });
    expect(requests).toBe(3);
  });

  it('ends when no answer comes, or none to its end, and when it is canceled', async () => {
    answer = (response, request) => {
      if (request > 1) response.write('{"rows":');
    };
    await expect(call({ timeoutMs: 100, attempts: 2 })).rejects.toThrow('no answer within 0.1 s');
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('canceled')), 50);
    await expect(call({ signal: stop.signal })).rejects.toThrow('canceled');
  });
});
