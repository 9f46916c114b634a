// What a user sees when something is wrong, against a real local BigQuery: each failure
// names the thing, the place and the fix, and the next run, put right, is correct.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, createServer as createProxy } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import type { SyncReport } from '@sluice/engine';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Cloud } from '../demo/cloud.ts';
import { startLocalBigQuery } from '../demo/local-bigquery.ts';
import type { LocalBigQuery } from '../demo/local-bigquery.ts';
import { run } from '../program.ts';

const project = 'failures-test';
const owner = 'ana@example.com';

let directory = '';
let server: LocalBigQuery;
let port = 0;

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-failures-'));
  const dataDir = path.join(directory, 'bigquery');
  const { signal } = new AbortController();
  server = await startLocalBigQuery(dataDir, signal);
  const cloud = new Cloud(server.url, await issueUserToken({ dataDir, email: owner }), signal);
  await cloud.createProject(project, 'Failures');
  await cloud.createDataset(project, 'shop', 'US');
  await cloud.query(
    project,
    `CREATE TABLE shop.customers AS SELECT CAST(n AS STRING) AS id, CONCAT('name ', n) AS name FROM UNNEST(GENERATE_ARRAY(1, 200)) AS n`,
    'US',
  );
  const email = await cloud.createServiceAccount(project, 'sluice', 'Sluice');
  await cloud.grantOnProject(project, `serviceAccount:${email}`, ['roles/bigquery.user', 'roles/bigquery.jobUser']);
  await cloud.shareWithReader(project, 'shop', email);
  await writeFile(path.join(directory, 'key.json'), await cloud.createKey(project, email));
  port = await freePort();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await mkdir(path.join(directory, 'models'), { recursive: true });
  await writeFile(path.join(directory, 'models/customers.sql'), 'SELECT id, name FROM shop.customers\n');
  await configure('customers', '$.properties.name', 'US');
});

function configure(mapping: string, namePath: string, location: string, endpoint = server.url): Promise<void> {
  return writeFile(
    path.join(directory, 'sluice.yaml'),
    `source:
  type: bigquery
  project: ${project}
  location: ${location}
  credentials: { keyFile: key.json }
  endpoint: ${endpoint}
models:
  customers: { key: id }
destinations:
  receiver: { type: actions-webhook }
mappings:
  ${mapping}:
    model: customers
    destination: receiver
    action: send
    fields:
      url: http://127.0.0.1:${port}/
      enable_batching: true
      batch_size: 10
      data: { id: { '@path': $.__segment_id }, name: { '@path': ${namePath} } }
`,
  );
}

async function sluice(
  args: readonly string[],
  signal = AbortSignal.timeout(100_000),
): Promise<{ code: number; document: unknown; err: string }> {
  let out = '';
  let err = '';
  const code = await run([...args, '--json'], {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: {},
    cwd: directory,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal,
  });
  return { code, document: JSON.parse(out) as unknown, err };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return free;
}

/** A receiver that collects ids; `before` runs on each request and may hold it. */
async function receiver(
  ids: string[],
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<AsyncDisposable> {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    await before();
    for (const { id } of JSON.parse(body) as { id: string }[]) ids.push(id);
    response.end('{}');
  };
  return serve(take);
}

async function serve(take: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<AsyncDisposable> {
  const http: Server = createServer((request, response) => {
    Promise.resolve(take(request, response)).catch(() => response.destroy());
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

it("a wrong query has BigQuery's text and the line and column of the model's file", async () => {
  await writeFile(path.join(directory, 'models/customers.sql'), 'SELECT id,\n  nmae\nFROM shop.customers\n');
  const { code, document, err } = await sluice(['preview', 'customers']);
  expect(code).toBe(2);
  expect(document).toMatchObject({
    error: { where: 'models/customers.sql:2:3', message: expect.stringMatching(/Unrecognized name: nmae/) },
  });
  expect(err).toContain('at models/customers.sql:2:3');
});

it('a table that does not exist or may not be read is named', async () => {
  await writeFile(path.join(directory, 'models/customers.sql'), 'SELECT id FROM shop.orders');
  const { code, document } = await sluice(['preview', 'customers']);
  expect(code).toBe(1);
  expect(document).toMatchObject({ error: { message: expect.stringContaining(`${project}:shop.orders`) } });
});

it('a wrong data location is named', async () => {
  await configure('customers', '$.properties.name', 'EU');
  const { code, document } = await sluice(['preview', 'customers']);
  expect(code).not.toBe(0);
  expect(document).toMatchObject({
    error: { message: expect.stringMatching(/location EU/), fix: expect.stringMatching(/location of the source/) },
  });
});

it('a location that BigQuery does not have is about the source, neither the project nor the query', async () => {
  await configure('customers', '$.properties.name', 'EUU');
  const preview = await sluice(['preview', 'customers']);
  expect(preview.code).not.toBe(0);
  expect(preview.document).toMatchObject({
    error: { code: 'SOURCE_LOCATION_UNKNOWN', fix: expect.stringMatching(/location of the source/) },
  });
  const { document } = await sluice(['test-connection']);
  const failed = (document as { checks: { check: string; ok: boolean; skipped?: boolean }[] }).checks;
  expect(failed.filter((check) => !check.ok && check.skipped !== true).map(({ check }) => check)).toEqual(['location']);
});

it('another server at the endpoint is named in one line', async () => {
  await configure('customers', '$.properties.name', 'US', `${server.url}/elsewhere`);
  const { document } = await sluice(['preview', 'customers']);
  expect(document).toMatchObject({
    error: { code: 'SOURCE_ENDPOINT', message: expect.stringMatching(/^[^\n]*HTTP 404\)$/) },
  });
});

it('an unknown column of a mapping is named with its line, and nothing is sent', async () => {
  await configure('customers', '$.properties.nmae', 'US');
  const ids: string[] = [];
  await using _receiver = await receiver(ids);
  for (const command of ['plan', 'sync']) {
    const { code, document } = await sluice([command, 'customers']);
    expect(code).toBe(2);
    expect(document).toMatchObject({
      error: { message: expect.stringContaining('"nmae"'), where: expect.stringMatching(/^sluice\.yaml:20:/) },
    });
  }
  expect(ids).toEqual([]);
});

it('an identifier column that the query lacks is named at the line of the key', async () => {
  await writeFile(path.join(directory, 'models/customers.sql'), 'SELECT name FROM shop.customers');
  const { code, document } = await sluice(['preview', 'customers']);
  expect(code).toBe(2);
  expect(document).toMatchObject({ error: { code: 'MODEL_KEY_UNKNOWN', where: 'sluice.yaml:8:21' } });
});

it('a destination that is down pauses the mapping and loses nothing: after resume the next sync delivers every record', async () => {
  await configure('down', '$.properties.name', 'US');
  const failed = await sluice(['sync', 'down']);
  expect(failed.code).toBe(1);
  expect(JSON.stringify(failed.document)).toContain(`127.0.0.1:${port}`);

  const ids: string[] = [];
  await using _receiver = await receiver(ids);
  const paused = await sluice(['sync', 'down']);
  expect(paused).toMatchObject({ document: { state: 'skipped', pausedUntil: expect.any(String) } });
  expect(JSON.stringify(paused.document)).toContain('sluice resume down');
  expect(ids).toEqual([]);
  expect((await sluice(['resume', 'down'])).code).toBe(0);
  const next = await sluice(['sync', 'down']);
  expect(next).toMatchObject({ code: 0, document: { state: 'succeeded' } });
  expect(new Set(ids).size).toBe(200);
  expect((await sluice(['plan', 'down'])).document).toMatchObject({
    counts: { added: 0, updated: 0, deleted: 0, unchanged: 200 },
  });
});

it('a wrong address costs a few requests and fails the sync; with the right one the next sync delivers every record', async () => {
  await configure('address', '$.properties.name', 'US');
  let requests = 0;
  {
    await using _nothing = await serve((_request, response) => {
      requests++;
      response.writeHead(404).end('no such page');
    });
    for (let times = 1; times <= 6; times++) {
      const failed = await sluice(['sync', 'address']);
      expect(failed).toMatchObject({
        code: 1,
        document: {
          state: 'failed',
          outcomes: { added: { delivered: 0, rejected: 0, deferred: 200 } },
          error: {
            code: 'DESTINATION_REFUSES',
            message: expect.stringContaining('answered 404'),
            fix: expect.stringContaining('fields.url'),
          },
        },
      });
      expect(requests).toBeLessThanOrEqual(36 * times);
    }
  }
  const ids: string[] = [];
  await using _receiver = await receiver(ids);
  expect(await sluice(['sync', 'address'])).toMatchObject({ code: 0, document: { state: 'succeeded' } });
  expect(new Set(ids).size).toBe(200);
});

it('a sync of which every record is refused for its own sake has failed, and the records are tried again', async () => {
  await configure('refused', '$.properties.name', 'US');
  await writeFile(path.join(directory, 'models/customers.sql'), 'SELECT id, name FROM shop.customers LIMIT 3');
  {
    await using _refusing = await serve((_request, response) => response.writeHead(422).end('no'));
    const failed = await sluice(['sync', 'refused']);
    expect(failed).toMatchObject({
      code: 1,
      document: {
        state: 'failed',
        outcomes: { added: { delivered: 0, rejected: 3 } },
        error: { code: 'NOTHING_DELIVERED' },
      },
    });
  }
  const ids: string[] = [];
  await using _receiver = await receiver(ids);
  expect(await sluice(['sync', 'refused'])).toMatchObject({ code: 0, document: { state: 'succeeded' } });
  expect(ids).toHaveLength(3);
});

it('rejected records fail the command only when it is asked to', async () => {
  await configure('partly', '$.properties.name', 'US');
  await using _picky = await serve(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    response.writeHead((JSON.parse(body) as { id: string }[]).some(({ id }) => id === '7') ? 422 : 200).end();
  });
  const document = { state: 'partially_succeeded' };
  expect(await sluice(['sync', 'partly', '--fail-on-rejected'])).toMatchObject({ code: 1, document });
  await writeFile(
    path.join(directory, 'models/customers.sql'),
    "SELECT id, CONCAT(name, '!') AS name FROM shop.customers",
  );
  expect(await sluice(['sync', 'partly'])).toMatchObject({ code: 0, document });
});

it('a warehouse that goes away while a sync delivers: the report says what arrived, the next sync goes on', async () => {
  const sockets = new Set<Socket>();
  const target = new URL(server.url);
  const proxy = createProxy((inner) => {
    const outer = connect(Number(target.port), target.hostname);
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => [inner, outer].forEach((each) => each.destroy()));
    }
    inner.pipe(outer).pipe(inner);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const proxyPort = (proxy.address() as AddressInfo).port;
  await configure('gone', '$.properties.name', 'US', `http://127.0.0.1:${proxyPort}`);
  const ids: string[] = [];
  const take = async (): Promise<void> => {
    if (ids.length < 100) return;
    proxy.close();
    for (const socket of sockets) socket.destroy();
    await Promise.resolve();
  };
  await using _receiver = await receiver(ids, take);
  // In a process of its own: what is left of its lease is that of a process that has ended.
  const main = path.join(import.meta.dirname, '..', 'main.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'sync', 'gone', '--json'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number];
  const report = JSON.parse(out) as SyncReport;
  expect(code).toBe(1);
  expect(report).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/^200 changes delivered; recorded locally, and committed/),
    outcomes: { added: { delivered: 200, deferred: 0 } },
  });

  await configure('gone', '$.properties.name', 'US');
  expect(await sluice(['sync', 'gone'])).toMatchObject({ code: 0, document: { state: 'succeeded' } });
  expect(ids).toHaveLength(200);
});

it('a sync that is stopped ends as canceled with what was delivered, and the next one delivers the rest', async () => {
  await configure('stopped', '$.properties.name', 'US');
  const stop = new AbortController();
  const ids: string[] = [];
  let requests = 0;
  const hold = async (): Promise<void> => {
    requests++;
    if (requests === 6) stop.abort(new DOMException('stopped by SIGINT', 'AbortError'));
    if (requests >= 6 && requests <= 8) await new Promise((resolve) => setTimeout(resolve, 300));
  };
  await using _receiver = await receiver(ids, hold);
  const stopped = await sluice(['sync', 'stopped'], stop.signal);
  expect(stopped).toMatchObject({ code: 1, document: { state: 'canceled' } });
  expect((stopped.document as SyncReport).reasons.map(({ code }) => code)).toEqual(['OUTCOME_UNKNOWN', 'NOT_TRIED']);
  const before = new Set(ids).size;
  expect(before).toBeLessThan(200);

  const next = await sluice(['sync', 'stopped']);
  expect(next).toMatchObject({ code: 0, document: { state: 'succeeded' } });
  expect(new Set(ids).size).toBe(200);
  const { outcomes } = next.document as SyncReport;
  expect(outcomes.added.delivered).toBeLessThanOrEqual(200);
  expect((await sluice(['status', 'stopped'])).document).toMatchObject({ mappings: [{ state: 'idle', records: 200 }] });
});
