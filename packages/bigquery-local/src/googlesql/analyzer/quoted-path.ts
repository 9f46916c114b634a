// BigQuery takes the dots inside a back-quoted table name for separators, so that
// FROM `p.d.t` gives the alias t; ZetaSQL takes the whole for one name. The first back quote
// is moved to the last part (p.d.`t`): the text keeps its length, and errors their places.

const TOKEN =
  /--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|(?:[rb]{1,2})?(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*')|`(?:\\[\s\S]|[^`\\\n])*`/gi;

const PROJECT = /^[a-z_][a-z0-9_-]*$/i;
const DATASET = /^[a-z_][a-z0-9_]*$/i;

/** Reserved words cannot stand bare as the first part. */
const RESERVED = new Set(
  'all and any array as asc assert_rows_modified at between by case cast collate contains create cross cube current default define desc distinct else end enum escape except exclude exists extract false fetch following for from full group grouping groups hash having if ignore in inner intersect interval into is join lateral left like limit lookup merge natural new no not null nulls of on or order outer over partition preceding proto qualify range recursive respect right rollup rows select set some struct tablesample then to treat true unbounded union unnest using when where window with within'.split(
    ' ',
  ),
);

/** The parts of a quoted table name that may be taken apart in place; undefined for any other. */
export function splittable(path: readonly string[]): readonly string[] | undefined {
  if (path.length !== 1) return undefined;
  const parts = path[0]!.split('.');
  const [first, second] = parts;
  if (parts.length < 2 || parts.length > 3 || parts.includes('') || RESERVED.has(first!.toLowerCase()))
    return undefined;
  const valid = parts.length === 3 ? PROJECT.test(first!) && DATASET.test(second!) : DATASET.test(first!);
  return valid ? parts : undefined;
}

/** The text with the given quoted names taken apart. */
export function splitQuotedPaths(sql: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return sql;
  return sql.replaceAll(TOKEN, (token) => {
    if (!token.startsWith('`') || !names.has(token.slice(1, -1))) return token;
    const dot = token.lastIndexOf('.');
    return `${token.slice(1, dot + 1)}\`${token.slice(dot + 1)}`;
  });
}
