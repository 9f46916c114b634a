// The TLS settings of destinations that encrypt from the first byte, against an end of TLS in
// front of a server that knows none, with a certificate of an authority made for the occasion.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import type { Server } from 'node:tls';
import { promisify } from 'node:util';
import type { JsonObject } from '@sluice/core';
import { hasDebianPackages, startRedis } from '@sluice/testkit/servers';
import type { RedisServer } from '@sluice/testkit/servers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClusterUnderTest, LOGIN } from './elasticsearch/cluster-under-test.ts';
import { createRegistry } from './registry.ts';

const OPENSSL = '/usr/bin/openssl';
let directory: string;
let certificate: string;
let key: string;
const ends: Server[] = [];

/** Takes TLS and leads what is inside to this port; answers its own. */
async function endOfTls(port: number): Promise<number> {
  const end = createServer({ cert: certificate, key }, (inside) => {
    const outside = connect(port, '127.0.0.1');
    for (const socket of [inside, outside]) socket.on('error', () => undefined);
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
    inside.pipe(outside).pipe(inside);
  });
  end.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => end.listen(0, '127.0.0.1', resolve));
  ends.push(end);
  return (end.address() as AddressInfo).port;
}

// Certificates come from OpenSSL's program; elsewhere there are none to test with.
describe.skipIf(!existsSync(OPENSSL))('TLS settings', () => {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
    const [keyFile, certificateFile] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    const request =
      'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
    await promisify(execFile)(OPENSSL, [...request.split(' '), '-keyout', keyFile, '-out', certificateFile]);
    [key, certificate] = [await readFile(keyFile, 'utf8'), await readFile(certificateFile, 'utf8')];
  }, 60_000);
  afterAll(async () => {
    for (const end of ends) end.close();
    await rm(directory, { recursive: true });
  });

  const tested = async (type: string, settings: JsonObject) => createRegistry().testAuthentication({ type, settings });

  describe.skipIf(!hasDebianPackages)('of Redis', () => {
    let server: RedisServer;
    let port: number;
    beforeAll(async () => {
      server = await startRedis({ password: 'a-password-of-tests' });
      port = await endOfTls(server.port);
    }, 300_000);
    afterAll(async () => server[Symbol.asyncDispose]());
    const settings = (more: JsonObject): JsonObject => ({ port, password: 'a-password-of-tests', ...more });

    test('by default the certificate is checked, and the name in it', async () => {
      expect(await tested('redis', settings({ host: 'localhost' }))).toMatchObject({ result: 'unavailable' });
      expect(await tested('redis', settings({ host: 'localhost', ca: certificate }))).toEqual({ result: 'valid' });
      const elsewhere = await tested('redis', settings({ host: '127.0.0.1', ca: certificate }));
      expect(elsewhere).toMatchObject({ result: 'unavailable', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });

    test('require encrypts without a check; disable does not encrypt', async () => {
      expect(await tested('redis', settings({ host: '127.0.0.1', ssl: 'require' }))).toEqual({ result: 'valid' });
      expect(await tested('redis', settings({ host: '127.0.0.1', ssl: 'disable' }))).toMatchObject({
        result: 'unavailable',
      });
    });
  });

  test.each(['elasticsearch', 'opensearch'])('of %s', async (type) => {
    await using cluster = await ClusterUnderTest.start();
    const port = await endOfTls(Number(new URL(cluster.url).port));
    const settings = { user: LOGIN.user, password: LOGIN.password, node: `https://localhost:${port}` };
    expect(await tested(type, settings)).toMatchObject({ result: 'unavailable' });
    expect(await tested(type, { ...settings, ca: certificate })).toEqual({ result: 'valid' });
    const elsewhere = { ...settings, node: `https://127.0.0.1:${port}` };
    expect(await tested(type, { ...elsewhere, ca: certificate })).toMatchObject({ result: 'unavailable' });
    expect(await tested(type, { ...elsewhere, verify_certificate: false })).toEqual({ result: 'valid' });
  });
});
