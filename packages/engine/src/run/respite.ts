// The pause that a mapping takes by itself when its destination is down, or has asked for a
// longer one than a sync waits for: written to the warehouse with the commit, so that it
// holds on whichever machine the next sync starts; over when its time has come, or when
// somebody takes it back. Each one in a row is twice as long.
import type { DeliveryStopped } from '../delivery/delivery-stopped.ts';
import type { Pause } from './api.ts';

const FIRST_MS = 60_000;
const LONGEST_MS = 60 * 60_000;

/** Who paused a mapping that nobody paused. */
const BY = 'sluice';

/** The pause after this end of a delivery; undefined when waiting would not help. */
export function respiteAfter(stopped: DeliveryStopped, before: Pause | undefined, now: number): Pause | undefined {
  if (stopped.retryInMs === undefined) return undefined;
  const times = (before?.times ?? 0) + 1;
  const waitMs = Math.max(stopped.retryInMs, Math.min(FIRST_MS * 2 ** Math.min(times - 1, 20), LONGEST_MS));
  return {
    at: new Date(now).toISOString(),
    by: BY,
    reason: stopped.message,
    until: new Date(now + waitMs).toISOString(),
    times,
  };
}

/** Whether syncs are skipped now. */
export function isPaused(pause: Pause | undefined, now: number): boolean {
  return pause !== undefined && (pause.until === undefined || Date.parse(pause.until) > now);
}

/** Why a sync is skipped, and what ends that. */
export function pauseText({ by, at, reason, until }: Pause, mapping: string): string {
  if (until !== undefined) {
    return `The mapping is paused until ${until}: ${reason ?? 'the destination is not available'}. Nothing was sent; to try at once: sluice resume ${mapping}`;
  }
  return `The mapping was paused by ${by} at ${at}${reason === undefined ? '' : `: ${reason}`}. Nothing was sent.`;
}
