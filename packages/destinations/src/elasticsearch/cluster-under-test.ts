// A stand-in for a cluster, as far as the destinations use it: signs in, keeps documents,
// answers bulk requests item by item with the statuses and error types that the bulk API
// documents. It refuses what a cluster would refuse, so that a wrong request fails the test.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@sluice/core';
import { settingText } from '../connection-settings.ts';

export const LOGIN = { user: 'writer', password: 'zQ7-password-of-tests', apiKey: 'enE3LWtleS1vZi10ZXN0cw==' };

type Document = JsonObject;
type Item = { readonly status: number; readonly error?: { readonly type: string; readonly reason: string } };
type Fault = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

export class ClusterUnderTest implements AsyncDisposable {
  readonly requests: { readonly method: string; readonly url: URL; readonly body: string }[] = [];
  readonly indexes = new Map<string, Map<string, Document>>();
  /** Mappings by index; a field of the type `long` refuses what is no whole number. */
  readonly mappings = new Map<string, { dynamic?: string; properties?: Record<string, { type: string }> }>();
  product = 'Elasticsearch';
  /** Answers of the next requests, instead of what the cluster would say. */
  readonly faults: (Fault | 'reset' | 'silent')[] = [];
  /** Items that are refused once, by `_id`. */
  readonly busy = new Map<string, Item>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#answer(request, Buffer.concat(chunks).toString(), response));
    });
  }

  static async start(): Promise<ClusterUnderTest> {
    const cluster = new ClusterUnderTest();
    await new Promise<void>((resolve) => cluster.#server.listen(0, '127.0.0.1', resolve));
    return cluster;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  document(index: string, id: string): Document | undefined {
    return this.indexes.get(index)?.get(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, body: string, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const parsed = new URL(url, 'http://cluster');
    this.requests.push({ method, url: parsed, body });
    const send = (status: number, answer: unknown, more: Readonly<Record<string, string>> = {}): void => {
      const product = this.product === '' ? {} : { 'x-elastic-product': this.product };
      response.writeHead(status, { 'content-type': 'application/json', ...product, ...more });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    };
    const fault = this.faults.shift();
    if (fault === 'silent') return;
    if (fault === 'reset') return void request.socket.destroy();
    if (fault !== undefined) return send(fault.status, fault.body ?? '{}', fault.headers);
    const basic = `Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64')}`;
    if (headers.authorization !== basic && headers.authorization !== `ApiKey ${LOGIN.apiKey}`)
      return send(401, { error: { type: 'security_exception', reason: 'unable to authenticate user' }, status: 401 });
    if (!/^application\/json$/.test(headers.accept ?? ''))
      return send(400, {
        error: { type: 'media_type_header_exception', reason: 'Invalid media-type value on Accept' },
      });
    if (method === 'GET' && parsed.pathname === '/') return send(200, { version: { number: '9.0.0' } });
    const [, index = '', endpoint] = parsed.pathname.split('/').map(decodeURIComponent);
    if (method === 'GET' && endpoint === '_mapping') {
      const known = this.indexes.has(index);
      const missing = { error: { type: 'index_not_found_exception', reason: `no such index [${index}]` }, status: 404 };
      return known ? send(200, { [index]: { mappings: this.mappings.get(index) ?? {} } }) : send(404, missing);
    }
    if (method === 'POST' && endpoint === '_bulk') {
      if (headers['content-type'] !== 'application/x-ndjson' || !body.endsWith('\n'))
        return send(400, {
          error: {
            type: 'illegal_argument_exception',
            reason: 'The bulk request must be terminated by a newline [\\n]',
          },
        });
      return send(200, this.#bulk(index, body.slice(0, -1).split('\n')));
    }
    send(405, { error: `Incorrect HTTP method for uri [${url}]` });
  }

  #bulk(index: string, lines: readonly string[]): unknown {
    const items: Record<string, Item>[] = [];
    for (let at = 0; at < lines.length; at += 1) {
      const [[action, { _id: id }] = ['', { _id: '' }]] = Object.entries(
        JSON.parse(lines[at] ?? '') as Record<string, { _id: string }>,
      );
      const source = action === 'delete' ? undefined : (JSON.parse(lines[(at += 1)] ?? '') as JsonObject);
      items.push({ [action]: this.#apply(index, action, id, source) });
    }
    return { errors: items.some((item) => Object.values(item).some(({ status }) => status > 299)), items };
  }

  #apply(index: string, action: string, id: string, source: JsonObject | undefined): Item {
    const refused = this.busy.get(id);
    this.busy.delete(id);
    if (refused !== undefined) return refused;
    const documents = this.indexes.get(index) ?? new Map<string, Document>();
    this.indexes.set(index, documents);
    const before = documents.get(id);
    if (action === 'delete') return { status: documents.delete(id) ? 200 : 404 };
    if (action === 'create' && before !== undefined)
      return {
        status: 409,
        error: {
          type: 'version_conflict_engine_exception',
          reason: `[${id}]: version conflict, document already exists`,
        },
      };
    const { doc, doc_as_upsert: upserts } = source ?? {};
    if (action === 'update' && before === undefined && upserts !== true)
      return { status: 404, error: { type: 'document_missing_exception', reason: `[${id}]: document missing` } };
    const document = action === 'update' ? { ...before, ...(doc as Document) } : (source as Document);
    const wrong = Object.entries(this.mappings.get(index)?.properties ?? {}).find(
      ([name, { type }]) => type === 'long' && !/^-?\d+$/.test(settingText(document[name] ?? '0')),
    );
    if (wrong !== undefined) {
      const reason = `failed to parse field [${wrong[0]}] of type [long] in document with id '${id}'`;
      return { status: 400, error: { type: 'document_parsing_exception', reason } };
    }
    documents.set(id, document);
    return { status: before === undefined ? 201 : 200 };
  }
}
