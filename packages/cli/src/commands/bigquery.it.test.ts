import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
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
      expect(ready).toEqual({ event: 'ready', restUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });

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
      expect(taken.err).toContain(`port ${port} is in use by another program`);
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
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('nowhere');
});
