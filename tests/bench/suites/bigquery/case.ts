// What a case of the suite `bigquery` is, and what its cases measure with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import type { LocalBigQuery } from '@sluice/testkit';
import type { Measurement } from '../../suite.ts';

export const PROJECT = 'bench-project';
export const OWNER = 'owner@example.com';
export const DATASET = 'bench';

export type Scene = {
  /** Of the servers that `start` starts; DuckDB files are below `projects/` while none runs. */
  readonly dataDir: string;
  readonly start: () => Promise<LocalBigQuery>;
  readonly log: (text: string) => void;
};

export type BigQueryCase = {
  /** Also the name of its measurement, or how the names of several begin. */
  readonly name: string;
  /** Makes the data, in a server that is stopped before anything is measured. */
  prepare(bigquery: LocalBigQuery, log: (text: string) => void): Promise<void>;
  measure(scene: Scene): AsyncIterable<Measurement>;
};

/** CPU seconds that a process has spent so far, all its threads together. */
export function cpuSecondsOf(pid: number): number {
  if (existsSync(`/proc/${pid}/stat`)) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    // utime and stime, in ticks of a hundredth of a second.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
  const [seconds = '0', minutes = '0', hours = '0'] = execFileSync('ps', ['-o', 'cputime=', '-p', String(pid)])
    .toString()
    .trim()
    .split(':')
    .toReversed();
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** Runs a TypeScript file in a process of its own; it prints one line of JSON. */
export async function runScript<T>(
  file: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<T> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${file} ended with code ${String(code)}`);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as T;
}
