// A webhook receiver for tests and benchmarks: takes JSON objects or arrays of them,
// remembers what arrived, and can be told to refuse.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type ReceivedRow = Record<string, unknown>;

export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type ReceiverOptions = {
  /** Decides the answer for one request; undefined means 200. */
  readonly answer?: (rows: readonly ReceivedRow[]) => Answer | undefined;
  /** Called with the rows of each request that is answered with 2xx. */
  readonly onAccepted?: (rows: readonly ReceivedRow[], headers: Readonly<Record<string, unknown>>) => void;
  readonly port?: number;
};

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: number;
  readonly acceptedRows: number;
  readonly bytes: number;
}

/** Listens on a free port of 127.0.0.1 unless one is given. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const seen = { requests: 0, acceptedRows: 0, bytes: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      seen.requests++;
      seen.bytes += body.byteLength;
      const parsed = JSON.parse(body.toString('utf8')) as ReceivedRow | ReceivedRow[];
      const rows = Array.isArray(parsed) ? parsed : [parsed];
      const answer = options.answer?.(rows) ?? { status: 200 };
      if (answer.status < 300) {
        seen.acceptedRows += rows.length;
        options.onAccepted?.(rows, request.headers);
      }
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(answer.body ?? '{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    get requests() {
      return seen.requests;
    },
    get acceptedRows() {
      return seen.acceptedRows;
    },
    get bytes() {
      return seen.bytes;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
