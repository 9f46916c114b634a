// A query with temporary functions before it: `CREATE TEMP FUNCTION …; SELECT …`. To BigQuery this is one
// statement, the last one, and no script.
import { follows, tokenize, type Token } from '../desugar/tokens.ts';

export type StatementList = {
  /** The statements that make temporary functions. Each text keeps its place in the whole: what is before it is blank. */
  readonly functions: readonly string[];
  readonly last: string;
};

/** Undefined where the text is anything else: one statement, or a script. */
export function withTemporaryFunctions(sql: string): StatementList | undefined {
  if (!/\bTEMP(?:ORARY)?\b/i.test(sql) || !sql.includes(';')) return undefined;
  const tokens = tokenize(sql);
  const ends = tokens.flatMap((token, i) => (token.kind === 'symbol' && token.text === ';' ? [i] : []));
  const texts: string[] = [];
  let from = 0;
  for (const end of [...ends, tokens.length]) {
    if (from === end) {
      // An empty statement is no part of such a list, but for the end of the text.
      if (end !== tokens.length) return undefined;
      break;
    }
    const isFunction = makesTemporaryFunction(tokens, from);
    texts.push(placed(sql, tokens[from]!.start, tokens[end - 1]!.end));
    from = end + 1;
    if (isFunction) continue;
    // The query: nothing comes behind it.
    if (texts.length === 1 || from < tokens.length) return undefined;
    return { functions: texts.slice(0, -1), last: texts.at(-1)! };
  }
  return texts.length > 1 ? { functions: texts.slice(0, -1), last: texts.at(-1)! } : undefined;
}

function makesTemporaryFunction(tokens: readonly Token[], at: number): boolean {
  return ['CREATE', 'CREATE OR REPLACE'].some((create) =>
    ['TEMP', 'TEMPORARY'].some((temp) =>
      ['FUNCTION', 'AGGREGATE FUNCTION'].some((object) =>
        follows(tokens, at, ...`${create} ${temp} ${object}`.split(' ')),
      ),
    ),
  );
}

function placed(sql: string, start: number, end: number): string {
  return sql.slice(0, start).replaceAll(/[^\n]/g, ' ') + sql.slice(start, end);
}
