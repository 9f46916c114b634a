// Preloaded (`--import`) into a measured process: writes its CPU seconds and its peak
// resident memory to the file named by SLUICE_BENCH_USAGE when it ends.
import { writeFileSync } from 'node:fs';

const file = process.env['SLUICE_BENCH_USAGE'];
if (file !== undefined) {
  process.on('exit', () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    writeFileSync(
      file,
      JSON.stringify({ peakMemoryMB: maxRSS / 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 }),
    );
  });
}
