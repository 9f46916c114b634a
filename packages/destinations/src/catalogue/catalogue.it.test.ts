import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';
import { details } from './details.ts';
import { exclusions } from './excluded.ts';
import { offers } from './offers.ts';

type Manifest = Record<string, { readonly directory: string; readonly definition: { readonly slug: string } }>;

it('offers or excludes every destination of the package, at its directory', () => {
  const require = createRequire(import.meta.url);
  const { manifest } = require('@segment/action-destinations') as { readonly manifest: Manifest };
  const inPackage = new Map(Object.values(manifest).map(({ directory, definition }) => [definition.slug, directory]));
  expect(inPackage.size).toBe(214);
  expect([...offers.map(({ type }) => type), ...exclusions.map(({ type }) => type)].sort()).toEqual(
    [...inPackage.keys()].sort(),
  );
  for (const { type, directory } of offers) expect([type, inPackage.get(type)]).toEqual([type, directory]);
  expect(Object.keys(details).filter((type) => !offers.some((offer) => offer.type === type))).toEqual([]);
});

it('loads, describes and checks every destination that it offers', () => {
  const registry = createRegistry();
  for (const { type } of offers) {
    const info = registry.describe(type);
    expect([type, info?.actions.length]).not.toEqual([type, 0]);
    for (const action of info?.actions ?? []) {
      expect([type, action.key, action.title]).not.toEqual([type, action.key, '']);
      const spec = {
        type,
        action: action.key,
        settings: { none: 1 },
        fields: { none: 1 },
        mappingId: 'm',
        syncId: 's',
      };
      const paths = registry.validate(spec, []).map(({ path }) => path);
      expect([type, action.key, ...paths]).toEqual(expect.arrayContaining([type, 'settings.none', 'fields.none']));
    }
  }
}, 120_000);

it.each([
  ['a batch', true],
  ['a single row', false],
])('signs the exact body of %s', async (_, enable_batching) => {
  const bodies: { readonly body: string; readonly signature: unknown }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push({ body, signature: request.headers['x-signature'] });
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await using destination = await createRegistry().open({
      type: 'actions-webhook',
      action: 'send',
      settings: { sharedSecret: 'hunter22' },
      fields: {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        data: { '@path': '$.properties' },
        headers: { 'X-Team': 'données'.normalize('NFD').replaceAll(/[^a-z]/g, '') },
        enable_batching,
      },
      mappingId: 'm',
      syncId: 's',
    });
    const rows = [1, 2].map((ordinal) => {
      const columns = { id: ordinal, text: 'é' };
      const row = destination.prepare({ ordinal, operation: 'added', recordId: `${ordinal}`, checksum: '', columns });
      if (!('payload' in row)) throw new Error(row.message);
      return row;
    });
    const result = await destination.deliver(enable_batching ? rows : rows.slice(0, 1), {
      signal: new AbortController().signal,
      idempotencyKey: 'k',
    });
    expect(JSON.stringify(result)).toContain('delivered');
  } finally {
    server.close();
  }
  expect(bodies).toHaveLength(1);
  const [{ body, signature } = { body: '', signature: '' }] = bodies;
  expect(JSON.parse(body)).toEqual(
    enable_batching
      ? [
          { id: 1, text: 'é' },
          { id: 2, text: 'é' },
        ]
      : { id: 1, text: 'é' },
  );
  expect(signature).toBe(createHmac('sha1', 'hunter22').update(body).digest('hex'));
});
