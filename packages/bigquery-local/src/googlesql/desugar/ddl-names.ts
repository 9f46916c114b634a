// Tables that a DDL statement names where the analyser's own list of names has none:
// what ALTER changes, and what a foreign key refers to.
import { follows, pathAt, tokenize } from './tokens.ts';

/** Paths as written, back quotes taken off; empty for a statement that is neither ALTER nor CREATE TABLE. */
export function ddlTables(sql: string): readonly (readonly string[])[] {
  if (!/\b(alter|references)\b/i.test(sql)) return [];
  const tokens = tokenize(sql);
  const alter = ['TABLE', 'VIEW'].some((object) => follows(tokens, 0, 'ALTER', object));
  const materialized = follows(tokens, 0, 'ALTER', 'MATERIALIZED', 'VIEW');
  if (!alter && !materialized && !follows(tokens, 0, 'CREATE')) return [];
  const starts: number[] = [];
  if (alter || materialized) {
    const at = materialized ? 3 : 2;
    if (!follows(tokens, at, 'IF', 'EXISTS')) starts.push(at);
    else starts.push(at + 2);
  }
  tokens.forEach((token, i) => {
    if (token.kind === 'word' && token.upper === 'REFERENCES') starts.push(i + 1);
  });
  return starts.flatMap((at) => {
    const found = pathAt(tokens, at);
    return found === undefined ? [] : [found.path];
  });
}

/** Whether the statement may name a table that does not exist: `ALTER … IF EXISTS`. */
export function toleratesMissing(sql: string): boolean {
  const tokens = tokenize(sql);
  return (
    follows(tokens, 0, 'ALTER', 'TABLE', 'IF', 'EXISTS') ||
    follows(tokens, 0, 'ALTER', 'VIEW', 'IF', 'EXISTS') ||
    follows(tokens, 0, 'ALTER', 'MATERIALIZED', 'VIEW', 'IF', 'EXISTS')
  );
}
