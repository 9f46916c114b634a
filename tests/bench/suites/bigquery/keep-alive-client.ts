// One connection to a server on this machine, kept open, with as little work of its own as
// Node allows: what is measured is the server.
import { Agent, request } from 'node:http';

const LIMIT_MS = 300_000;

export class KeepAliveClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #headers: Readonly<Record<string, string>>;

  constructor(token?: string) {
    this.#headers = {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** The text of the answer; throws for any status but 200. */
  send(method: 'GET' | 'POST', url: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...this.#headers,
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      };
      const sent = request(url, { method, agent: this.#agent, headers, timeout: LIMIT_MS }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`${method} ${url} answered ${response.statusCode}: ${text.slice(0, 500)}`));
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`${url} did not answer within ${LIMIT_MS} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
