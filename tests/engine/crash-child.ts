// One run in a process of its own, for the crash tests: kills itself, as hard as the
// operating system can, at the n-th step that the engine announces, or at the n-th thing that
// it waits for outside of itself: a request that starts, is under way, or is answered.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, writeSync } from 'node:fs';
import { createRegistry } from '@sluice/destinations';
import { applyPlan, resetMapping, syncMapping } from '@sluice/engine';
import type { MappingConfig, Replay, SourceConfig, SyncOptions } from '@sluice/engine';

export type Order = {
  readonly source: SourceConfig;
  readonly mapping: MappingConfig;
  readonly journalDir?: string;
  readonly run?: 'sync' | 'reset' | { readonly apply: string } | { readonly replay: Replay };
  readonly dieAtStep?: number;
  /** Counted over starts, middles and answers of all requests. */
  readonly dieAtWait?: number;
};

/** What goes to standard error last. */
const die = (place: string): void => {
  writeSync(2, `${place}\n`);
  process.kill(process.pid, 'SIGKILL');
};

const {
  source,
  mapping,
  journalDir,
  run = 'sync',
  dieAtStep,
  dieAtWait,
} = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Order;

let waits = 0;
const count = (place: string): void => {
  waits += 1;
  if (waits === dieAtWait) die(place);
};
/** Long enough for a server on this machine to have the request, and often to have done what it says. */
const UNDER_WAY_MS = 8;
type HttpEvent = { readonly request: { readonly method: string; readonly path: string } };
const nameOf = (event: unknown): string => {
  const { request } = event as HttpEvent;
  return `${request.method} ${request.path.split('?')[0]}`;
};
for (const [channel, end] of [
  ['http.client.request.start', 'http.client.response.finish'],
  ['undici:request:create', 'undici:request:trailers'],
] as const) {
  subscribe(channel, (event) => {
    count(`before ${nameOf(event)}`);
    waits += 1;
    if (waits === dieAtWait) setTimeout(() => die(`during ${nameOf(event)}`), UNDER_WAY_MS);
  });
  subscribe(end, (event) => count(`after ${nameOf(event)}`));
}

let steps = 0;
const options: SyncOptions = {
  registry: createRegistry(),
  ...(journalDir === undefined ? {} : { journalDir }),
  onStep: (step) => {
    steps += 1;
    if (steps === dieAtStep) die(step);
  },
};

async function start(): Promise<unknown> {
  if (run === 'sync') return syncMapping(source, mapping, options);
  if (run === 'reset') return resetMapping(source, mapping, { confirm: mapping.name });
  return 'apply' in run
    ? applyPlan(source, mapping, run.apply, options)
    : syncMapping(source, mapping, { ...options, replay: run.replay });
}

const report = await start();
process.stdout.write(JSON.stringify(dieAtWait === undefined ? report : { waits, report }));
