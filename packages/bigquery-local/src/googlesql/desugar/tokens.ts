// GoogleSQL's text as tokens with their places, for what has to be known or rewritten before
// the analyser sees it. Comments and white space are no tokens. Follows "Lexical structure".
export type Token = {
  /** `word` holds keywords and bare identifiers; `quoted` an identifier in back quotes. */
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
  /** As written. */
  readonly text: string;
  /** The text in capitals for a word, otherwise as written. */
  readonly upper: string;
  /** Offsets in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
};

const PATTERN = new RegExp(
  [
    '(?<space>\\s+|--[^\\n]*|#[^\\n]*|/\\*[\\s\\S]*?\\*/)',
    '(?<string>(?:[rR][bB]?|[bB][rR]?)?(?:"""(?:\\\\[\\s\\S]|[\\s\\S])*?"""|\'\'\'(?:\\\\[\\s\\S]|[\\s\\S])*?\'\'\'|"(?:\\\\[\\s\\S]|[^"\\\\\\n])*"|\'(?:\\\\[\\s\\S]|[^\'\\\\\\n])*\'))',
    '(?<quoted>`(?:\\\\[\\s\\S]|[^`\\\\\\n])*`)',
    '(?<parameter>@@?[A-Za-z_][A-Za-z0-9_]*|\\?)',
    '(?<word>[A-Za-z_\\u0080-\\uffff][A-Za-z0-9_\\u0080-\\uffff]*)',
    '(?<number>0[xX][0-9a-fA-F]+|(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?)',
    '(?<symbol>\\|>|\\|\\||<=|>=|<>|!=|<<|>>|=>|->|[\\s\\S])',
  ].join('|'),
  'y',
);

/** Never throws: what is no token of GoogleSQL comes as a symbol, for the analyser to complain about. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(PATTERN);
  while (pattern.lastIndex < sql.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(sql);
    if (match === null) break;
    const { space, string, quoted, parameter, word, number } = match.groups ?? {};
    if (space !== undefined) continue;
    const text = match[0];
    const kind =
      string !== undefined
        ? 'string'
        : quoted !== undefined
          ? 'quoted'
          : parameter !== undefined
            ? 'parameter'
            : word !== undefined
              ? 'word'
              : number !== undefined
                ? 'number'
                : 'symbol';
    tokens.push({ kind, text, upper: kind === 'word' ? text.toUpperCase() : text, start, end: pattern.lastIndex });
  }
  return tokens;
}

/** Whether the tokens from `at` on are these words or symbols, in order. */
export function follows(tokens: readonly Token[], at: number, ...expected: readonly string[]): boolean {
  return expected.every((text, i) => {
    const token = tokens[at + i];
    return token !== undefined && (token.kind === 'word' || token.kind === 'symbol') && token.upper === text;
  });
}

/** The path that begins at `at` (`a.b`, `` `a.b`.c ``, `my-project.d.t`), each part without its back quotes, and the index behind it. */
export function pathAt(
  tokens: readonly Token[],
  at: number,
): { readonly path: readonly string[]; readonly end: number } | undefined {
  const path: string[] = [];
  let i = at;
  for (;;) {
    const token = tokens[i];
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'quoted')) return undefined;
    let part = token.kind === 'quoted' ? unquoted(token.text) : token.text;
    i += 1;
    // Dashes need no back quotes in the first part of a path: my-project.dataset.table.
    while (path.length === 0 && token.kind === 'word' && touching(tokens, i, '-') && tokens[i + 1] !== undefined) {
      const next = tokens[i + 1]!;
      if (next.start !== tokens[i]!.end || (next.kind !== 'word' && next.kind !== 'number')) break;
      // `1.d` of `p-1.d` is read as a number up to the dot.
      const digits = next.kind === 'number' && next.text.endsWith('.') ? next.text.slice(0, -1) : next.text;
      part += `-${digits}`;
      i += 2;
      if (digits !== next.text) {
        path.push(part);
        part = '';
        break;
      }
    }
    if (part === '') continue;
    path.push(part);
    if (!touching(tokens, i, '.')) return { path, end: i };
    i += 1;
  }
}

function touching(tokens: readonly Token[], i: number, symbol: string): boolean {
  const token = tokens[i];
  return token?.kind === 'symbol' && token.text === symbol;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replaceAll(/\\([\s\S])/g, '$1');
}

/** `1:15`, as an error gives the place of an offset: lines and characters count from 1. */
export function placeOf(sql: string, offset: number): string {
  const lines = sql.slice(0, offset).split('\n');
  return `${lines.length}:${Array.from(lines.at(-1)!).length + 1}`;
}
