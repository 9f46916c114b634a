// The other side of a conformance run: one HTTP server on the loopback interface to which
// all requests of a destination are led, whatever host they name. It writes down what it
// gets and behaves as the case says.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import type { Connector } from '../request/dispatcher.ts';

export type ReceivedRequest = {
  readonly method: string;
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

export type SimulatedAnswer = {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. Default `{}`. */
  readonly body?: string | object;
};

/** What a vendor answers; undefined for an empty JSON object. */
export type Vendor = (request: ReceivedRequest) => SimulatedAnswer | undefined;

export type Behaviour =
  | { readonly kind: 'answer' }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Headers at once, the body in two parts with pauses. */
  | { readonly kind: 'slow' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'huge'; readonly bytes: number }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'redirect'; readonly location: string }
  /** A refusal that repeats everything that was sent. */
  | { readonly kind: 'echo'; readonly status: number };

export class Receiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  behaviour: Behaviour = { kind: 'answer' };
  vendor: Vendor;
  readonly #server;

  private constructor(vendor: Vendor) {
    this.vendor = vendor;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const received: ReceivedRequest = {
          method: request.method ?? '',
          host: request.headers.host ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        this.requests.push(received);
        this.#respond(received, response, request.socket);
      });
    });
  }

  static async start(vendor: Vendor = () => undefined): Promise<Receiver> {
    const receiver = new Receiver(vendor);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Leads every connection here, without TLS. */
  get connector(): Connector {
    const { port } = this;
    return (_, callback) => {
      const socket = connect(port, '127.0.0.1');
      socket.setNoDelay(true);
      socket.once('connect', () => {
        socket.off('error', onError);
        callback(null, socket);
      });
      const onError = (error: Error): void => callback(error, null);
      socket.once('error', onError);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #respond(received: ReceivedRequest, response: ServerResponse, socket: Socket): void {
    const { behaviour } = this;
    switch (behaviour.kind) {
      case 'answer':
        return this.#answer(received, response);
      case 'status':
        response.writeHead(behaviour.status, { 'content-type': 'application/json', ...behaviour.headers });
        return void response.end(JSON.stringify({ error: 'simulated', message: 'simulated' }));
      case 'slow': {
        const { status, headers, text } = partsOf(this.vendor(received));
        response.writeHead(status, headers);
        response.write(text.slice(0, 1));
        setTimeout(() => response.end(text.slice(1)), 40);
        return;
      }
      case 'silent':
        return;
      case 'reset':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        response.write('{"a":');
        setTimeout(() => socket.destroy(), 5);
        return;
      case 'huge':
        response.writeHead(200, { 'content-type': 'application/json' });
        return void response.end(JSON.stringify({ text: 'x'.repeat(behaviour.bytes) }));
      case 'malformed':
        response.writeHead(200, { 'content-type': 'application/json' });
        return void response.end('{"a": [1, ');
      case 'redirect':
        response.writeHead(302, { location: behaviour.location });
        return void response.end();
      case 'echo': {
        const text = `${received.method} ${received.path} ${JSON.stringify(received.headers)} ${received.body}`;
        response.writeHead(behaviour.status, { 'content-type': 'application/json' });
        return void response.end(JSON.stringify({ message: text, error: text, errors: [{ message: text }] }));
      }
    }
  }

  #answer(received: ReceivedRequest, response: ServerResponse): void {
    const { status, headers, text } = partsOf(this.vendor(received));
    response.writeHead(status, headers);
    response.end(text);
  }
}

function partsOf(answer: SimulatedAnswer | undefined) {
  const body = answer?.body ?? {};
  return {
    status: answer?.status ?? 200,
    headers: { 'content-type': 'application/json', ...answer?.headers },
    text: typeof body === 'string' ? body : JSON.stringify(body),
  };
}
