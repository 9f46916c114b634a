// The reference of a server's costs: HTTP and DuckDB and nothing else. `POST /` with SQL
// runs it and answers the rows as JSON. Run as a
// script with the path of a DuckDB file (opened read-only), or without one for an empty
// database in memory.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';

const READY_LIMIT_MS = 60_000;

export interface BareServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

export async function startBareServer(file?: string): Promise<BareServer> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', import.meta.filename, ...(file === undefined ? [] : [file])],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  const [url] = (await once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(READY_LIMIT_MS),
  })) as [string];
  return {
    url,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      process.off('exit', end);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  const instance =
    file === undefined
      ? await DuckDBInstance.create(':memory:')
      : await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const run = async (sql: string): Promise<string> => {
    const reader = await connection.runAndReadAll(sql);
    return JSON.stringify({ rows: reader.getRowsJson() });
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      run(Buffer.concat(chunks).toString('utf8')).then(
        (text) => response.writeHead(200, { 'content-type': 'application/json' }).end(text),
        (error: unknown) => response.writeHead(400).end(String(error)),
      );
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
}
