// One sync in a process of its own, for the crash test: kills itself, as hard as the
// operating system can, at the n-th step that the engine announces.
import { readFileSync } from 'node:fs';
import { createRegistry } from '@sluice/destinations';
import { syncMapping } from '@sluice/engine';
import type { MappingConfig, SourceConfig } from '@sluice/engine';

type Order = { source: SourceConfig; mapping: MappingConfig; journalDir?: string; dieAtStep: number };

const { source, mapping, journalDir, dieAtStep } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Order;
let steps = 0;
const report = await syncMapping(source, mapping, {
  registry: createRegistry(),
  ...(journalDir === undefined ? {} : { journalDir }),
  onStep: (step) => {
    steps += 1;
    if (steps === dieAtStep) {
      process.stderr.write(`${step}\n`);
      process.kill(process.pid, 'SIGKILL');
    }
  },
});
process.stdout.write(JSON.stringify(report));
