// Resident memory of a process and all its children, as the operating system counts it.
import { execFileSync } from 'node:child_process';

/** Megabytes (2^20 bytes) of the process itself and with its children; a sum counts shared pages once per process. */
export function residentMemory(pid: number): { readonly totalMB: number; readonly ownMB: number } {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss='])
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
  const family = new Set([pid]);
  // Children are not listed behind their parents.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const [child, parent] of rows) if (family.has(parent)) family.add(child);
  }
  const kilobytes = (of: (process: number) => boolean): number =>
    rows.reduce((sum, [process, , rss]) => (of(process) ? sum + rss : sum), 0);
  return { totalMB: kilobytes((each) => family.has(each)) / 1024, ownMB: kilobytes((each) => each === pid) / 1024 };
}
