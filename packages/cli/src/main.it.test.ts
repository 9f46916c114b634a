import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = path.join(import.meta.dirname, 'main.ts');

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-cli-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

type Result = { readonly code: number | null; readonly out: string; readonly err: string };

function sluice(args: readonly string[], environment: Record<string, string> = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('usage', () => {
  it('shows every command in the help, on standard output, and exits 0', async () => {
    const { code, out, err } = await sluice(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const command of ['init', 'test-connection', 'preview', 'plan', 'sync', 'status', 'bigquery'])
      expect(out).toContain(command);
    expect(out).toContain('Exit codes');
  });

  it('refuses an unknown command and a missing argument with exit code 2', async () => {
    const unknown = await sluice(['snyc']);
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toContain('Did you mean sync?');
    const missing = await sluice(['sync', '--json']);
    expect(missing.code).toBe(2);
    expect(JSON.parse(missing.out)).toEqual({
      error: { code: 'USAGE', kind: 'invalid', message: "missing required argument 'mapping'" },
    });
  });

  it('tells its version', async () => {
    expect(await sluice(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      err: '',
    });
  });

  it('refuses a port that is none', async () => {
    const { code, err } = await sluice(['bigquery', 'start', '--data-dir', 'd', '--port', '70000']);
    expect(code).toBe(2);
    expect(err).toContain('whole number from 0 to 65535');
  });
});

describe('sluice init', () => {
  it('writes a project that loads, and refuses to overwrite any file of it', async () => {
    const first = await sluice(['init', 'shop', '--json']);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(first.out)).toMatchObject({ files: ['sluice.yaml', 'models/example.sql', '.gitignore'] });

    const used = await sluice(['preview', 'example', '-C', 'shop']);
    expect(used.code).toBe(2);
    expect(used.err).toMatch(
      /environment variable SLUICE_BIGQUERY_KEY is not set\n {2}at shop\/sluice\.yaml:9:16\n {2}fix: .*export SLUICE_BIGQUERY_KEY=/,
    );

    await rm(path.join(directory, 'shop', 'sluice.yaml'));
    await writeFile(path.join(directory, 'shop', '.gitignore'), 'mine');
    const second = await sluice(['init', 'shop']);
    expect(second.code).toBe(2);
    expect(second.err).toContain(path.join('shop', 'models', 'example.sql'));
    expect(await readFile(path.join(directory, 'shop', '.gitignore'), 'utf8')).toBe('mine');
    expect(await readdir(path.join(directory, 'shop'))).not.toContain('sluice.yaml');
  });
});

describe('a project with mistakes', () => {
  const yaml = `source:
  type: bigquery
  project: p
  location: US
  credentials: { keyFile: keys/key.json }
models:
  airports: { key: iata }
`;

  it('names the folder that holds no sluice.yaml', async () => {
    const { code, out, err } = await sluice(['status', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      error: {
        code: 'CONFIG_NOT_FOUND',
        message: 'sluice.yaml does not exist',
        fix: expect.stringContaining('sluice init'),
      },
    });
    expect(err).toContain('sluice.yaml does not exist');
  });

  it('names the model file and the key file that do not exist, with the line that asks for them', async () => {
    await writeFile(path.join(directory, 'sluice.yaml'), yaml);
    const model = await sluice(['preview', 'airports', '--json']);
    expect(model.code).toBe(2);
    expect(JSON.parse(model.out)).toMatchObject({
      error: {
        code: 'MODEL_FILE_NOT_FOUND',
        message: 'the file of model "airports", models/airports.sql, does not exist',
        where: 'sluice.yaml:7:3',
      },
    });

    await mkdir(path.join(directory, 'models'));
    await writeFile(path.join(directory, 'models/airports.sql'), 'SELECT 1 AS iata');
    const key = await sluice(['preview', 'airports', '--json']);
    expect(key.code).toBe(2);
    expect(JSON.parse(key.out)).toMatchObject({ error: { code: 'KEY_FILE_NOT_FOUND', where: 'sluice.yaml:5:27' } });
  });

  it('names a key that cannot be parsed without repeating any of it', async () => {
    await writeFile(path.join(directory, 'sluice.yaml'), yaml);
    await mkdir(path.join(directory, 'keys'));
    await writeFile(path.join(directory, 'keys/key.json'), '{"type":"service_account",\n "private_key": top-secret');
    const { code, out, err } = await sluice(['test-connection', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'INVALID_KEY', message: 'key file keys/key.json is not valid JSON (something in it is not JSON)' },
    });
    expect(out + err).not.toContain('secret');
  });

  it('shows the state although an entry is wrong, and tests the connection whatever else is', async () => {
    await writeFile(
      path.join(directory, 'sluice.yaml'),
      `${yaml}mappings:\n  m: { model: missing, destination: no, action: a }\n`,
    );
    for (const command of ['status', 'test-connection']) {
      const { code, out } = await sluice([command, '--json']);
      expect(code).toBe(2);
      // Neither gets further than the source, which is in order but for its key.
      expect(JSON.parse(out)).toMatchObject({ error: { code: 'KEY_FILE_NOT_FOUND' } });
    }
  });

  it('names a mapping that does not exist', async () => {
    await writeFile(path.join(directory, 'sluice.yaml'), yaml);
    const { code, err } = await sluice(['sync', 'airports']);
    expect(code).toBe(2);
    expect(err).toContain('there is no mapping "airports"');
  });
});
