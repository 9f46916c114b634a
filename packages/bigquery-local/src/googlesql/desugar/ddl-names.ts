// Tables that a DDL statement names where the analyser's own list of names has none:
// what ALTER TABLE changes, and what a foreign key refers to.
import { follows, pathAt, tokenize } from './tokens.ts';

/** Paths as written, back quotes taken off; empty for a statement that is neither ALTER TABLE nor CREATE TABLE. */
export function ddlTables(sql: string): readonly (readonly string[])[] {
  if (!/\b(alter|references)\b/i.test(sql)) return [];
  const tokens = tokenize(sql);
  const alter = follows(tokens, 0, 'ALTER', 'TABLE');
  if (!alter && !follows(tokens, 0, 'CREATE')) return [];
  const starts: number[] = [];
  if (alter) starts.push(follows(tokens, 2, 'IF', 'EXISTS') ? 4 : 2);
  tokens.forEach((token, i) => {
    if (token.kind === 'word' && token.upper === 'REFERENCES') starts.push(i + 1);
  });
  return starts.flatMap((at) => {
    const found = pathAt(tokens, at);
    return found === undefined ? [] : [found.path];
  });
}

/** Whether the statement may name a table that does not exist: `ALTER TABLE IF EXISTS`. */
export function toleratesMissing(sql: string): boolean {
  return /\balter\b/i.test(sql) && follows(tokenize(sql), 0, 'ALTER', 'TABLE', 'IF', 'EXISTS');
}
