// Finds where a GoogleSQL statement ends, so that a query can be placed inside a common
// table expression. Knows the lexical structure only: strings, quoted names, comments.
// Source: "Lexical structure and syntax", GoogleSQL documentation.

/** Offset of the first semicolon outside strings, names and comments; -1 without one. */
export function firstSemicolon(sql: string): number {
  let at = 0;
  while (at < sql.length) {
    const char = sql[at] as string;
    if (char === ';') return at;
    if (char === '#' || sql.startsWith('--', at)) at = endOf(sql, '\n', at + 1);
    else if (sql.startsWith('/*', at)) at = endOf(sql, '*/', at + 2);
    else if (char === '"' || char === "'" || char === '`') at = endOfQuoted(sql, at);
    else at += 1;
  }
  return -1;
}

/** True when nothing but white space, comments and further semicolons is left. */
export function isBlank(sql: string): boolean {
  return sql.replace(/--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\//g, '').replace(/[\s;]/g, '') === '';
}

/** The SQL text without comments, and with every string emptied; for looking at words only. */
export function withoutStringsAndComments(sql: string): string {
  let out = '';
  let at = 0;
  while (at < sql.length) {
    const char = sql[at] as string;
    if (char === '#' || sql.startsWith('--', at)) at = endOf(sql, '\n', at + 1);
    else if (sql.startsWith('/*', at)) at = endOf(sql, '*/', at + 2);
    else if (char === '"' || char === "'") {
      at = endOfQuoted(sql, at);
      out += "''";
      continue;
    } else if (char === '`') {
      const end = endOfQuoted(sql, at);
      out += sql.slice(at, end);
      at = end;
      continue;
    } else {
      out += char;
      at += 1;
      continue;
    }
    out += ' ';
  }
  return out;
}

function endOf(sql: string, mark: string, from: number): number {
  const found = sql.indexOf(mark, from);
  return found < 0 ? sql.length : found + mark.length;
}

/** A backslash keeps the next character from closing the string, in raw strings too. */
function endOfQuoted(sql: string, start: number): number {
  const quote = sql[start] as string;
  const mark = quote !== '`' && sql.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  let at = start + mark.length;
  while (at < sql.length) {
    if (sql[at] === '\\') at += 2;
    else if (sql.startsWith(mark, at)) return at + mark.length;
    else at += 1;
  }
  return sql.length;
}
