import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { segmentCore } from '../segment/core.ts';
import type { CallContext } from './client.ts';
import { HttpPool } from './client.ts';
import { RequestError } from './errors.ts';
import type { RequestClient, RequestOptions } from './options.ts';
import type { Answer } from './test-server.ts';
import { TestServer } from './test-server.ts';

type Setup = { server: TestServer; request: RequestClient; context: CallContext };

async function setup(
  answer?: Answer,
  defaults: RequestOptions = {},
  pool: Partial<ConstructorParameters<typeof HttpPool>[0]> = {},
): Promise<Setup> {
  const server = await TestServer.start(answer);
  const http = new HttpPool({
    connections: 4,
    userAgent: 'Sluice test',
    timeoutMs: 2000,
    maxResponseBytes: 1_000_000,
    ...pool,
  });
  onTestFinished(async () => {
    await http[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const context: CallContext = { signal: new AbortController().signal };
  return { server, request: http.client(defaults, context), context };
}

const failureOf = async (promise: Promise<unknown>): Promise<RequestError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
};

describe('the request client', () => {
  it('merges headers without regard to case, and removes those that are undefined', async () => {
    const { server, request } = await setup(undefined, {
      headers: { 'X-One': 'default', 'X-Two': 'default', 'X-Three': 'default' },
    });
    await request(server.url, { headers: { 'x-one': 'call', 'x-two': undefined, 'X-THREE': 'undefined' } });
    expect(server.received[0]?.headers).toMatchObject({ 'x-one': 'call', 'user-agent': 'Sluice test', accept: '*/*' });
    expect(server.received[0]?.headers).not.toHaveProperty('x-two');
    expect(server.received[0]?.headers).not.toHaveProperty('x-three');
  });

  it('merges other options deeply, the call over the default', async () => {
    const { server, request } = await setup(undefined, { method: 'post', json: { a: { x: 1, y: 1 }, list: [1] } });
    await request(server.url, { json: { a: { y: 2 }, list: [2] } });
    expect(server.received[0]?.method).toBe('POST');
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({ a: { x: 1, y: 2 }, list: [1, 2] });
    expect(server.received[0]?.headers['content-type']).toBe('application/json');
  });

  it('sends form data, a query and basic authentication', async () => {
    const { server, request } = await setup();
    await request(`${server.url}/p?old=1`, {
      method: 'POST',
      body: new URLSearchParams({ a: '1 2' }),
      searchParams: { new: 'ü' },
      username: 'me',
      password: 'pass',
    });
    expect(server.received[0]).toMatchObject({ url: '/p?new=%C3%BC', body: 'a=1+2' });
    expect(server.received[0]?.headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      authorization: `Basic ${Buffer.from('me:pass').toString('base64')}`,
    });
  });

  it('takes credentials out of the URL into the header', async () => {
    const { server, request } = await setup();
    const response = await request(server.url.replace('//', '//us%40er:p@'));
    expect(server.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('us@er:p').toString('base64')}`);
    expect(response.url).not.toContain('er:p');
  });

  it('gives JSON, text, headers and content of a response, any number of times', async () => {
    const { server, request } = await setup((_, response) => {
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.end('{"a":1}');
    });
    const response = await request(server.url);
    expect([response.status, response.ok, response.content, response.data]).toEqual([200, true, '{"a":1}', { a: 1 }]);
    expect(await response.json()).toEqual({ a: 1 });
    expect(await response.text()).toBe('{"a":1}');
    expect(JSON.parse(JSON.stringify(response.headers))).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
    });
  });

  it('leaves data undefined when a JSON answer does not parse', async () => {
    const { server, request } = await setup((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"a":');
    });
    expect((await request(server.url)).data).toBeUndefined();
  });

  it('unpacks a compressed answer that it did not ask for', async () => {
    const { server, request } = await setup((_, response) => {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync('hello '.repeat(1000)));
    });
    expect((await request(server.url)).content).toBe('hello '.repeat(1000));
  });

  it("throws actions-core's HTTPError with the response for other statuses, unless told not to", async () => {
    const { server, request } = await setup((_, response) => void response.writeHead(422).end('no'));
    const error: unknown = await request(server.url).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(segmentCore.HTTPError);
    expect((error as { response: { status: number; content: string } }).response).toMatchObject({
      status: 422,
      content: 'no',
    });
    expect((await request(server.url, { throwHttpErrors: false })).status).toBe(422);
  });

  it('reads an answer of more than 128 KiB', async () => {
    const { server, request } = await setup((_, response) => void response.end('x'.repeat(400_000)));
    expect((await request(server.url)).content).toHaveLength(400_000);
  });

  it('stops reading an endless answer at its bound', async () => {
    const { server, request } = await setup((_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(100_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    expect((await failureOf(request(server.url))).failure).toBe('answer_too_large');
  });

  it('stops unpacking an answer that grows beyond its bound', async () => {
    const { server, request } = await setup((_, response) => {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(Buffer.alloc(20_000_000)));
    });
    expect((await failureOf(request(server.url))).failure).toBe('answer_too_large');
  });

  it('keeps the start of an oversized error answer', async () => {
    const { server, request } = await setup((_, response) => void response.writeHead(500).end('x'.repeat(2_000_000)));
    const response = await request(server.url, { throwHttpErrors: false });
    expect([response.status, response.content.length]).toEqual([500, 1_000_000]);
  });

  it('gives up when no answer comes in time', async () => {
    const { server, request } = await setup(() => undefined);
    const started = Date.now();
    expect((await failureOf(request(server.url, { timeout: 200 }))).failure).toBe('timeout');
    expect(Date.now() - started).toBeLessThan(1500);
  });

  it('gives up when the body does not end in time', async () => {
    const { server, request } = await setup((_, response) => {
      response.writeHead(200);
      response.write('start');
    });
    expect((await failureOf(request(server.url, { timeout: 200 }))).failure).toBe('timeout');
  });

  it('ends at once when it is cancelled', async () => {
    const { server, request } = await setup(() => undefined);
    const controller = new AbortController();
    const pending = failureOf(request(server.url, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    expect((await pending).failure).toBe('cancelled');
  });

  it('tells a refused connection from one that breaks in the middle of an answer', async () => {
    const { server, request } = await setup((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('part');
      setTimeout(() => response.destroy(), 20);
    });
    expect((await failureOf(request(server.url))).failure).toBe('no_answer');
    const closed = await TestServer.start();
    const { url } = closed;
    await closed[Symbol.asyncDispose]();
    const refused = await failureOf(request(url));
    expect(refused.failure).toBe('not_sent');
    expect(refused.message).toContain('ECONNREFUSED');
  });

  it('calls an answer that is not HTTP no answer', async () => {
    const { server, request } = await setup((_, response) => void response.socket?.end('garbage\r\n\r\n'));
    expect((await failureOf(request(server.url))).failure).toBe('no_answer');
  });

  it('refuses URLs and headers that cannot be sent', async () => {
    const { server, request } = await setup();
    expect(() => request('not a url')).toThrow('not a valid URL');
    expect(() => request('ftp://example.com')).toThrow('scheme ftp:');
    expect(() => request(server.url, { headers: { 'x-a': 'line\nbreak' } })).toThrow(
      'the header "x-a" of the request is not valid',
    );
    expect(server.received).toEqual([]);
  });

  it('uses few connections again and again', async () => {
    const { server, request } = await setup((_, response) => void setTimeout(() => response.end(), 5));
    await Promise.all(Array.from({ length: 60 }, () => request(server.url)));
    expect(server.received).toHaveLength(60);
    expect(server.connections).toBeLessThanOrEqual(4);
  });

  it('notes how long a 429 or 503 asks to wait', async () => {
    const { server, request, context } = await setup(
      (_, response) => void response.writeHead(429, { 'retry-after': '7' }).end(),
    );
    await request(server.url, { throwHttpErrors: false });
    expect(context.retryAfterMs).toBe(7000);
  });
});

describe('redirects', () => {
  it('repeats a write for 307 on the same origin, with its body', async () => {
    const { server, request } = await setup(({ url }, response) => {
      if (url === '/old') response.writeHead(307, { location: '/new' }).end();
      else response.end('done');
    });
    const response = await request(`${server.url}/old`, { method: 'POST', json: { a: 1 } });
    expect(response.content).toBe('done');
    expect(server.received.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/old', '{"a":1}'],
      ['POST', '/new', '{"a":1}'],
    ]);
  });

  it.each([301, 302])('does not turn a write into a read for %i', async (status) => {
    const { server, request } = await setup(
      (_, response) => void response.writeHead(status, { location: '/new' }).end(),
    );
    const response = await request(server.url, { method: 'POST', json: {}, throwHttpErrors: false });
    expect(response.status).toBe(status);
    expect(server.received).toHaveLength(1);
  });

  it('sends neither writes nor credentials to another origin', async () => {
    await using other = await TestServer.start();
    const { server, request } = await setup(
      (_, response) => void response.writeHead(308, { location: other.url }).end(),
    );
    const write = await request(server.url, { method: 'POST', json: {}, throwHttpErrors: false });
    expect([write.status, other.received.length]).toEqual([308, 0]);
    await request(server.url, { headers: { authorization: 'Bearer secret', 'x-api-key': 'secret', cookie: 'secret' } });
    expect(other.received).toHaveLength(1);
    expect(JSON.stringify(other.received)).not.toContain('secret');
  });

  it('ends a circle of redirects', async () => {
    const { server, request } = await setup((_, response) => void response.writeHead(302, { location: '/' }).end());
    const response = await request(server.url, { throwHttpErrors: false });
    expect(response.status).toBe(302);
    expect(server.received).toHaveLength(6);
  });
});
