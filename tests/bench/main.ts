// `npm run bench -- --suite NAME [--case TEXT] [--rows N] [--json]`: measurements that can be repeated. A
// suite runs ours and its reference in turn and prints one line per case; `ok` says whether the
// aim holds. `--case` runs only the cases whose name contains the text, `--rows` (suite `engine`)
// runs with fewer rows or more.
import { parseArgs } from 'node:util';
import type { Suite } from './suite.ts';
import { accessSuite } from './suites/access.ts';
import { bigquerySuite } from './suites/bigquery.ts';
import { destinationsSuite } from './suites/destinations.ts';
import { engineSuite } from './suites/engine.ts';
import { syncSuite } from './suites/sync.ts';

const suites: Readonly<Record<string, Suite>> = {
  access: accessSuite,
  bigquery: bigquerySuite,
  destinations: destinationsSuite,
  engine: engineSuite,
  sync: syncSuite,
};

const { values } = parseArgs({
  options: {
    suite: { type: 'string' },
    case: { type: 'string' },
    rows: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const suite = values.suite === undefined ? undefined : suites[values.suite];
const rows = values.rows === undefined ? undefined : Number(values.rows);
if (suite === undefined || (rows !== undefined && !(Number.isSafeInteger(rows) && rows >= 1000))) {
  console.error('usage: npm run bench -- --suite NAME [--case TEXT] [--rows N, at least 1000] [--json]');
  for (const [name, { description }] of Object.entries(suites)) console.error(`  ${name}  ${description}`);
  process.exitCode = 2;
} else {
  let allOk = true;
  const wants = (name: string): boolean => values.case === undefined || name.includes(values.case);
  for await (const result of suite.run((text) => console.error(text), wants, rows === undefined ? {} : { rows })) {
    if (!wants(result.case)) continue;
    allOk &&= result.ok;
    console.log(values.json ? JSON.stringify(result) : human(result));
  }
  process.exitCode = allOk ? 0 : 1;
}

function human(result: Record<string, unknown> & { case: string; ok: boolean }): string {
  const { case: name, ok, ...figures } = result;
  return `${ok ? '✓' : '✗'} ${name}  ${JSON.stringify(figures)}`;
}
