// CPU seconds of a process with all its children, from proc(5).
import { readFileSync, readdirSync } from 'node:fs';

const CLOCK_TICKS = 100;

/** Of a process that runs. A child that ended counts in its parent once it was waited for. */
export function treeCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime, stime, cutime, cstime: fields 14 to 17.
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / CLOCK_TICKS;
  return childrenOf(pid).reduce((sum, child) => sum + childCpuSeconds(child), own);
}

function childCpuSeconds(pid: number): number {
  try {
    return treeCpuSeconds(pid);
  } catch {
    return 0; // it ended just now
  }
}

/** Each thread has children of its own. */
function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}
