// An HTTP server in a process of its own that takes anything and counts it, so that a
// benchmark measures the sender alone. `GET /` answers the counters.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

const READY_LIMIT_MS = 30_000;

export interface Sink extends AsyncDisposable {
  readonly url: string;
  counters(): Promise<{ readonly requests: number; readonly bytes: number }>;
}

export async function startSink(): Promise<Sink> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', import.meta.filename], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(READY_LIMIT_MS),
  })) as [string];
  return {
    url: line,
    counters: async () => (await (await fetch(line)).json()) as { requests: number; bytes: number },
    async [Symbol.asyncDispose]() {
      process.off('exit', end);
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

if (import.meta.main) {
  let requests = 0;
  let bytes = 0;
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(JSON.stringify({ requests, bytes }));
      return;
    }
    request.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
    request.on('end', () => {
      requests += 1;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"ok":true}');
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
}
