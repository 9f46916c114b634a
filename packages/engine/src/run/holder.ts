// Who holds a lease: `host:pid`, precise enough to tell whether a process of this very
// machine (and container) is still alive. Anything else can only wait for the lease to expire.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';

/** Leases that this thread holds now. One that names it and is not here was left behind by a failure. */
const heldHere = new Set<string>();

export function holdHere(holder: string): void {
  heldHere.add(holder);
}

export function letGoHere(holder: string): void {
  heldHere.delete(holder);
}

/** `host:pid:machine:thread-nonce`; the first two parts are for people. */
export function newHolder(): string {
  return `${hostname().replaceAll(':', '-')}:${process.pid}:${machine()}:${threadId}-${randomUUID().slice(0, 8)}`;
}

/** `host:pid`, for messages. */
export function holderText(holder: string): string {
  return holder.split(':').slice(0, 2).join(':');
}

/**
 * True only when the holder was a process of this machine and that process is gone, or this
 * very thread, which does not hold it any more (it could not give it back: the warehouse was away).
 */
export function isGone(holder: string): boolean {
  const [, pid, where, which] = holder.split(':');
  if (where === undefined || where !== machine()) return false;
  const id = Number(pid);
  if (id === process.pid && which?.startsWith(`${threadId}-`) === true) return !heldHere.has(holder);
  if (!Number.isSafeInteger(id) || id <= 0) return false;
  try {
    process.kill(id, 0);
    return false;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Boot and process namespace: equal host names and pids on other machines or containers differ in it. */
function machine(): string {
  const facts = [
    hostname(),
    read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    read(() => readlinkSync('/proc/self/ns/pid')),
  ];
  return createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 12);
}

function read(fact: () => string): string {
  try {
    return fact();
  } catch {
    return '';
  }
}
