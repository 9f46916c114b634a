import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@sluice/core';
import { conformanceProblems } from '@sluice/destination-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRegistry } from './registry.ts';

const registry = createRegistry({ fetchTimeoutMs: 2000 });
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end('{}'));
});
let url: string;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-conformance-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

const some = { id: { '@path': '$.properties.id' }, text: { '@template': '{{properties.name}}!' } };

it.each<[string, string, string, () => JsonObject, () => JsonObject]>([
  [
    'the webhook with batches',
    'actions-webhook',
    'send',
    () => ({}),
    () => ({ url, data: some, enable_batching: true }),
  ],
  [
    'the webhook with single rows',
    'actions-webhook',
    'send',
    () => ({ sharedSecret: 'hunter22' }),
    () => ({ url, data: { '@path': '$.' } }),
  ],
  ['a file of NDJSON', 'file', 'append', () => ({ directory }), () => ({ row: some })],
  ['a file of CSV', 'file', 'append', () => ({ directory, format: 'csv' }), () => ({})],
])('%s conforms', async (_, type, action, settings, fields) => {
  const columns = { id: 1, name: 'one', unused: [1, { a: null }] };
  const spec = { type, action, settings: settings(), fields: fields(), mappingId: 'm', syncId: 's' };
  expect(registry.validate(spec, Object.keys(columns))).toEqual([]);
  expect(
    await conformanceProblems({ open: async () => registry.open(spec), reads: registry.columns(spec), columns }),
  ).toEqual([]);
});
