// Progress of a sync: one line that is drawn anew on a terminal, a plain line per phase and
// every few seconds elsewhere (logs of a CI runner).
import type { Progress } from '@sluice/engine';
import { duration, figure, truncate } from './style.ts';

const plainIntervalMs = 5000;

/** An answer that takes longer is worth a word. */
const slowMs = 2000;

export interface ProgressView {
  update(progress: Progress): void;
  /** Leaves the terminal clean for what follows. */
  end(): void;
}

export type ProgressOptions = {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly now: () => number;
};

export function progressView(options: ProgressOptions): ProgressView {
  const start = options.now();
  let drawn = false;
  let lastPhase: string | undefined;
  let lastWrite = 0;
  let deliveringSince: { readonly at: number; readonly done: number } | undefined;

  return {
    update(progress) {
      const now = options.now();
      if (progress.phase === 'delivering') deliveringSince ??= { at: now, done: progress.done };
      if (options.isTerminal) {
        options.write(
          `\r\u001b[2K${truncate(progressText(progress, now - start, rate(progress, deliveringSince, now)), options.columns - 1)}`,
        );
        drawn = true;
        return;
      }
      if (progress.phase === lastPhase && now - lastWrite < plainIntervalMs) return;
      lastPhase = progress.phase;
      lastWrite = now;
      options.write(`${progressText(progress, now - start, rate(progress, deliveringSince, now))}\n`);
    },
    end() {
      if (drawn) options.write('\r\u001b[2K');
      drawn = false;
    },
  };
}

function rate(
  progress: Progress,
  since: { readonly at: number; readonly done: number } | undefined,
  now: number,
): number | undefined {
  if (since === undefined || now - since.at < 500) return undefined;
  return Math.round(((progress.done - since.done) * 1000) / (now - since.at));
}

export function progressText(progress: Progress, elapsedMs: number, rowsPerSecond: number | undefined): string {
  const parts: string[] = [progress.phase.padEnd(10)];
  if (progress.total !== undefined && progress.total > 0 && progress.phase !== 'planning') {
    const share = Math.floor((progress.done * 100) / progress.total);
    parts.push(`${figure(progress.done)}/${figure(progress.total)} (${share} %)`);
  }
  if (progress.phase === 'delivering' && rowsPerSecond !== undefined) parts.push(`${figure(rowsPerSecond)} rows/s`);
  if (progress.rejected > 0) parts.push(`${figure(progress.rejected)} rejected`);
  if (progress.deferred > 0) parts.push(`${figure(progress.deferred)} deferred`);
  parts.push(duration(elapsedMs));
  const { waiting } = progress;
  if (waiting !== undefined && (waiting.attempt > 1 || waiting.waitingMs >= slowMs)) {
    const attempt = waiting.attempt > 1 ? ` (try ${waiting.attempt} of ${waiting.attempts} after ${waiting.code})` : '';
    parts.push(`waiting for ${waiting.destination} ${duration(waiting.waitingMs)}${attempt}`);
  }
  return parts.join('  ');
}
