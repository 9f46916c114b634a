// An HTTP server in a process of its own that takes anything and counts it, so that a
// benchmark measures the sender alone. `GET /` answers the counters. It may answer late,
// have a quota (a bucket that holds one second of it; 429 with
// Retry-After beyond) and count the records, which have an `id`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

const READY_LIMIT_MS = 30_000;

export type SinkOptions = {
  readonly delayMs?: number;
  readonly requestsPerSecond?: number;
  /** Bodies are arrays of objects with an `id`; costs the sink some time. */
  readonly countsRecords?: boolean;
};

export type Counters = {
  /** Requests that were taken. */
  readonly requests: number;
  readonly bytes: number;
  /** Requests that were answered 429. */
  readonly refused: number;
  /** Records of the requests that were taken, and how many different ones; only if asked for. */
  readonly records: number;
  readonly distinct: number;
  /** When the first and the last request that was taken came, in milliseconds of one clock. */
  readonly firstMs: number;
  readonly lastMs: number;
};

export interface Sink extends AsyncDisposable {
  readonly url: string;
  counters(): Promise<Counters>;
}

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', import.meta.filename, JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(READY_LIMIT_MS),
  })) as [string];
  return {
    url: line,
    counters: async () => (await (await fetch(line)).json()) as Counters,
    async [Symbol.asyncDispose]() {
      process.off('exit', end);
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

if (import.meta.main) {
  const {
    delayMs = 0,
    requestsPerSecond = 0,
    countsRecords = false,
  } = JSON.parse(process.argv[2] ?? '{}') as SinkOptions;
  const counted = { requests: 0, bytes: 0, refused: 0, records: 0, distinct: 0, firstMs: 0, lastMs: 0 };
  const seen = new Set<number>();
  const most = Math.max(1, requestsPerSecond);
  let tokens = most;
  let filledAt = performance.now();
  const take = (): boolean => {
    if (requestsPerSecond === 0) return true;
    const now = performance.now();
    tokens = Math.min(most, tokens + ((now - filledAt) / 1000) * requestsPerSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
  const count = (body: Buffer[]): void => {
    counted.requests += 1;
    counted.lastMs = performance.now();
    if (counted.requests === 1) counted.firstMs = counted.lastMs;
    if (!countsRecords) return;
    for (const { id } of JSON.parse(Buffer.concat(body).toString('utf8')) as { id: unknown }[]) {
      counted.records += 1;
      seen.add(Number(id));
    }
    counted.distinct = seen.size;
  };
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(JSON.stringify(counted));
      return;
    }
    const taken = take();
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      counted.bytes += chunk.byteLength;
      if (countsRecords) body.push(chunk);
    });
    request.on('end', () => {
      if (taken) count(body);
      else counted.refused += 1;
      const answer = (): void => {
        response.writeHead(taken ? 200 : 429, {
          'content-type': 'application/json',
          ...(taken ? {} : { 'retry-after': '1' }),
        });
        response.end('{"ok":true}');
      };
      if (delayMs === 0) answer();
      else setTimeout(answer, delayMs);
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
}
