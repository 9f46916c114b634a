// docs/bigquery-compatibility.md from the lists of functions, statements and methods.
import type { CompatibilityEntry } from './entries.ts';

const STATUS = { supported: 'yes', partly: 'partly', refused: 'no' } as const;

const HEAD = `# Compatibility of the local BigQuery

<!-- Generated from the lists in packages/bigquery-local/src/googlesql/compatibility. Change those files, then run
UPDATE_COMPATIBILITY=1 npx vitest run packages/bigquery-local/src/googlesql/compatibility -->

What the local BigQuery makes of each statement and clause, each method and each function of BigQuery. What is _no_, and
what a _partly_ leaves out, is refused by name ("X is not supported by the local BigQuery"): there is no silently
different answer. Statements are probed and methods compared with those that are served whenever the tests run.
`;

const PARTS = [
  { title: 'Statements and clauses', column: 'Statement or clause', code: false },
  { title: 'Methods', column: 'Method', code: true },
  { title: 'Functions', column: 'Function', code: true },
] as const;

const FUNCTIONS = `A function of the
[GoogleSQL reference](https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all) is _yes_ only when
cases of ours for it agree with the reference evaluator of ZetaSQL, or, where that has no such function, with Google's
documentation.
`;

export function compatibilityDocument(lists: {
  readonly statements: readonly CompatibilityEntry[];
  readonly methods: readonly CompatibilityEntry[];
  readonly functions: readonly CompatibilityEntry[];
}): string {
  const parts = [lists.statements, lists.methods, lists.functions].map((entries, i) => {
    const { title, column, code } = PARTS[i]!;
    const families = [...new Set(entries.map((entry) => entry.family))];
    const intro = title === 'Functions' ? `${FUNCTIONS}\n` : '';
    const sections = families.map((family) =>
      section(
        family,
        column,
        entries.filter((entry) => entry.family === family),
        code,
      ),
    );
    return `## ${title}\n\n${intro}${summaryOf(entries)}\n\n${sections.join('\n')}`;
  });
  return `${HEAD}\n${parts.join('\n')}`;
}

function summaryOf(entries: readonly CompatibilityEntry[]): string {
  const count = (status: CompatibilityEntry['status']): number =>
    entries.filter((entry) => entry.status === status).length;
  return `${entries.length} in all: ${count('supported')} yes, ${count('partly')} partly, ${count('refused')} no.`;
}

function section(family: string, column: string, entries: readonly CompatibilityEntry[], code: boolean): string {
  const rows = entries.map(({ name, status, remark }): [string, string, string] => [
    code ? `\`${name}\`` : name.replaceAll('*', String.raw`\*`).replaceAll('_', String.raw`\_`),
    STATUS[status],
    remark.replaceAll('_', String.raw`\_`),
  ]);
  const all = [[column, 'Supported', 'Remark'] as const, ...rows];
  const widths = [0, 1, 2].map((i) => Math.max(3, ...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    `### ${family}`,
    '',
    line(all[0]!),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...rows.map(line),
    '',
  ].join('\n');
}
