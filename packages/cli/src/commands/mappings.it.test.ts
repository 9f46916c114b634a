// Trying, suggesting and importing mappings, against a local BigQuery and a local receiver.
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Cloud } from '../demo/cloud.ts';
import { startLocalBigQuery } from '../demo/local-bigquery.ts';
import type { LocalBigQuery } from '../demo/local-bigquery.ts';
import { run } from '../program.ts';

const PROJECT = 'mappings-test';
const SECRET = 'shared-secret-0123456789';

let directory = '';
let bigquery: LocalBigQuery;
let url = '';
let status = 200;
let answered: object = { said: SECRET };
let closeReceiver = (): Promise<unknown> => Promise.resolve();
const received: { body: string; signature: string }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-mappings-'));
  const dataDir = path.join(directory, 'bigquery');
  const { signal } = new AbortController();
  bigquery = await startLocalBigQuery(dataDir, signal);
  const cloud = new Cloud(bigquery.url, await issueUserToken({ dataDir, email: 'ana@example.com' }), signal);
  await cloud.createProject(PROJECT, 'Mappings');
  const email = await cloud.createServiceAccount(PROJECT, 'sluice', 'Sluice');
  await cloud.grantOnProject(PROJECT, `serviceAccount:${email}`, ['roles/bigquery.user', 'roles/bigquery.jobUser']);
  await mkdir(path.join(directory, 'models'));
  await mkdir(path.join(directory, 'out'));
  await writeFile(path.join(directory, 'key.json'), await cloud.createKey(PROJECT, email));
  await writeFile(
    path.join(directory, 'models/people.sql'),
    `SELECT n AS id, CONCAT('p', n, '@example.com') AS email_address, 'Ada' AS given_name, TIMESTAMP '2026-01-31 12:00:00+00' AS signup_date, CAST(9007199254740993 AS INT64) AS big
FROM UNNEST(GENERATE_ARRAY(1, 5)) AS n`,
  );
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += String(chunk)));
    request.on('end', () => {
      received.push({ body, signature: String(request.headers['x-signature']) });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
  closeReceiver = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
});

afterAll(async () => {
  await closeReceiver();
  await bigquery[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  received.length = 0;
  status = 200;
  answered = { said: SECRET };
  await writeFile(
    path.join(directory, 'sluice.yaml'),
    `# keep this comment
source:
  type: bigquery
  project: ${PROJECT}
  location: US
  credentials: { keyFile: key.json }
  endpoint: ${bigquery.url}
models:
  people: { key: id }
destinations:
  receiver: { type: actions-webhook, settings: { sharedSecret: '\${SHARED}' } }
  crm: { type: actions-hubspot-cloud }
  archive: { type: file, settings: { directory: out } }
mappings:
  people:
    model: people
    destination: receiver
    action: send
    fields:
      url: ${url}
      data:
        id: { '@path': $.__segment_id }
        event: { '@path': $.event }
        mail: { '@case': { operator: upper, value: { '@path': $.properties.email_address } } }
        big: { '@path': $.properties.big }
`,
  );
});

async function sluice(...args: string[]): Promise<{ code: number; document: Record<string, unknown>; err: string }> {
  let out = '';
  let err = '';
  const code = await run([...args, '--json'], {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: { SHARED: SECRET, SLUICE_CREDENTIALS_DIR: path.join(os.tmpdir(), 'none-of-this-test') },
    cwd: directory,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal: AbortSignal.timeout(100_000),
  });
  expect(out + err).not.toContain(SECRET);
  return { code, document: JSON.parse(out) as Record<string, unknown>, err };
}

it('shows the request of one record and sends nothing', async () => {
  const { code, document } = await sluice('mappings', 'test', 'people', '--record', '3');
  expect(code).toBe(0);
  const data = { id: '3', event: 'new', mail: 'P3@EXAMPLE.COM', big: '9007199254740993' };
  expect(document).toMatchObject({
    recordId: '3',
    operation: 'added',
    payload: { url, data },
    requests: [{ method: 'POST', url, headers: { 'x-signature': '[redacted]' }, body: JSON.stringify(data) }],
    notes: [],
  });
  expect(document['result']).toBeUndefined();
  expect(received).toEqual([]);
});

it('sends exactly that when it is asked to, signed, and tells the outcome', async () => {
  const shown = await sluice('mappings', 'test', 'people', '--record', '3');
  const sent = await sluice('mappings', 'test', 'people', '--record', '3', '--send');
  expect(sent.code).toBe(0);
  expect(sent.document).toMatchObject({ result: { kind: 'rows', outcomes: [{ outcome: 'delivered' }] } });
  expect(received).toHaveLength(1);
  expect((shown.document['requests'] as { body: string }[])[0]?.body).toBe(received[0]?.body);
  expect(received[0]?.signature).toMatch(/^[0-9a-f]{40}$/);
  status = 422;
  const refused = await sluice('mappings', 'test', 'people', '--send');
  expect(refused.code).toBe(1);
  expect(refused.document).toMatchObject({ result: { outcomes: [{ outcome: 'rejected' }] } });
  // The state knows nothing of it: a sync would send all records.
  const { document } = await sluice('plan', 'people');
  expect(document).toMatchObject({ counts: { added: 5 } });
});

it('tries deleted records, and says which record is not there', async () => {
  const { document } = await sluice('mappings', 'test', 'people', '--record', '3', '--operation', 'deleted');
  expect(document).toMatchObject({
    payload: { data: { id: '3', event: 'deleted' } },
    columns: { email_address: null },
  });
  const none = await sluice('mappings', 'test', 'people', '--record', "3' OR TRUE --");
  expect(none).toMatchObject({ code: 2, document: { error: { code: 'NO_RECORD' } } });
});

it('suggests a mapping, and adds it to the file without touching the rest', async () => {
  const shown = await sluice('mappings', 'suggest', 'people', 'crm', 'upsertContact');
  const fields = {
    email: { '@path': '$.properties.email_address' },
    firstname: { '@path': '$.properties.given_name' },
  };
  expect(shown.document).toMatchObject({ name: 'people-to-crm', written: false, mapping: { fields } });
  expect(shown.document['missing']).toEqual([]);
  const before = await readFile(path.join(directory, 'sluice.yaml'), 'utf8');
  expect(before).not.toContain('people-to-crm');
  const { code } = await sluice('mappings', 'suggest', 'people', 'crm', 'upsertContact', '--write');
  expect(code).toBe(0);
  const after = await readFile(path.join(directory, 'sluice.yaml'), 'utf8');
  expect(after.startsWith(before.trimEnd())).toBe(true);
  const again = await sluice('mappings', 'suggest', 'people', 'crm', 'upsertContact', '--write');
  expect(again).toMatchObject({ code: 2, document: { error: { code: 'MAPPING_EXISTS' } } });
  const unknown = await sluice('mappings', 'suggest', 'people', 'crm', 'upsertContct');
  expect(unknown).toMatchObject({ code: 2, document: { error: { code: 'UNKNOWN_ACTION' } } });
});

it("imports a mapping of Segment's that then works as it did", async () => {
  const subscription = {
    id: 'x',
    name: 'Send people',
    actionSlug: 'send',
    enabled: true,
    trigger: 'event = "new" or event = "updated"',
    reverseETLSchedule: { strategy: 'PERIODIC', config: { interval: '1h' } },
    settings: {
      url,
      method: 'PUT',
      data: {
        '@merge': {
          direction: 'right',
          objects: [{ mail: { '@path': '$.properties.email_address' } }, { price: '${5}' }],
        },
      },
      ip: { '@path': '$.context.ip' },
    },
  };
  await writeFile(path.join(directory, 'segment.json'), JSON.stringify({ data: { subscription } }));
  const which = await sluice('mappings', 'import', 'segment.json');
  expect(which).toMatchObject({ code: 2, document: { error: { code: 'UNKNOWN_DESTINATION' } } });
  const { code, document } = await sluice('mappings', 'import', 'segment.json', '--destination', 'receiver', '--write');
  expect(code).toBe(0);
  expect(document).toMatchObject({
    mappings: [
      {
        name: 'send-people',
        written: true,
        problems: [],
        mapping: { model: 'people', action: 'send', send: ['added', 'updated'] },
        notCarried: [
          { what: 'field ip' },
          { what: 'schedule: PERIODIC {"interval":"1h"}' },
          { what: 'settings of the destination' },
        ],
      },
    ],
  });
  const tried = await sluice('mappings', 'test', 'send-people', '--record', '2');
  expect(tried.document).toMatchObject({
    requests: [{ method: 'PUT', body: JSON.stringify({ mail: 'p2@example.com', price: '${5}' }) }],
  });
});

it('maps for a destination that is not reached by HTTP, and opens nothing', async () => {
  const text = await readFile(path.join(directory, 'sluice.yaml'), 'utf8');
  await writeFile(
    path.join(directory, 'sluice.yaml'),
    `${text}  files:\n    model: people\n    destination: archive\n    action: append\n    fields: { row: { '@path': $.properties } }\n`,
  );
  const { document } = await sluice('mappings', 'test', 'files', '--record', '1');
  expect(document).toMatchObject({
    requests: 'unknown',
    notes: [expect.stringContaining('only the mapped row is known')],
  });
  expect(JSON.stringify(document['payload'])).toContain('p1@example.com');
  expect(await readdir(path.join(directory, 'out'))).toEqual([]);
});

it('makes an audience, and tells the destination which it is with each row', async () => {
  const text = await readFile(path.join(directory, 'sluice.yaml'), 'utf8');
  const write = (audience: string): Promise<void> => {
    const more = `  ads:
    type: actions-webhook-audiences
    settings: { createAudienceUrl: '${url}' }
mappings:
  vip:
    model: people
    destination: ads
    action: send
    ${audience}
    fields:
      url: ${url}
      data: { id: { '@path': $.__segment_id }, list: { '@path': $.context.personas.external_audience_id } }
`;
    return writeFile(
      path.join(directory, 'sluice.yaml'),
      text.replace('mappings:\n', () => more),
    );
  };
  await write('audience: { key: vip, settings: { extras: \'{"a":1}\' } }');
  expect(await sluice('mappings', 'create-audience', 'vip')).toMatchObject({
    code: 1,
    document: { error: { code: 'AUDIENCE_FAILED' } },
  });
  answered = { externalId: 'list-7' };
  const made = await sluice('mappings', 'create-audience', 'vip');
  expect(made).toMatchObject({ code: 0, document: { audience: 'vip', externalId: 'list-7' } });
  expect(JSON.parse(received.at(-1)?.body ?? '')).toEqual({ a: 1, audienceName: 'vip' });
  received.length = 0;
  await write('audience: { key: vip, external_id: list-7 }');
  expect((await sluice('sync', 'vip')).document).toMatchObject({ state: 'succeeded' });
  const rows = received.map(({ body }) => JSON.parse(body) as { id: string; list: string });
  expect(rows.map(({ id }) => id).toSorted()).toEqual(['1', '2', '3', '4', '5']);
  expect(new Set(rows.map(({ list }) => list))).toEqual(new Set(['list-7']));
  expect((await sluice('mappings', 'create-audience', 'vip')).document).toMatchObject({
    error: { code: 'AUDIENCE_EXISTS' },
  });
  expect((await sluice('mappings', 'create-audience', 'people')).document).toMatchObject({
    error: { code: 'NO_AUDIENCE' },
  });
});
