import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../program.ts';

const main = path.join(import.meta.dirname, '..', 'main.ts');

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-bigquery-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Runs a command in this process and gives its exit code and output. */
async function command(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await run(args, {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: {},
    cwd: directory,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal: AbortSignal.timeout(60_000),
  });
  return { code, out, err };
}

describe('sluice bigquery start', () => {
  it('prints one ready line, serves the project to its owner, and ends cleanly on SIGTERM', async () => {
    const args = [
      'bigquery',
      'start',
      '--data-dir',
      'data',
      '--port',
      '0',
      '--project',
      'travel-co',
      '--owner',
      'ana@example.com',
      '--json',
    ];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const exited = once(child, 'exit');
      const lines: string[] = [];
      const reader = createInterface({ input: child.stdout });
      reader.on('line', (line) => lines.push(line));
      await once(reader, 'line', { signal: AbortSignal.timeout(60_000) });
      const ready = JSON.parse(lines[0] ?? '') as { event: string; restUrl: string };
      expect(ready).toEqual({
        event: 'ready',
        restUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        grpcAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      });

      const token = await command(['bigquery', 'token', 'ana@example.com', '--data-dir', 'data']);
      expect(token).toMatchObject({ code: 0, err: '' });
      const authorized = await fetch(`${ready.restUrl}/bigquery/v2/projects`, {
        headers: { authorization: `Bearer ${token.out.trim()}` },
      });
      expect(await authorized.json()).toMatchObject({ projects: [{ id: 'travel-co' }] });
      expect((await fetch(`${ready.restUrl}/bigquery/v2/projects`)).status).toBe(401);

      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
      expect(lines).toHaveLength(1);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('names a port that is taken and a project id that BigQuery would not accept', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const taken = await command(['bigquery', 'start', '--data-dir', 'data', '--port', String(port)]);
      expect(taken.code).toBe(1);
      expect(taken.err).toContain(`Port ${port} on 127.0.0.1 is in use.`);
      const forGrpc = await command([
        'bigquery',
        'start',
        '--data-dir',
        'data',
        '--port',
        '0',
        '--grpc-port',
        String(port),
      ]);
      expect(forGrpc.code).toBe(1);
      expect(forGrpc.err).toContain(`Port ${port} on 127.0.0.1 cannot be used for gRPC`);
    } finally {
      server.close();
    }
    const invalid = await command([
      'bigquery',
      'start',
      '--data-dir',
      'data',
      '--port',
      '0',
      '--project',
      'P',
      '--owner',
      'ana@example.com',
    ]);
    expect(invalid.code).toBe(2);
    expect(invalid.err).toContain("Invalid project id 'P'");
  });

  it('wants --project and --owner together', async () => {
    const { code, err } = await command(['bigquery', 'start', '--data-dir', 'data', '--port', '0', '--project', 'p']);
    expect(code).toBe(2);
    expect(err).toContain('--project and --owner belong together');
  });
});

it('sluice bigquery token names a data directory that does not exist', async () => {
  const { code, out, err } = await command(['bigquery', 'token', 'ana@example.com', '--data-dir', 'nowhere']);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('nowhere');
});

describe('sluice bigquery user and group', () => {
  const directoryCommand = async (...args: readonly string[]) => {
    const result = await command(['bigquery', ...args, '--data-dir', 'data', '--json']);
    return { ...result, json: (result.out === '' ? {} : JSON.parse(result.out)) as Record<string, unknown> };
  };

  it('keep users, groups and members in the data directory without a server', async () => {
    await mkdir(path.join(directory, 'data'));
    const ana = await directoryCommand('user', 'add', 'Ana@Example.com', '--given-name', 'Ana');
    expect(ana.json).toMatchObject({ user: { email: 'ana@example.com', givenName: 'Ana', admin: true } });
    expect((await directoryCommand('user', 'add', 'ben@example.com')).json).toMatchObject({ user: { admin: false } });
    expect((await directoryCommand('group', 'add', 'team@example.com', '--name', 'The team')).code).toBe(0);
    expect((await directoryCommand('group', 'add', 'all@example.com')).code).toBe(0);
    expect((await directoryCommand('group', 'add-member', 'team@example.com', 'ben@example.com')).code).toBe(0);
    expect((await directoryCommand('group', 'add-member', 'all@example.com', 'team@example.com')).code).toBe(0);
    expect((await directoryCommand('group', 'members', 'all@example.com')).json).toEqual({
      group: 'all@example.com',
      members: [{ email: 'team@example.com', role: 'MEMBER', type: 'GROUP' }],
    });
    expect((await directoryCommand('group', 'list')).json).toMatchObject({
      groups: [
        { email: 'all@example.com', name: 'all', directMembers: 1 },
        { email: 'team@example.com', name: 'The team', directMembers: 1 },
      ],
    });
    const people = await command(['bigquery', 'user', 'list', '--data-dir', 'data']);
    expect(people.out).toMatch(/ana@example\.com\s+Ana\s+yes/);

    expect((await directoryCommand('group', 'remove-member', 'team@example.com', 'ben@example.com')).code).toBe(0);
    expect((await directoryCommand('group', 'members', 'team@example.com')).json).toMatchObject({ members: [] });
    expect((await directoryCommand('group', 'delete', 'team@example.com')).code).toBe(0);
    expect((await directoryCommand('user', 'delete', 'ben@example.com')).code).toBe(0);
    expect((await directoryCommand('user', 'list')).json).toMatchObject({ users: [{ email: 'ana@example.com' }] });
  });

  it('name what is wrong', async () => {
    await mkdir(path.join(directory, 'data'));
    await directoryCommand('user', 'add', 'ana@example.com');
    await directoryCommand('group', 'add', 'a@example.com');
    await directoryCommand('group', 'add', 'b@example.com');
    await directoryCommand('group', 'add-member', 'a@example.com', 'b@example.com');
    for (const [args, text] of [
      [['user', 'add', 'ana@example.com'], 'ana@example.com is already in use'],
      [['user', 'add', 'no-address'], 'Invalid e-mail address: no-address'],
      [['user', 'delete', 'nobody@example.com'], 'nobody@example.com is not in the directory'],
      [['user', 'delete', 'ana@example.com', '--json'], ''],
      [['group', 'add-member', 'none@example.com', 'ana@example.com'], 'There is no group none@example.com'],
      [['group', 'add-member', 'b@example.com', 'a@example.com'], 'Cyclic memberships not allowed'],
      [['group', 'remove-member', 'a@example.com', 'ana@example.com'], 'ana@example.com is not in the directory'],
      [['group', 'add-member', 'a@example.com', 'x@example.com', '--role', 'KING'], 'KING'],
    ] as const) {
      const result = await directoryCommand(...args);
      expect([args.join(' '), result.code === 0]).toEqual([args.join(' '), text === '']);
      expect(result.err).toContain(text);
    }
    const missing = await command(['bigquery', 'group', 'list', '--data-dir', 'nowhere']);
    expect([missing.code, missing.err.includes('nowhere')]).toEqual([2, true]);
  });

  it('gives tokens of the scopes that are asked for', async () => {
    await mkdir(path.join(directory, 'data'));
    const scope = 'https://www.googleapis.com/auth/bigquery.readonly';
    const token = await command(['bigquery', 'token', 'ana@example.com', '--data-dir', 'data', '--scope', scope]);
    const claims = JSON.parse(Buffer.from(token.out.split('.')[1] ?? '', 'base64url').toString()) as { scope: string };
    expect(claims.scope).toBe(scope);
    const unknown = await command(['bigquery', 'token', 'ana@example.com', '--data-dir', 'data', '--scope', 'x']);
    expect([unknown.code, unknown.err.includes('x is not an OAuth scope')]).toEqual([2, true]);
  });
});
