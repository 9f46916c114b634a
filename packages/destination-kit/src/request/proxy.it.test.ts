import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { HttpPool } from './client.ts';
import type { HttpPoolOptions } from './client.ts';
import { TestServer } from './test-server.ts';

/** Answers CONNECT: opens the tunnel, or refuses with `status`. */
async function startProxy(status = 200) {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const server = createServer((client) => {
    client.on('error', () => undefined);
    client.once('data', (data: Buffer) => {
      const text = data.toString('latin1');
      const target = /^CONNECT (\S+) /.exec(text)?.[1] ?? '';
      asked.push({ target, authorization: /^proxy-authorization: (.*)$/im.exec(text)?.[1]?.trim() });
      if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
      const [host = '', port = ''] = target.split(':');
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.pipe(upstream).pipe(client);
      });
      upstream.on('error', () => client.destroy());
      client.on('close', () => upstream.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { asked, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function openPool(proxy?: HttpPoolOptions['proxy']): HttpPool {
  const pool = new HttpPool({
    connections: 2,
    userAgent: 'test',
    timeoutMs: 30_000,
    maxResponseBytes: 1000,
    ...(proxy === undefined ? {} : { proxy }),
  });
  onTestFinished(() => pool[Symbol.asyncDispose]());
  return pool;
}

async function get(pool: HttpPool, url: string): Promise<number> {
  return (await pool.client({}, { signal: new AbortController().signal })(url)).status;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

it('goes through the proxy that an option names, with its credentials', async () => {
  await using target = await TestServer.start();
  const proxy = await startProxy();
  expect(await get(openPool({ url: `http://me:s3cret@${proxy.host}` }), target.url)).toBe(200);
  expect(proxy.asked).toEqual([
    {
      target: `127.0.0.1:${target.port}`,
      authorization: `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
    },
  ]);
  expect(target.received).toHaveLength(1);
});

it('goes through the proxy of the environment, but not to the hosts of NO_PROXY', async () => {
  await using target = await TestServer.start();
  const proxy = await startProxy();
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'HTTPS_PROXY', 'NO_PROXY']) vi.stubEnv(name, undefined);
  vi.stubEnv('HTTP_PROXY', `http://${proxy.host}`);
  expect(await get(openPool(), target.url)).toBe(200);
  expect(proxy.asked).toHaveLength(1);
  vi.stubEnv('NO_PROXY', '127.0.0.1');
  expect(await get(openPool(), target.url)).toBe(200);
  expect(await get(openPool('none'), target.url)).toBe(200);
  expect(proxy.asked).toHaveLength(1);
  expect(target.received).toHaveLength(3);
});

it('says that the proxy refused, and never its password', async () => {
  const proxy = await startProxy(407);
  const failed = await get(openPool({ url: `http://me:s3cret@${proxy.host}` }), 'http://example.invalid/').catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ failure: 'not_sent', message: 'the HTTP proxy answered 407 for example.invalid' });
  expect(() => openPool({ url: 'no url with s3cret' })).toThrow('the address of the HTTP proxy is not a valid URL');
});
