import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServerUnderTest } from '../../server-under-test.ts';
import { BUCKET, createBucket, get, pathOf, put } from './storage-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start({ maxObjectBytes: 4_000_000 });
  await createBucket(server);
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const files = (): Promise<string[]> => readdir(join(server.dataDir, 'storage'));

describe('an upload', () => {
  test('by media has the checksums, size and type of what was sent', async () => {
    const { status, body } = await put(server, 'media.txt', 'hello');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'storage#object',
      name: 'media.txt',
      bucket: BUCKET,
      size: '5',
      contentType: 'text/plain',
      metageneration: '1',
      md5Hash: createHash('md5').update('hello').digest('base64'),
      crc32c: 'mnG7TA==',
    });
    expect(await get(server, 'media.txt')).toBe('hello');
  });

  test('by multipart takes name and metadata from its first part', async () => {
    const parts = ['{"name":"multi.txt","metadata":{"a":"b"},"cacheControl":"no-cache"}', 'bytes\r\n--b\r\nin it'];
    const body = `--bound\r\ncontent-type: application/json\r\n\r\n${parts[0]}\r\n--bound\r\ncontent-type: text/x-own\r\n\r\n${parts[1]}\r\n--bound--\r\n`;
    const answer = await server.request('POST', `/upload/storage/v1/b/${BUCKET}/o?uploadType=multipart`, body, {
      headers: { 'content-type': 'multipart/related; boundary=bound' },
    });
    expect(answer.body).toMatchObject({
      name: 'multi.txt',
      contentType: 'text/x-own',
      metadata: { a: 'b' },
      cacheControl: 'no-cache',
    });
    expect(await get(server, 'multi.txt')).toBe(parts[1]);
  });

  test('with a checksum that differs, or over the limit, leaves neither object nor file', async () => {
    const before = await files();
    const wrong = await put(server, 'wrong.txt', 'hello', { headers: { 'x-goog-hash': 'crc32c=AAAAAA==' } });
    expect(wrong.status).toBe(400);
    expect(wrong.body.error.message).toBe('Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "mnG7TA==".');
    const big = await put(server, 'big.bin', Buffer.alloc(4_000_001));
    expect(big.status).toBe(413);
    expect(await get(server, 'wrong.txt')).toBeUndefined();
    expect(await get(server, 'big.bin')).toBeUndefined();
    expect(await files()).toEqual(before);
  });

  test.each(['media&name=broken.txt', 'multipart'])(
    'by %s that breaks off leaves neither object nor file',
    async (type) => {
      const before = await files();
      const { hostname, port } = new URL(server.url);
      const token = await server.token('ann@example.com');
      const body = '--b\r\ncontent-type: application/json\r\n\r\n{"name":"broken.txt"}\r\n--b\r\n\r\nsome bytes';
      const head = `POST /upload/storage/v1/b/${BUCKET}/o?uploadType=${type} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/related; boundary=b\r\nContent-Length: 1000\r\n\r\n`;
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(head + body);
          setTimeout(() => socket.destroy(), 200);
        });
        socket.on('close', () => resolve());
      });
      let after = await files();
      for (let i = 0; i < 100 && after.length > before.length; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        after = await files();
      }
      expect(after).toEqual(before);
      expect(await get(server, 'broken.txt')).toBeUndefined();
    },
  );

  test('of what is not supported is refused by name', async () => {
    const acl = await put(server, 'acl.txt', 'x', { query: '&predefinedAcl=publicRead' });
    expect([acl.status, acl.body.error.message]).toEqual([
      501,
      'The parameter predefinedAcl is not supported by the local Cloud Storage.',
    ]);
    const type = await server.request('POST', `/upload/storage/v1/b/${BUCKET}/o?uploadType=other&name=x`, 'x');
    expect(type.status).toBe(400);
  });
});

describe('a resumable upload', () => {
  const begin = async (name: string, query = '', as?: string): Promise<string> => {
    const { status, headers } = await server.request(
      'POST',
      `/upload/storage/v1/b/${BUCKET}/o?uploadType=resumable${query}`,
      { name, contentType: 'text/csv' },
      as === undefined ? {} : { as },
    );
    expect(status).toBe(200);
    return headers.get('location')!.slice(server.url.length);
  };
  const send = (path: string, data: string, range: string) =>
    server.request('PUT', path, Buffer.from(data), { headers: { 'content-range': range, 'content-type': 'text/csv' } });

  test('goes on where it was, says how far it is, and ends with the object', async () => {
    const path = await begin('resumed.csv');
    expect((await send(path, '', 'bytes */*')).headers.get('range')).toBeNull();
    const first = await send(path, 'hello ', 'bytes 0-5/11');
    expect([first.status, first.headers.get('range')]).toEqual([308, 'bytes=0-5']);
    const probe = await send(path, '', 'bytes */11');
    expect([probe.status, probe.headers.get('range')]).toEqual([308, 'bytes=0-5']);
    expect(await get(server, 'resumed.csv')).toBeUndefined();
    const gap = await send(path, 'rld', 'bytes 8-10/11');
    expect(gap.status).toBe(400);
    // Bytes that had arrived are sent again.
    const last = await send(path, 'lo world', 'bytes 3-10/11');
    expect([last.status, last.body.size, last.body.contentType]).toEqual([200, '11', 'text/csv']);
    expect(await get(server, 'resumed.csv')).toBe('hello world');
    const again = await send(path, '', 'bytes */11');
    expect([again.status, again.body.generation]).toEqual([200, last.body.generation]);
  });

  test('of unknown length ends with its request', async () => {
    const path = await begin('stream.csv');
    expect((await send(path, 'abc', 'bytes 0-*/*')).status).toBe(200);
    expect(await get(server, 'stream.csv')).toBe('abc');
  });

  test('keeps what came before the connection broke', async () => {
    const path = await begin('broken.csv');
    const { hostname, port } = new URL(server.url);
    const token = await server.token('ann@example.com');
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `PUT ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n01234`,
        );
        setTimeout(() => socket.destroy(), 200);
      });
      socket.on('close', () => resolve());
    });
    let probe = await send(path, '', 'bytes */10');
    for (let i = 0; i < 50 && probe.status === 409; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      probe = await send(path, '', 'bytes */10');
    }
    expect([probe.status, probe.headers.get('range')]).toEqual([308, 'bytes=0-4']);
    expect((await send(path, '56789', 'bytes 5-9/10')).status).toBe(200);
    expect(await get(server, 'broken.csv')).toBe('0123456789');
  });

  test('refuses more bytes than its range, and another caller', async () => {
    const path = await begin('more.csv');
    expect((await send(path, 'abcdef', 'bytes 0-2/3')).status).toBe(400);
    await server.grant('user:bob@example.com', ['roles/storage.admin']);
    const other = await server.request('PUT', path, Buffer.from('abc'), { as: 'bob@example.com' });
    expect(other.status).toBe(404);
  });

  test('can be cancelled, which removes its bytes', async () => {
    const before = await files();
    const path = await begin('cancelled.csv');
    expect((await send(path, 'abc', 'bytes 0-2/9')).status).toBe(308);
    expect(await files()).toHaveLength(before.length + 1);
    expect((await server.request('DELETE', path)).status).toBe(499);
    expect((await send(path, '', 'bytes */9')).status).toBe(404);
    expect(await files()).toEqual(before);
  });
});

describe('a download', () => {
  test('gives one range, the end of the object, or 416', async () => {
    await put(server, 'range.txt', '0123456789');
    const range = async (header: string) => {
      const answer = await server.request('GET', `${pathOf('range.txt')}?alt=media`, undefined, {
        headers: { range: header },
      });
      return [answer.status, answer.body, answer.headers.get('content-range')];
    };
    expect(await range('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10']);
    expect(await range('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10']);
    expect(await range('bytes=-2')).toEqual([206, '89', 'bytes 8-9/10']);
    expect(await range('bytes=5-500')).toEqual([206, '56789', 'bytes 5-9/10']);
    expect(await range('bytes=10-')).toEqual([416, 'The requested range cannot be satisfied.', 'bytes */10']);
    expect(await range('bytes=0-1,3-4')).toEqual([200, '0123456789', null]);
  });

  test('of a gzipped object is gunzipped for who does not take gzip', async () => {
    const query = '&contentEncoding=gzip';
    await put(server, 'zipped.txt', gzipSync('plain text'), { query });
    const path = `/download${pathOf('zipped.txt')}`;
    const plain = await server.request('GET', path, undefined, { headers: { 'accept-encoding': 'identity' } });
    expect([plain.body, plain.headers.get('content-encoding')]).toEqual(['plain text', null]);
    const zipped = await server.request('GET', path, undefined, { headers: { 'accept-encoding': 'gzip' } });
    expect([zipped.body, zipped.headers.get('content-encoding')]).toEqual(['plain text', 'gzip']);
  });

  test('of what does not exist is a 404 that names it', async () => {
    const { status, body } = await server.request('GET', pathOf('nope'));
    expect([status, body.error.message]).toEqual([404, `No such object: ${BUCKET}/nope`]);
    const media = await server.request('GET', `${pathOf('nope')}?alt=media`);
    expect([media.status, media.body]).toEqual([404, `No such object: ${BUCKET}/nope`]);
  });
});

describe('generations', () => {
  test('grow with every write, and preconditions hold requests to them', async () => {
    const first = await put(server, 'gen.txt', '1', { query: '&ifGenerationMatch=0' });
    expect(first.status).toBe(200);
    const taken = await put(server, 'gen.txt', '2', { query: '&ifGenerationMatch=0' });
    expect([taken.status, taken.body.error.errors[0].reason]).toEqual([412, 'conditionNotMet']);
    const { generation } = first.body;
    const second = await put(server, 'gen.txt', '2', { query: `&ifGenerationMatch=${generation}` });
    expect(Number(second.body.generation)).toBeGreaterThan(Number(generation));
    expect((await server.request('GET', `${pathOf('gen.txt')}?generation=${generation}`)).status).toBe(404);
    const unchanged = await server.request(
      'GET',
      `${pathOf('gen.txt')}?ifGenerationNotMatch=${second.body.generation}`,
    );
    expect(unchanged.status).toBe(304);
    const patched = await server.request('PATCH', pathOf('gen.txt'), { contentType: 'a/b', metadata: { k: 'v' } });
    expect(patched.body).toMatchObject({ metageneration: '2', generation: second.body.generation, contentType: 'a/b' });
    const stale = await server.request('DELETE', `${pathOf('gen.txt')}?ifMetagenerationMatch=1`);
    expect(stale.status).toBe(412);
    expect((await server.request('DELETE', pathOf('gen.txt'))).status).toBe(204);
    const afterwards = await put(server, 'gen.txt', '3');
    expect(Number(afterwards.body.generation)).toBeGreaterThan(Number(second.body.generation));
  });
});

describe('a list', () => {
  test('has prefixes for a delimiter, pages, offsets, and the order of UTF-8 bytes', async () => {
    await createBucket(server, 'list-bucket');
    const names = ['a', 'a/1', 'a/2', 'a/b/3', 'b', 'é', '\u{ffff}', '\u{1f600}'];
    for (const name of names) await put(server, name, 'x', { bucket: 'list-bucket' });
    const list = async (query: string) => {
      const { body } = await server.request('GET', `/storage/v1/b/list-bucket/o?${query}`);
      return { names: (body.items ?? []).map((item: { name: string }) => item.name), ...body };
    };
    expect((await list('')).names).toEqual(names);
    const top = await list('delimiter=/');
    expect([top.names, top.prefixes]).toEqual([['a', 'b', 'é', '\u{ffff}', '\u{1f600}'], ['a/']]);
    const inside = await list('delimiter=/&prefix=a/');
    expect([inside.names, inside.prefixes]).toEqual([['a/1', 'a/2'], ['a/b/']]);
    expect((await list('startOffset=a/2&endOffset=b')).names).toEqual(['a/2', 'a/b/3']);
    const paged: string[] = [];
    for (let token = ''; ;) {
      const page = await list(`delimiter=/&maxResults=1&pageToken=${token}`);
      paged.push(...page.names, ...(page.prefixes ?? []));
      if (page.nextPageToken === undefined) break;
      token = page.nextPageToken;
    }
    expect(paged).toEqual(['a', 'a/', 'b', 'é', '\u{ffff}', '\u{1f600}']);
    expect((await server.request('GET', '/storage/v1/b/list-bucket/o?pageToken=x')).status).toBe(400);
  });
});

describe('names', () => {
  const hostile = [
    '../../catalog.sqlite',
    '/etc/passwd',
    'a/../../b',
    '..\\..\\c',
    '%2e%2e%2f',
    'a b?c#d%25+&=é',
    'trailing/',
    "'; DROP TABLE bucket; --",
    '__proto__',
    'x'.repeat(1024),
  ];

  test('are only keys: none of these becomes a path', async () => {
    await createBucket(server, 'odd-names');
    for (const name of hostile) {
      expect((await put(server, name, name, { bucket: 'odd-names' })).status).toBe(200);
      expect(await get(server, name, 'odd-names')).toBe(name);
    }
    const { body } = await server.request('GET', '/storage/v1/b/odd-names/o');
    const listed = body.items.map((item: { name: string }) => item.name);
    expect(new Set(listed)).toEqual(new Set(hostile));
    for (const file of await files()) expect(file).toMatch(/^[0-9a-f-]{36}$/);
    expect((await readdir(server.dataDir)).filter((name) => /passwd|^b$|^c$/.test(name))).toEqual([]);
  });

  test('that break the rules are refused', async () => {
    for (const name of ['.', '..', 'a\nb', 'a\rb', 'a\0b', '.well-known/acme-challenge/x', 'é'.repeat(513)])
      expect([name, (await put(server, name, 'x')).status]).toEqual([name, 400]);
    for (const name of ['ab', 'Upper', 'goog-x', 'my-google', '192.168.0.1', '-ab', 'a..b', '../x', 'a/b', 'é-é'])
      expect([name, (await createBucket(server, name)).status]).toEqual([name, 400]);
  });
});

describe('copies', () => {
  test('stay when the source goes', async () => {
    await put(server, 'source.txt', 'data');
    const copied = await server.request('POST', `${pathOf('source.txt')}/rewriteTo/b/${BUCKET}/o/copy%2Fof`, {});
    expect(copied.body).toMatchObject({ done: true, resource: { name: 'copy/of', contentType: 'text/plain' } });
    await server.request('DELETE', pathOf('source.txt'));
    expect(await get(server, 'copy/of')).toBe('data');
  });
});

test('readers, copies and writers of one name at once see whole versions only, and one file stays', async () => {
  const before = await files();
  const versions = Array.from({ length: 20 }, (_, i) => String(i).repeat(50_000));
  await put(server, 'busy', versions[0]!);
  const writes = versions.map((version) => put(server, 'busy', version));
  const reads = versions.map(() => get(server, 'busy'));
  const copies = versions.map((_, i) =>
    server.request('POST', `${pathOf('busy')}/copyTo/b/${BUCKET}/o/busy-copy-${i}`, {}),
  );
  for (const { status } of await Promise.all([...writes, ...copies])) expect(status).toBe(200);
  for (const text of await Promise.all(reads)) expect(versions).toContain(text);
  for (const i of versions.keys()) expect(versions).toContain(await get(server, `busy-copy-${i}`));
  expect(await files()).toHaveLength(before.length + 1 + versions.length);
}, 30_000);

test('after a restart objects are as they were, and files of no object are gone', async () => {
  await put(server, 'kept.txt', 'kept');
  const before = await files();
  await writeFile(join(server.dataDir, 'storage', 'orphan'), 'left by a crash');
  await mkdir(join(server.dataDir, 'storage', 'stray'));
  await server.restart();
  expect(await get(server, 'kept.txt')).toBe('kept');
  const after = await files();
  expect(after).not.toContain('orphan');
  expect(after).not.toContain('stray');
  expect(before).toEqual(expect.arrayContaining(after));
}, 30_000);
