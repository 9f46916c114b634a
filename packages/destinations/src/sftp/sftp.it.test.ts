// What the SFTP destination does beside what all stores do.
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { JsonObject } from '@sluice/core';
import type { BatchResult, DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { hasDebianPackages, startSftp } from '@sluice/testkit/servers';
import type { SftpServer } from '@sluice/testkit/servers';
import ssh2 from 'ssh2';
import type { Connection } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

const LIMIT_MS = 300_000;
const registry = createRegistry();

function spec(server: Partial<SftpServer>, settings: JsonObject = {}): DestinationSpec {
  const {
    host = 'sftp.example',
    port = 22,
    username = 'u',
    privateKey = '-----BEGIN OPENSSH PRIVATE KEY-----',
  } = server;
  const { hostKeyFingerprint = `SHA256:${'a'.repeat(43)}`, folder = '/' } = server;
  return {
    type: 'sftp',
    action: 'write',
    settings: {
      host,
      port,
      user: username,
      private_key: privateKey,
      host_key_fingerprint: hostKeyFingerprint,
      directory: folder,
      ...settings,
    },
    fields: { key: '{batch}' },
    mappingId: 'm',
    syncId: 's',
  };
}

async function deliver(destination: OpenDestination, ordinal: number, text: string): Promise<BatchResult> {
  const change = { ordinal, operation: 'added', recordId: 'r', checksum: 'c', columns: { text } } as const;
  const row = destination.prepare(change) as Prepared;
  return destination.deliver([row], { signal: new AbortController().signal, idempotencyKey: 'k' });
}

/** A line to the server that breaks after so many bytes from the client. */
class Line implements AsyncDisposable {
  #left = Infinity;
  readonly #sockets = new Set<Socket>();
  readonly #server;

  private constructor(to: number) {
    this.#server = createServer((near) => {
      const far = connect(to, '127.0.0.1');
      const end = (): void => {
        near.destroy();
        far.destroy();
      };
      for (const socket of [near, far]) this.#sockets.add(socket.on('error', end).on('close', end));
      far.pipe(near);
      near.on('data', (chunk: Buffer) => {
        this.#left -= chunk.length;
        if (this.#left < 0) end();
        else far.write(chunk);
      });
    });
  }

  static async start(to: number): Promise<Line> {
    const line = new Line(to);
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  breakAfter(bytes: number): void {
    this.#left = bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A server that takes a password and has one folder. */
class PasswordServer implements AsyncDisposable {
  readonly fingerprint: string;
  readonly #server;
  readonly #connections = new Set<Connection>();

  private constructor(method: 'password' | 'keyboard-interactive', password: string) {
    const key = ssh2.utils.generateKeyPairSync('ed25519');
    const [, blob = ''] = key.public.split(' ');
    this.fingerprint = `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace('=', '')}`;
    this.#server = new ssh2.Server({ hostKeys: [key.private] }, (connection) => {
      this.#connections.add(connection);
      connection.on('error', () => undefined);
      connection.on('authentication', (context) => {
        const judge = (said: string | undefined): void => {
          if (said === password) context.accept();
          else context.reject([method]);
        };
        if (context.method !== method) context.reject([method]);
        else if (context.method === 'password') judge(context.password);
        else if (context.method === 'keyboard-interactive')
          context.prompt([{ prompt: 'Password: ', echo: false }], ([said]) => judge(said));
      });
      connection.on('session', (accept) =>
        accept().on('sftp', (acceptSftp) => {
          const sftp = acceptSftp();
          const folder = { mode: 0o040755, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };
          sftp.on('STAT', (id) => sftp.attrs(id, folder)).on('LSTAT', (id) => sftp.attrs(id, folder));
        }),
      );
    });
  }

  static async start(method: 'password' | 'keyboard-interactive', password: string): Promise<PasswordServer> {
    const server = new PasswordServer(method, password);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.end();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

describe('SFTP', () => {
  it.skipIf(!hasDebianPackages)(
    'asks to try later when the connection is lost, leaves no unfinished file under its name, and connects again',
    async () => {
      await using server = await startSftp();
      await using line = await Line.start(server.port);
      await using destination = await registry.open(spec(server, { port: line.port }));
      expect(await deliver(destination, 0, 'x')).toMatchObject({ kind: 'rows' });
      line.breakAfter(1_000_000);
      expect(await deliver(destination, 1, 'x'.repeat(12_000_000))).toMatchObject({ kind: 'failed', cause: 'later' });
      const whole = async (): Promise<string[]> =>
        (await readdir(server.folder)).filter((name) => !name.endsWith('.part')).map((name) => name.slice(0, 12));
      expect(await whole()).toEqual(['000000000000']);
      line.breakAfter(Infinity);
      expect(await deliver(destination, 1, 'x')).toMatchObject({ kind: 'rows' });
      expect((await whole()).sort()).toEqual(['000000000000', '000000000001']);
    },
    LIMIT_MS,
  );

  it.skipIf(!hasDebianPackages)(
    'accepts an unknown server only when it was told to',
    async () => {
      await using server = await startSftp();
      const settings = { host_key_fingerprint: '', accept_unknown_host_key: true };
      expect(await registry.testAuthentication(spec(server, settings))).toEqual({ result: 'valid' });
      expect(await registry.testAuthentication(spec(server, { ...settings, directory: '/no/place' }))).toMatchObject({
        result: 'invalid',
        code: 'NO_DIRECTORY',
      });
      expect(await registry.testAuthentication(spec(server, { private_key: 'PRIVATE KEY of nobody' }))).toMatchObject({
        result: 'invalid',
        code: 'PRIVATE_KEY_UNUSABLE',
      });
    },
    LIMIT_MS,
  );

  it.each(['password', 'keyboard-interactive'] as const)(
    'signs in with a password, asked for by %s',
    async (method) => {
      await using server = await PasswordServer.start(method, 'right-and-secret');
      const settings = { private_key: '', host_key_fingerprint: server.fingerprint, port: server.port, directory: '.' };
      const target = (password: string): DestinationSpec => spec({ host: '127.0.0.1' }, { ...settings, password });
      expect(await registry.testAuthentication(target('right-and-secret'))).toEqual({ result: 'valid' });
      const refused = await registry.testAuthentication(target('wrong-and-secret'));
      expect(refused).toMatchObject({ result: 'invalid', code: 'AUTHENTICATION_FAILED' });
      expect(JSON.stringify(refused)).not.toContain('and-secret');
    },
  );

  it('names what is wrong with the settings', () => {
    const problems = (settings: JsonObject): unknown[] =>
      registry.validateConnection(spec({}, settings)).map(({ path }) => path);
    expect(problems({})).toEqual([]);
    expect(problems({ host: 'sftp://x' })).toEqual(['settings.host']);
    expect(problems({ port: 0 })).toEqual(['settings.port']);
    expect(problems({ private_key: '' })).toEqual(['settings.password']);
    expect(problems({ private_key: 'ssh-ed25519 AAAA' })).toEqual(['settings.private_key']);
    expect(problems({ host_key_fingerprint: '' })).toEqual(['settings.host_key_fingerprint']);
    expect(problems({ host_key_fingerprint: 'MD5:00' })).toEqual(['settings.host_key_fingerprint']);
  });
});
