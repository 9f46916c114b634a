import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { debianTree, hasDebianPackages } from './debian.ts';
import { startMariaDb, startPostgres, startRedis, startS3, startSftp, startSmtpSink } from './index.ts';

const run = promisify(execFile);
const LIMIT_MS = 300_000;

/** The first bytes that a server says, or answers to `question`. */
async function greeting(port: number, question = ''): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  if (question !== '') socket.write(question, 'latin1');
  const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  socket.destroy();
  return chunk.toString('latin1');
}

describe('servers for tests', () => {
  test.skipIf(!hasDebianPackages)(
    'Redis, MariaDB and OpenSSH come out of Debian packages and answer',
    async () => {
      await using redis = await startRedis();
      expect(await greeting(redis.port, 'PING\r\n')).toBe('+PONG\r\n');
      await using mariaDb = await startMariaDb();
      expect(await greeting(mariaDb.port)).toContain('MariaDB');
      await using sftp = await startSftp();
      expect(await greeting(sftp.port)).toMatch(/^SSH-2\.0-OpenSSH/);
      expect(sftp.hostKeyFingerprint).toMatch(/^SHA256:/);
    },
    LIMIT_MS,
  );

  test.skipIf(!hasDebianPackages)(
    'a tree that is asked for twice is unpacked once',
    async () => {
      const packages = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'];
      const [one, other] = await Promise.all([debianTree(packages), debianTree(packages)]);
      expect(one.file('usr/bin/redis-server')).toBe(other.file('usr/bin/redis-server'));
      const { stdout } = await run(one.file('usr/bin/redis-server'), ['--version'], { env: one.env });
      expect(stdout).toMatch(/Redis server v=/);
    },
    LIMIT_MS,
  );

  test(
    'PostgreSQL, S3 and SMTP come from npm and answer',
    async () => {
      await using postgres = await startPostgres();
      // SSLRequest of PostgreSQL's protocol: the answer N says that it listens without TLS.
      expect(await greeting(postgres.port, '\x00\x00\x00\x08\x04\xd2\x16\x2f')).toBe('N');
      await using s3 = await startS3();
      expect((await fetch(s3.endpoint)).headers.get('content-type')).toContain('xml');
      await using smtp = await startSmtpSink();
      expect(await greeting(smtp.port)).toMatch(/^220 /);
    },
    LIMIT_MS,
  );

  test.skipIf(!hasDebianPackages)('a server is gone when the test is', async () => {
    const redis = await startRedis();
    const { port } = redis;
    await redis[Symbol.asyncDispose]();
    await expect(greeting(port)).rejects.toThrow(/ECONNREFUSED/);
  });
});
