import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { StoredConnection } from '@sluice/destinations';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectionKey, credentialsDirectory, openStore } from './store.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const stored: StoredConnection = {
  type: 'actions-hubspot-cloud',
  clientId: 'id',
  connectedAt: '2026-01-31T12:00:00.000Z',
  grant: { accessToken: 'access-0123', refreshToken: 'refresh-0123', settings: { portalId: '7' } },
};

it('keeps connections in files that only the user can read, and replaces them whole', async () => {
  const store = await openStore(path.join(directory, 'config/sluice/credentials'), directoryOfProject());
  expect(await store.read('crm')).toBeUndefined();
  await store.write('crm', stored);
  const renewed = { ...stored, grant: { ...stored.grant, accessToken: 'access-4567' } };
  await store.write('crm', renewed);
  expect(await store.read('crm')).toEqual(renewed);
  expect((await stat(store.directory)).mode & 0o777).toBe(0o700);
  expect((await stat(store.fileOf('crm'))).mode & 0o777).toBe(0o600);
  expect(await readdir(store.directory)).toEqual(['crm.json']);
  expect(await store.remove('crm')).toBe(true);
  expect(await store.remove('crm')).toBe(false);
});

/** Beside the store, not around it. */
function directoryOfProject(): string {
  return path.dirname(new URL(import.meta.url).pathname);
}

it('refuses a folder inside the project or its repository, exposed files and damaged ones', async () => {
  const project = path.join(directory, 'repository/project');
  await mkdir(path.join(directory, 'repository/.git'), { recursive: true });
  await mkdir(project);
  for (const inside of ['repository/secrets', 'repository/project/secrets']) {
    await expect(openStore(path.join(directory, inside), project)).rejects.toMatchObject({
      code: 'CREDENTIALS_IN_PROJECT',
    });
  }
  const store = await openStore(path.join(directory, 'outside'), project);
  await store.write('crm', stored);
  await chmod(store.fileOf('crm'), 0o644);
  await expect(store.read('crm')).rejects.toMatchObject({ code: 'CREDENTIALS_EXPOSED' });
  for (const text of ['{', '{}', JSON.stringify({ version: 1, ...stored, grant: { settings: {} } })]) {
    await writeFile(store.fileOf('crm'), text);
    await chmod(store.fileOf('crm'), 0o600);
    await expect(store.read('crm')).rejects.toMatchObject({ code: 'CREDENTIALS_DAMAGED' });
  }
  await writeFile(path.join(directory, 'file'), '');
  await expect(openStore(path.join(directory, 'file/below'), project)).rejects.toMatchObject({
    code: 'CREDENTIALS_UNUSABLE',
  });
});

it('names connections by project, unless they are shared, and its folder by the environment', async () => {
  const [one, two] = ['one', 'two'].map((name) => path.join(directory, name));
  for (const each of [one, two]) await mkdir(each ?? '');
  expect(await connectionKey(one ?? '', 'crm', undefined)).not.toBe(await connectionKey(two ?? '', 'crm', undefined));
  expect(await connectionKey(one ?? '', 'crm', 'team')).toBe(await connectionKey(two ?? '', 'other', 'team'));
  expect(credentialsDirectory({ SLUICE_CREDENTIALS_DIR: 'here' }, '/project')).toBe('/project/here');
  expect(credentialsDirectory({ XDG_CONFIG_HOME: '/x', HOME: '/home/ada' }, '/')).toBe('/x/sluice/credentials');
  expect(credentialsDirectory({ HOME: '/home/ada' }, '/')).toBe('/home/ada/.config/sluice/credentials');
});

it('lets one process at a time renew a connection, also after one was killed', async () => {
  const store = await openStore(directory, directoryOfProject());
  await using holder = child(`
    import { FileStore } from ${module('./store.ts')};
    await new FileStore(${JSON.stringify(directory)}).exclusively('crm', () => {
      process.stdout.write('held');
      return new Promise((resolve) => setTimeout(resolve, 60_000));
    });`);
  await once(holder.process.stdout ?? holder.process, 'data');
  await expect(store.exclusively('crm', async () => 'mine', 200)).rejects.toMatchObject({ code: 'OAUTH_BUSY' });
  expect(await store.exclusively('other', async () => 'mine')).toBe('mine');
  const mine = store.exclusively('crm', async () => 'mine', 60_000);
  holder.process.kill('SIGKILL');
  expect(await mine).toBe('mine');
  const order: number[] = [];
  await Promise.all(
    [1, 2, 3].map((each) =>
      store.exclusively('crm', async () => {
        order.push(each);
        await new Promise((resolve) => setTimeout(resolve, 5));
        order.push(each);
      }),
    ),
  );
  expect(order.filter((each, index) => index % 2 === 1 && order[index - 1] !== each)).toEqual([]);
  await expect(
    store.exclusively('crm', async () => {
      throw new Error('inside');
    }),
  ).rejects.toThrow('inside');
  expect(await store.exclusively('crm', async () => 'again')).toBe('again');
});

it('asks the provider once when several processes find the token expired', async () => {
  const store = await openStore(directory, directoryOfProject());
  await store.write('crm', stored);
  const used: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += String(chunk)));
    request.on('end', () => {
      used.push(new URLSearchParams(body).get('refresh_token') ?? '');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: `new-${used.length}`, token_type: 'bearer', refresh_token: 'next' }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const script = `
    import { endpointsOf, renewConnection } from '@sluice/destinations';
    import { FileStore } from ${module('./store.ts')};
    const config = { clientId: 'id', clientSecret: 'secret-0123', authorizationEndpoint: '${url}/a', tokenEndpoint: '${url}/t' };
    const connection = { name: 'crm', key: 'crm', client: config, endpoints: endpointsOf('actions-hubspot-cloud', config, {}) };
    const { accessToken } = await renewConnection(new FileStore(${JSON.stringify(directory)}), connection, { accessToken: 'access-0123' });
    process.stdout.write(accessToken);`;
  const children = [1, 2, 3].map(() => child(script));
  const texts = await Promise.all(children.map(({ text }) => text));
  expect(texts).toEqual(['new-1', 'new-1', 'new-1']);
  expect(used).toEqual(['refresh-0123']);
  expect(await store.read('crm')).toMatchObject({
    grant: { accessToken: 'new-1', refreshToken: 'next', settings: { portalId: '7' } },
  });
  expect(await readFile(store.fileOf('crm'), 'utf8')).not.toContain('secret-0123');
  server.closeAllConnections();
  server.close();
}, 60_000);

function module(file: string): string {
  return JSON.stringify(new URL(file, import.meta.url).href);
}

function child(script: string): AsyncDisposable & { readonly process: ChildProcess; readonly text: Promise<string> } {
  const started = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    {
      cwd: path.dirname(new URL(import.meta.url).pathname),
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  started.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
  const ended = once(started, 'close');
  return {
    process: started,
    text: ended.then(() => text),
    [Symbol.asyncDispose]: async () => {
      started.kill('SIGKILL');
      await ended;
    },
  };
}
