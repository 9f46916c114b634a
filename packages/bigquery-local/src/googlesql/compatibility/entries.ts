// The lists that docs/bigquery-compatibility.md is made of: what this server makes of each
// function (functions.txt), statement (statements.txt) and method (methods.txt).
import { readFileSync } from 'node:fs';
import path from 'node:path';

export type CompatibilityStatus = 'supported' | 'partly' | 'refused';

export type CompatibilityEntry = {
  /** The title under which it stands. */
  readonly family: string;
  readonly name: string;
  readonly status: CompatibilityStatus;
  /** What is missing or different; empty for nothing. */
  readonly remark: string;
};

export type StatementEntry = CompatibilityEntry & {
  /** SQL that shows it: it works, or is refused by name. */
  readonly probe: string;
};

const MARKS: Readonly<Record<string, CompatibilityStatus>> = { '-': 'refused', '~': 'partly' };

/** In upper case, with their prefix: `NET.HOST`. Throws for a line that is none. */
export function readFunctionList(): CompatibilityEntry[] {
  return [...lines('functions.txt')].map(({ family, line }) => {
    const [, mark = '', name = '', remark = ''] = matched(/^([-~]?)([A-Z0-9_.]+)(?: (.+))?$/, line);
    return { family, name, status: MARKS[mark] ?? 'supported', remark };
  });
}

/** By their names in Google's APIs: `bigquery.jobs.query`. */
export function readMethodList(): CompatibilityEntry[] {
  return [...lines('methods.txt')].map(({ family, line }) => {
    const [, mark = '', name = '', remark = ''] = matched(/^([-~]?)([A-Za-z0-9.]+)(?: (.+))?$/, line);
    return { family, name, status: MARKS[mark] ?? 'supported', remark };
  });
}

export function readStatementList(): StatementEntry[] {
  return [...lines('statements.txt')].map(({ family, line }) => {
    // A pipe stands between name, remark and probe; within a probe it is `|>`.
    const [, mark = '', name = '', remark = '', probe = ''] = matched(/^([-~]?)([^|]+) \| ([^|]*)\| (.+)$/, line);
    return { family, name, status: MARKS[mark] ?? 'supported', remark: remark.trim(), probe };
  });
}

function* lines(file: string): Generator<{ family: string; line: string }> {
  let family = '';
  for (const line of readFileSync(path.join(import.meta.dirname, file), 'utf8').split('\n')) {
    if (line.startsWith('## ')) family = line.slice(3);
    else if (line !== '' && !line.startsWith('#')) {
      if (family === '') throw new Error(`${file}: a line before the first title: ${line}`);
      yield { family, line };
    }
  }
}

function matched(pattern: RegExp, line: string): RegExpExecArray {
  const match = pattern.exec(line);
  if (match === null) throw new Error(`Not a line of a compatibility list: ${line}`);
  return match;
}

let refused: ReadonlySet<string> | undefined;

/** Whether a function that the analyser does not know is one of BigQuery's. */
export function isRefusedFunction(name: string): boolean {
  refused ??= new Set(
    readFunctionList()
      .filter((entry) => entry.status === 'refused')
      .map((entry) => entry.name),
  );
  return refused.has(name.toUpperCase());
}
