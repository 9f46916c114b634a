// The local BigQuery as a process of its own, started by the same command that a user types.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

export interface LocalBigQuery extends AsyncDisposable {
  readonly url: string;
}

/** Rejects when the server is not ready in time; its own error text is in the message. */
export async function startLocalBigQuery(dataDir: string, signal: AbortSignal): Promise<LocalBigQuery> {
  const main = path.join(import.meta.dirname, '..', 'main.ts');
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      main,
      'bigquery',
      'start',
      '--data-dir',
      dataDir,
      '--port',
      '0',
      '--json',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exited = once(child, 'exit');
  exited.catch(() => undefined);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString('utf8')).slice(-4000);
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await exited;
      clearTimeout(timer);
    }
  };
  try {
    const lines = createInterface({ input: child.stdout });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(readyTimeoutMs)]);
    const line = await Promise.race([
      once(lines, 'line', { signal: limit }).then(([text]) => String(text)),
      exited.then(() => {
        throw new Error(`the local BigQuery ended before it was ready: ${errors.trim()}`);
      }),
    ]);
    const ready = JSON.parse(line) as { event?: unknown; restUrl?: unknown };
    if (ready.event !== 'ready' || typeof ready.restUrl !== 'string')
      throw new Error(`the local BigQuery did not start: ${errors.trim() || line}`);
    return { url: ready.restUrl, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
