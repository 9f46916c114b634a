// Newer syntax that the analyser does not know, in words that it does: pipe queries, queries that
// begin with FROM, GROUP BY ALL, set operations BY NAME. Errors keep the places of the user's text.
import { BigQueryError } from '../../bigquery-error.ts';
import { groupByAllRewritten } from './group-by-all.ts';
import { pipesRewritten } from './pipe.ts';
import { composed, offsetAt, placeAt, type RewrittenText } from './rewritten-text.ts';
import { byNameRewritten, type StrictAs } from './set-operations.ts';
import { tokenize, type Token } from './tokens.ts';

/** Parentheses within parentheses: each level is one of the call stack. */
const MAX_DEPTH = 500;

const NEWER =
  /\|>|\bBY\b[\s\S]{1,200}?\b(?:ALL|NAME)\b|(?:^|[(;]|\bAS\b|\*\/|\n)\s*FROM\b|^\s*(?:--|#|\/\*)[\s\S]*\bFROM\b/i;

/** `strict`: it has set operations whose inputs must have the same columns, which is still to be checked. */
export type DesugaredText = RewrittenText & { readonly strict: boolean };

/** Undefined for a text that has nothing of it. Throws `invalidQuery` for what it cannot say in other words. */
export function desugared(sql: string, strictAs: StrictAs = 'FULL'): DesugaredText | undefined {
  if (!NEWER.test(sql)) return undefined;
  const tokens = tokenize(sql);
  if (depthOf(tokens) > MAX_DEPTH) return undefined; // left to the analyser, which has a limit of its own
  const pipes = pipesRewritten(sql, tokens);
  const names = byNameRewritten(pipes.text, tokenize(pipes.text), strictAs);
  const first = composed(pipes, names);
  const groups = groupByAllRewritten(names.text, tokenize(names.text));
  const all = composed(first, groups);
  return all.text === sql ? undefined : { ...all, strict: names.strict };
}

function depthOf(tokens: readonly Token[]): number {
  let depth = 0;
  let deepest = 0;
  for (const { kind, text } of tokens) {
    if (kind !== 'symbol') continue;
    if (text === '(') deepest = Math.max(deepest, (depth += 1));
    else if (text === ')') depth -= 1;
  }
  return deepest;
}

/** The error with the place in the user's text in place of that in the rewritten one. */
export function inUsersText(error: unknown, sql: string, rewritten: RewrittenText): unknown {
  if (!(error instanceof BigQueryError) || error.reason !== 'invalidQuery') return error;
  const message = error.message.replaceAll(/at \[(\d+):(\d+)\]/g, (_all, line: string, column: string) => {
    const place = placeAt(sql, rewritten.sourceOffset(offsetAt(rewritten.text, Number(line), Number(column))));
    return `at [${place.line}:${place.column}]`;
  });
  return new BigQueryError('invalidQuery', message, { location: 'query', cause: error });
}
