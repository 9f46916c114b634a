// docs/bigquery-compatibility.md from the list of functions.
import type { FunctionEntry } from './functions.ts';

const STATUS = { supported: 'yes', partly: 'partly', refused: 'no' } as const;

const HEAD = `# Compatibility of the local BigQuery

<!-- Generated from packages/bigquery-local/src/googlesql/compatibility/functions.txt. Change that file, then run
UPDATE_COMPATIBILITY=1 npx vitest run packages/bigquery-local/src/googlesql/compatibility -->

What the local BigQuery makes of each function of the
[GoogleSQL reference](https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all). A function is _yes_
here only when cases of ours for it agree with the reference evaluator of ZetaSQL, or, where that has no such function,
with Google's documentation. What is _no_, and what a _partly_ leaves out, is refused by name
("Function X is not supported by the local BigQuery"): there is no silently different answer.
`;

export function compatibilityDocument(entries: readonly FunctionEntry[]): string {
  const count = (status: FunctionEntry['status']): number => entries.filter((entry) => entry.status === status).length;
  const families = [...new Set(entries.map((entry) => entry.family))];
  const sections = families.map((family) =>
    section(
      family,
      entries.filter((entry) => entry.family === family),
    ),
  );
  const summary = `${entries.length} functions: ${count('supported')} yes, ${count('partly')} partly, ${count('refused')} no.`;
  return `${HEAD}\n${summary}\n\n${sections.join('\n')}`;
}

function section(family: string, entries: readonly FunctionEntry[]): string {
  const rows = entries.map(({ name, status, remark }): [string, string, string] => [
    `\`${name}\``,
    STATUS[status],
    remark,
  ]);
  const all = [['Function', 'Supported', 'Remark'] as const, ...rows];
  const widths = [0, 1, 2].map((i) => Math.max(3, ...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    `## ${family}`,
    '',
    line(all[0]!),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...rows.map(line),
    '',
  ].join('\n');
}
