// The list of BigQuery's functions and what this server makes of each (functions.txt).
import { readFileSync } from 'node:fs';
import path from 'node:path';

export type FunctionStatus = 'supported' | 'partly' | 'refused';

export type FunctionEntry = {
  readonly family: string;
  /** In upper case, with its prefix: `NET.HOST`. */
  readonly name: string;
  readonly status: FunctionStatus;
  /** What is missing or different; empty for nothing. */
  readonly remark: string;
};

const MARKS: Readonly<Record<string, FunctionStatus>> = { '-': 'refused', '~': 'partly' };

/** Reads the list from disk. Throws for a line that is none. */
export function readFunctionList(): FunctionEntry[] {
  const text = readFileSync(path.join(import.meta.dirname, 'functions.txt'), 'utf8');
  const entries: FunctionEntry[] = [];
  let family = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) family = line.slice(3);
    else if (line !== '' && !line.startsWith('#')) {
      const match = /^([-~]?)([A-Z0-9_.]+)(?: (.+))?$/.exec(line);
      if (match === null || family === '') throw new Error(`Not a line of the list of functions: ${line}`);
      const [, mark = '', name = '', remark = ''] = match;
      entries.push({ family, name, status: MARKS[mark] ?? 'supported', remark });
    }
  }
  return entries;
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
