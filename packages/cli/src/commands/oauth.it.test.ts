// Connecting a destination and syncing to it, against a local BigQuery and a local vendor that
// is authorization server and API at once: it checks PKCE, takes a refresh token once, and
// refuses expired access tokens.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../demo/cloud.ts';
import { startLocalBigQuery } from '../demo/local-bigquery.ts';
import type { LocalBigQuery } from '../demo/local-bigquery.ts';
import { run } from '../program.ts';

const PROJECT = 'oauth-test';
const SECRET = 'client-secret-0123456789';

const vendor = {
  challenge: '',
  code: '',
  access: new Set<string>(),
  refresh: new Set<string>(),
  issued: [] as string[],
  rows: [] as { json: { id: string } }[],
  statuses: [] as number[],
  tokenRequests: 0,
};

let directory = '';
let bigquery: LocalBigQuery;
let vendorUrl = '';
let closeVendor = (): Promise<unknown> => Promise.resolve();

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-oauth-'));
  const dataDir = path.join(directory, 'bigquery');
  const { signal } = new AbortController();
  bigquery = await startLocalBigQuery(dataDir, signal);
  const cloud = new Cloud(bigquery.url, await issueUserToken({ dataDir, email: 'ana@example.com' }), signal);
  await cloud.createProject(PROJECT, 'OAuth');
  await cloud.createDataset(PROJECT, 'shop', 'US');
  const email = await cloud.createServiceAccount(PROJECT, 'sluice', 'Sluice');
  await cloud.grantOnProject(PROJECT, `serviceAccount:${email}`, ['roles/bigquery.user', 'roles/bigquery.jobUser']);
  await cloud.shareWithReader(PROJECT, 'shop', email);
  await mkdir(path.join(directory, 'project/models'), { recursive: true });
  await writeFile(path.join(directory, 'project/key.json'), await cloud.createKey(PROJECT, email));
  await writeFile(
    path.join(directory, 'project/models/people.sql'),
    `SELECT CAST(n AS STRING) AS id, CONCAT('name ', n) AS name FROM UNNEST(GENERATE_ARRAY(1, 25)) AS n`,
  );
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vendorUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closeVendor = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  await configure();
});

afterAll(async () => {
  await closeVendor();
  await bigquery[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function configure(clientId = 'sluice'): Promise<void> {
  return writeFile(
    path.join(directory, 'project/sluice.yaml'),
    `source:
  type: bigquery
  project: ${PROJECT}
  location: US
  credentials: { keyFile: key.json }
  endpoint: ${bigquery.url}
models:
  people: { key: id }
destinations:
  vendor:
    type: actions-webhook-extensible
    oauth:
      client_id: ${clientId}
      client_secret: \${VENDOR_SECRET}
      authorization_endpoint: ${vendorUrl}/authorize
      token_endpoint: ${vendorUrl}/token
      scopes: [people.write]
  plain: { type: actions-webhook }
mappings:
  people:
    model: people
    destination: vendor
    action: send
    fields:
      url: ${vendorUrl}/rows
      enable_batching: true
      batch_size: 10
      data: { id: { '@path': $.__segment_id }, name: { '@path': $.properties.name } }
`,
  );
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const json = (status: number, value: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  if (request.url === '/rows') {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const status = vendor.access.has(token) ? 200 : 401;
    vendor.statuses.push(status);
    if (status === 200) vendor.rows.push(...(JSON.parse(body) as typeof vendor.rows));
    return json(status, status === 200 ? {} : { error: `expired: ${token}` });
  }
  vendor.tokenRequests += 1;
  const form = new URLSearchParams(body);
  const verifier = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url');
  const byCode = form.get('grant_type') === 'authorization_code';
  const valid = byCode
    ? form.get('code') === vendor.code && verifier === vendor.challenge
    : vendor.refresh.delete(form.get('refresh_token') ?? '');
  if (!valid || form.get('client_secret') !== SECRET)
    return json(400, { error: 'invalid_grant', error_description: body });
  const [access, refresh] = [`access-${randomUUID()}`, `refresh-${randomUUID()}`];
  vendor.access.add(access);
  vendor.refresh.add(refresh);
  vendor.issued.push(access, refresh);
  return json(200, { access_token: access, token_type: 'Bearer', refresh_token: refresh, expires_in: 1800 });
}

/** Signs in as soon as the command shows the address. */
async function visit(text: string): Promise<void> {
  const address = /^http\S+\/authorize\?\S+$/m.exec(text)?.[0];
  if (address === undefined) return;
  const { searchParams } = new URL(address);
  vendor.challenge = searchParams.get('code_challenge') ?? '';
  vendor.code = randomUUID();
  expect(searchParams.get('code_challenge_method')).toBe('S256');
  expect(searchParams.get('scope')).toBe('people.write');
  const back = new URL(searchParams.get('redirect_uri') ?? '');
  back.searchParams.set('code', vendor.code);
  back.searchParams.set('state', searchParams.get('state') ?? '');
  await fetch(back);
}

const written: string[] = [];

async function sluice(...args: string[]): Promise<{ code: number; document: Record<string, unknown>; err: string }> {
  let out = '';
  let err = '';
  const visits: Promise<void>[] = [];
  const code = await run([...args, '--json'], {
    out: (text) => (out += text),
    err: (text) => {
      err += text;
      visits.push(visit(text));
    },
    environment: { VENDOR_SECRET: SECRET, SLUICE_CREDENTIALS_DIR: path.join(directory, 'credentials') },
    cwd: path.join(directory, 'project'),
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal: AbortSignal.timeout(100_000),
  });
  await Promise.all(visits);
  written.push(out, err);
  return { code, document: JSON.parse(out) as Record<string, unknown>, err };
}

it('says how to connect before it syncs', async () => {
  const { code, err } = await sluice('sync', 'people');
  expect(code).toBe(2);
  expect(err).toContain('there is no access token');
  expect(err).toContain('sluice destinations connect NAME');
  expect(err).toMatch(/at sluice\.yaml:\d+/);
});

it('connects, and keeps the tokens outside the project', async () => {
  const { code, document } = await sluice('destinations', 'connect', 'vendor');
  expect(document).toMatchObject({ destination: 'vendor', renewable: true, authentication: { result: 'untested' } });
  expect(code).toBe(0);
  expect(String(document['file'])).toContain(path.join(directory, 'credentials'));
  const kept = await readFile(String(document['file']), 'utf8');
  for (const token of vendor.issued) expect(kept).toContain(token);
  expect(kept).not.toContain(SECRET);
});

it('delivers, renews an expired token once, and delivers on with the rotated one', async () => {
  const first = await sluice('sync', 'people');
  expect(first.document).toMatchObject({ state: 'succeeded' });
  expect(vendor.rows).toHaveLength(25);
  for (const round of [1, 2]) {
    vendor.access.clear();
    vendor.rows.length = 0;
    vendor.statuses.length = 0;
    const before = vendor.tokenRequests;
    await sluice('reset', 'people', '--confirm', 'people');
    const { document } = await sluice('sync', 'people');
    expect(document, `round ${round}`).toMatchObject({ state: 'succeeded' });
    expect(new Set(vendor.rows.map(({ json }) => json.id)).size).toBe(25);
    expect(vendor.tokenRequests - before).toBe(1);
    expect(vendor.statuses).toContain(401);
  }
});

it('stops with the fix when the connection was revoked', async () => {
  vendor.access.clear();
  vendor.refresh.clear();
  await sluice('reset', 'people', '--confirm', 'people');
  const { code, document } = await sluice('sync', 'people');
  expect(code).toBe(1);
  expect(document).toMatchObject({ state: 'failed' });
  expect(JSON.stringify(document)).toContain('sluice destinations connect vendor');
  const again = await sluice('destinations', 'connect', 'vendor');
  expect(again.code).toBe(0);
  expect((await sluice('sync', 'people')).document).toMatchObject({ state: 'succeeded' });
});

it('asks for a new connection when the client has changed, and forgets one', async () => {
  await configure('other-client');
  expect((await sluice('sync', 'people')).document).toMatchObject({ error: { code: 'CONNECTION_CHANGED' } });
  await configure();
  expect((await sluice('destinations', 'disconnect', 'vendor')).document).toMatchObject({ disconnected: true });
  expect((await sluice('destinations', 'disconnect', 'vendor')).document).toMatchObject({ disconnected: false });
  const { document } = await sluice('destinations', 'connect', 'plain');
  expect(document).toMatchObject({ error: { code: 'NOT_OAUTH' } });
});

it('never shows a secret, and leaves none in the project', async () => {
  const folder = path.join(directory, 'project');
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files
      .filter(({ name }) => name !== 'key.json')
      .map(({ parentPath, name }) => readFile(path.join(parentPath, name), 'utf8')),
  );
  const all = [...written, ...texts].join('\n');
  for (const secret of [SECRET, ...vendor.issued]) expect(all).not.toContain(secret);
});
