// Which paths a text calls like functions, found among its tokens: the analyser names only tables.
// A superset: built-in functions such as NET.HOST(…) are among them.
import { tokenize, type Token } from '../desugar/tokens.ts';

/** What stands before the name of a thing that is made, filled or referred to, with a list of columns or arguments. */
const NO_CALL: ReadonlySet<string> = new Set(
  'INTO INSERT MERGE TABLE VIEW FUNCTION PROCEDURE CALL EXISTS REFERENCES'.split(' '),
);

/** Where a path of several parts could be called; comments may stand anywhere within. */
const MAY_CALL = /(?:\.\s*\w+|`)\s*\(|--|#|\/\*/;

/**
 * Distinct paths as written, back quotes taken off: `p.d.f`(x) gives one part. SAFE. is left out. Names of one part
 * only where `plain` asks for them.
 */
export function calledPaths(sql: string, plain: boolean): readonly (readonly string[])[] {
  // Long texts are mostly data: without such a place they need not be taken apart.
  if (!sql.includes('(') || (!plain && !MAY_CALL.test(sql))) return [];
  const tokens = tokenize(sql);
  const found = new Map<string, readonly string[]>();
  for (let i = 0; i < tokens.length; i++) {
    const path: string[] = [];
    const before = tokens[i - 1];
    // Dashes are no part of a function's name, other than of a table's.
    for (let name = nameOf(tokens[i]); name !== undefined; name = nameOf(tokens[i])) {
      path.push(name);
      if (!isSymbol(tokens[i + 1], '.')) break;
      i += 2;
    }
    if (path.length === 0 || !isSymbol(tokens[i + 1], '(')) continue;
    if (before?.kind === 'word' && NO_CALL.has(before.upper)) continue;
    const called = path.length > 1 && path[0]!.toUpperCase() === 'SAFE' ? path.slice(1) : path;
    found.set(JSON.stringify(called), called);
  }
  return [...found.values()];
}

function nameOf(token: Token | undefined): string | undefined {
  if (token?.kind === 'word') return token.text;
  return token?.kind === 'quoted' ? token.text.slice(1, -1).replaceAll(/\\([\s\S])/g, '$1') : undefined;
}

function isSymbol(token: Token | undefined, symbol: string): boolean {
  return token?.kind === 'symbol' && token.text === symbol;
}
