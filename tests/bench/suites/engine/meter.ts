// What the reference programs of the suite `engine` measure themselves with, and how a
// benchmark sends bodies with a bound on those in flight.
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

export const CONNECTIONS = 8;
export const BATCH = 1000;

export type Usage = { readonly cpuSeconds: number; readonly peakMemoryMB: number; readonly wallSeconds: number };

/** Runs and prints one line of JSON: the process's usage meanwhile, and what `run` answers. */
export async function measured(run: () => Promise<Readonly<Record<string, number>>>): Promise<void> {
  const before = process.cpuUsage();
  const started = performance.now();
  const figures = await run();
  const { user, system } = process.cpuUsage(before);
  console.log(
    JSON.stringify({
      cpuSeconds: (user + system) / 1e6,
      peakMemoryMB: peakMemoryMB(),
      wallSeconds: (performance.now() - started) / 1000,
      ...figures,
    }),
  );
}

function peakMemoryMB(): number {
  const [, kibibytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}

export type Sender = { readonly send: (body: string) => Promise<void>; readonly end: () => Promise<void> };

/** A bare undici pool. `send` waits while all connections are busy; `end` waits for the answers. */
export function sender(url: string): Sender {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const inFlight = new Set<Promise<void>>();
  const post = async (body: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await pool.request({ method: 'POST', path: pathname, body, headers });
    if (answer.statusCode !== 200) throw new Error(`the sink answered ${answer.statusCode}`);
    await answer.body.dump();
  };
  return {
    async send(body) {
      while (inFlight.size >= CONNECTIONS) await Promise.race(inFlight);
      const task = post(body);
      inFlight.add(task);
      void task.finally(() => inFlight.delete(task));
    },
    async end() {
      await Promise.all(inFlight);
      await pool.close();
    },
  };
}
