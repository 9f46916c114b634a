// What the S3 destination does beside what all stores do: against a server that says what
// S3 would say, and one that goes away.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@sluice/core';
import type { BatchResult, DestinationSpec, Prepared } from '@sluice/destination-kit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

const registry = createRegistry();
const requests: { method: string; path: string; headers: IncomingMessage['headers'] }[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => {
  requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers });
  answer(request, response);
});

beforeEach(async () => {
  requests.length = 0;
  answer = (request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { etag: '"e"' }).end());
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function spec(settings: JsonObject = {}): DestinationSpec {
  const { port } = server.address() as AddressInfo;
  return {
    type: 's3',
    action: 'write',
    settings: {
      bucket: 'exports',
      endpoint: `http://127.0.0.1:${port}`,
      access_key_id: 'AKIAEXAMPLE',
      secret_access_key: 'very-secret-access-key',
      ...settings,
    },
    fields: {},
    mappingId: 'm',
    syncId: 's',
  };
}

async function deliver(settings: JsonObject = {}, text = 'x'): Promise<BatchResult> {
  await using destination = await registry.open(spec(settings));
  const change = { ordinal: 0, operation: 'added', recordId: 'r', checksum: 'c', columns: { text } } as const;
  const row = destination.prepare(change) as Prepared;
  return await destination.deliver([row], { signal: new AbortController().signal, idempotencyKey: 'k' });
}

const refuse =
  (status: number, code: string): typeof answer =>
  (request, response) => {
    request.resume();
    request.on('end', () =>
      response
        .writeHead(status, { 'content-type': 'application/xml' })
        .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>No: ${code}</Message></Error>`),
    );
  };

describe('S3', () => {
  it('asks for the encryption of the settings', async () => {
    await deliver({ encryption: 'aws:kms', kms_key_id: 'arn:aws:kms:eu-west-1:1:key/k' });
    expect(requests[0]?.headers).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-west-1:1:key/k',
      'content-type': 'application/x-ndjson',
    });
    expect(requests[0]?.path).toMatch(/^\/exports\/m\//);
    await deliver();
    expect(requests[1]?.headers).not.toHaveProperty('x-amz-server-side-encryption');
  });

  it.each<[number, string, string]>([
    [403, 'AccessDenied', 'stop'],
    [403, 'SignatureDoesNotMatch', 'stop'],
    [404, 'NoSuchBucket', 'stop'],
    [301, 'PermanentRedirect', 'stop'],
    [400, 'ExpiredToken', 'stop'],
    [400, 'EntityTooLarge', 'rows'],
    [400, 'RequestTimeout', 'later'],
    [503, 'SlowDown', 'later'],
    [500, 'InternalError', 'later'],
  ])('%i %s means %s', async (status, code, cause) => {
    answer = refuse(status, code);
    const result = await deliver();
    expect(result).toMatchObject({
      kind: 'failed',
      cause,
      code,
      message: expect.stringContaining('exports') as string,
    });
    expect(requests.length).toBe(1);
    expect(JSON.stringify(result)).not.toContain('very-secret');
  });

  it('asks to try later when the server goes away in the middle of an object', async () => {
    answer = (request) => void request.once('data', () => request.socket.destroy());
    expect(await deliver({}, 'x'.repeat(1_000_000))).toMatchObject({ kind: 'failed', cause: 'later' });
  });

  it('takes an upload in parts back when one of them fails', async () => {
    answer = (request, response) => {
      request.resume();
      request.on('end', () => {
        if (request.url?.includes('uploads') === true)
          response
            .writeHead(200, { 'content-type': 'application/xml' })
            .end(
              '<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>',
            );
        else if (request.method === 'DELETE') response.writeHead(204).end();
        else refuse(500, 'InternalError')(request, response);
      });
      if (request.method === 'PUT') response.writeHead(500, { 'content-type': 'application/xml' }).end('<Error/>');
    };
    expect(await deliver({}, 'x'.repeat(10_000_000))).toMatchObject({ kind: 'failed', cause: 'later' });
    expect(requests.filter(({ method, path }) => method === 'DELETE' && path.includes('uploadId=u1'))).toHaveLength(1);
  });

  it('cannot tell whether keys that may not list are right', async () => {
    answer = refuse(403, 'AccessDenied');
    expect(await registry.testAuthentication(spec())).toEqual({ result: 'untested' });
  });

  it('names what is wrong with the settings', () => {
    const problems = (settings: JsonObject): unknown[] =>
      registry.validateConnection(spec(settings)).map(({ path }) => path);
    expect(problems({})).toEqual([]);
    expect(problems({ bucket: 's3://x' })).toEqual(['settings.bucket']);
    expect(problems({ endpoint: 'minio:9000/path' })).toEqual(['settings.endpoint']);
    expect(problems({ secret_access_key: '' })).toEqual(['settings.secret_access_key']);
    expect(problems({ access_key_id: '' })).toEqual(['settings.access_key_id']);
    expect(problems({ kms_key_id: 'k' })).toEqual(['settings.kms_key_id']);
    expect(problems({ encryption: 'none' })).toEqual(['settings.encryption']);
    expect(problems({ access_key_id: '', secret_access_key: '', session_token: 't' })).toEqual([
      'settings.session_token',
    ]);
  });
});
