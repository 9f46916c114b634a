// What the Cloud Storage destination does beside what all stores do: against a server that
// says what Cloud Storage would say, and one that goes away.
import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@sluice/core';
import type { BatchResult, DestinationSpec, Prepared } from '@sluice/destination-kit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

const registry = createRegistry();
const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const credentials = JSON.stringify({ client_email: 'writer@files.example', private_key: privateKey });
const requests: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let server: ReturnType<typeof createServer>;

beforeEach(async () => {
  requests.length = 0;
  server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    request.on('error', () => undefined);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function spec(settings: JsonObject = {}): DestinationSpec {
  const { port } = server.address() as AddressInfo;
  return {
    type: 'google-cloud-storage',
    action: 'write',
    settings: { bucket: 'exports', endpoint: `http://127.0.0.1:${port}`, credentials, ...settings },
    fields: {},
    mappingId: 'm',
    syncId: 's',
  };
}

async function deliver(text: string): Promise<BatchResult> {
  await using destination = await registry.open(spec());
  const change = { ordinal: 0, operation: 'added', recordId: 'r', checksum: 'c', columns: { text } } as const;
  const row = destination.prepare(change) as Prepared;
  return await destination.deliver([row], { signal: new AbortController().signal, idempotencyKey: 'k' });
}

const says =
  (code: number, message: string): typeof answer =>
  (request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code, message, errors: [{ message, reason: 'x' }] } }));
    });
  };

describe('Cloud Storage', () => {
  it.each([
    [401, 'stop'],
    [403, 'stop'],
    [404, 'stop'],
    [429, 'later'],
    [503, 'later'],
  ])('%i means %s, told once, in the words of the server', async (status, cause) => {
    answer = says(status, 'not like this');
    const result = await deliver('x');
    expect(result).toEqual({
      kind: 'failed',
      cause,
      code: `HTTP_${status}`,
      message: 'the bucket exports: not like this',
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatch(
      /^POST \/upload\/storage\/v1\/b\/exports\/o\?uploadType=multipart&name=m%2F.*&ifGenerationMatch=0/,
    );
  });

  it('takes an object that is there already for its own', async () => {
    answer = says(412, 'At least one of the pre-conditions you specified did not hold.');
    expect(await deliver('x')).toEqual({ kind: 'rows', outcomes: [{ outcome: 'delivered' }] });
  });

  it('asks to try later when the server goes away in the middle of an object', async () => {
    answer = (request) => void request.once('data', () => request.socket.destroy());
    expect(await deliver('x'.repeat(1_000_000))).toMatchObject({ kind: 'failed', cause: 'later' });
  });

  it('names what is wrong with the settings', () => {
    const problems = (settings: JsonObject): unknown[] =>
      registry.validateConnection(spec(settings)).map(({ path }) => path);
    expect(problems({})).toEqual([]);
    expect(problems({ bucket: 'gs://exports' })).toEqual(['settings.bucket']);
    expect(problems({ endpoint: 'storage.example/v1' })).toEqual(['settings.endpoint']);
    expect(problems({ credentials: '{"type":"authorized_user"}' })).toEqual(['settings.credentials']);
    expect(problems({ credentials: 'key.json' })).toEqual(['settings.credentials']);
  });
});
