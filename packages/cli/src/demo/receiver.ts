// The business tool of the demo: a webhook that keeps what it is sent, one collection per
// path. It takes a request whole or not at all, and refuses the ids that it was told to.
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@sluice/core';

const maxBodyBytes = 16 * 1024 * 1024;

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** Requests so far, refused ones included. */
  readonly requests: number;
  /** Requests that were refused. */
  readonly refusals: number;
  /** id → record, as a reader of the tool would see them. */
  records(collection: string): ReadonlyMap<string, JsonObject>;
  refuse(collection: string, id: string): void;
  /** Takes back every `refuse`. */
  acceptAll(): void;
}

type Row = { readonly id: string; readonly change: string; readonly record: JsonObject };

export async function startReceiver(): Promise<Receiver> {
  const collections = new Map<string, Map<string, JsonObject>>();
  const refused = new Set<string>();
  let requests = 0;
  let refusals = 0;

  const take = (collection: string, rows: readonly Row[]): string | undefined => {
    const bad = rows.find((row) => refused.has(`${collection}/${row.id}`));
    if (bad !== undefined) return `record ${bad.id} is locked for editing`;
    let records = collections.get(collection);
    if (records === undefined) collections.set(collection, (records = new Map()));
    for (const row of rows) {
      if (row.change === 'deleted') records.delete(row.id);
      else records.set(row.id, row.record);
    }
    return undefined;
  };

  const server = createServer((request, response) => {
    requests++;
    const answer = (status: number, body: object): void => {
      if (status !== 200) refusals++;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    readRows(request).then(
      (rows) => {
        const refusal = take((request.url ?? '/').slice(1), rows);
        if (refusal === undefined) answer(200, { accepted: rows.length });
        else answer(400, { error: refusal });
      },
      (error: unknown) => answer(400, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  server.requestTimeout = 30_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    get refusals() {
      return refusals;
    },
    records: (collection) => collections.get(collection) ?? new Map<string, JsonObject>(),
    refuse: (collection, id) => {
      refused.add(`${collection}/${id}`);
    },
    acceptAll: () => refused.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function readRows(request: IncomingMessage): Promise<Row[]> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new Error('the request is too large');
    chunks.push(chunk);
  }
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  return (Array.isArray(body) ? body : [body]).map((row: unknown) => {
    const { id, change, ...record } = row as JsonObject;
    if (typeof id !== 'string' || typeof change !== 'string') throw new Error('every record needs "id" and "change"');
    return { id, change, record };
  });
}
