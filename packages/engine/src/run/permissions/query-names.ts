// The tables that the text of a query names, for when BigQuery refuses to analyse it. Knows
// the lexical structure and the FROM clause only; what it gives is then asked of BigQuery
// one by one. Source: "Query syntax" and "Lexical structure and syntax", GoogleSQL.
import { withoutStringsAndComments } from '../../model/statement.ts';
import type { TableRef } from '../../source/source.ts';

/** Names beyond this many are left out; BigQuery itself allows 1,000 tables in one query. */
export const MOST_NAMES = 100;

const PART = '(?:`[^`]+`|[A-Za-z_][\\w-]*)';
const TOKEN = new RegExp(`${PART}(?:\\s*\\.\\s*(?:\`[^\`]+\`|[\\w*-]+))*|[(),]`, 'g');
const ENDS_FROM = new Set(
  'WHERE GROUP ORDER HAVING LIMIT WINDOW QUALIFY UNION EXCEPT INTERSECT SELECT ON USING'.split(' '),
);
const STARTS_QUERY = new Set(['SELECT', 'WITH', 'FROM']);
const STARTS_TABLE = new Set(['FROM', 'JOIN']);
/** Words that may stand after a table and are no alias of it. */
const NO_ALIAS = new Set([
  ...ENDS_FROM,
  ...STARTS_TABLE,
  ...'INNER LEFT RIGHT FULL CROSS OUTER NATURAL PIVOT UNPIVOT TABLESAMPLE FOR WITH AS'.split(' '),
]);

type Frame = { inFrom: boolean; readonly isExtract: boolean };

/** Tables by name, each once, in the order of the text; names without a project are of `defaultProject`. */
export function namedTables(sql: string, defaultProject: string): TableRef[] {
  const tokens = withoutStringsAndComments(sql).match(TOKEN) ?? [];
  const aliases = new Set<string>();
  const paths: string[][] = [];
  const frames: Frame[] = [{ inFrom: false, isExtract: false }];
  let expected = false;
  tokens.forEach((token, index) => {
    const frame = frames.at(-1) as Frame;
    const word = token.toUpperCase();
    const before = (tokens[index - 1] ?? '').toUpperCase();
    if (token === '(') {
      // A join may stand in parentheses where a table may.
      const isJoin = expected && !STARTS_QUERY.has((tokens[index + 1] ?? '').toUpperCase());
      frames.push({ inFrom: isJoin, isExtract: before === 'EXTRACT' });
      expected = isJoin;
    } else if (token === ')') {
      if (frames.length > 1) frames.pop();
      expected = false;
    } else if (token === ',') {
      expected = frame.inFrom;
    } else if (STARTS_TABLE.has(word)) {
      // `a IS DISTINCT FROM b` and `EXTRACT(DAY FROM t)` are expressions.
      expected = before !== 'DISTINCT' && !frame.isExtract;
      frame.inFrom ||= expected;
    } else if (ENDS_FROM.has(word)) {
      // A comma after a join's condition goes on with the FROM clause; one within it is in parentheses.
      if (word !== 'ON' && word !== 'USING') frame.inFrom = false;
      expected = false;
    } else if (expected) {
      expected = false;
      const after = tokens[index + 1] ?? '';
      if (word === 'UNNEST' || after === '(') return;
      const path = partsOf(token);
      paths.push(path);
      aliases.add(path.at(-1) ?? '');
      const alias = after.toUpperCase() === 'AS' ? (tokens[index + 2] ?? '') : after;
      if (!NO_ALIAS.has(alias.toUpperCase()) && /^[\w`]/.test(alias)) aliases.add(partsOf(alias)[0] ?? '');
    } else if (before === 'AS' || before === ')') {
      // The alias of a subquery, whose columns may be arrays in the FROM clause.
      if (!NO_ALIAS.has(word)) aliases.add(partsOf(token)[0] ?? '');
    }
  });
  const found = new Map<string, TableRef>();
  for (const path of paths) {
    // `orders.items` after `FROM shop.orders` is an array of the table before it.
    if (path.length === 2 && aliases.has(path[0] ?? '')) continue;
    const ref = tableRef(path, defaultProject);
    if (ref !== undefined) found.set(tableName(ref), ref);
    if (found.size >= MOST_NAMES) break;
  }
  return [...found.values()];
}

export function tableName({ projectId, datasetId, tableId }: TableRef): string {
  return `${projectId}.${datasetId}.${tableId}`;
}

function partsOf(token: string): string[] {
  return token
    .split(/`([^`]*)`|\s*\.\s*/)
    .flatMap((part) => (part === undefined || part === '' ? [] : part.split('.')));
}

/** Undefined for a name without a dataset (a common table expression), INFORMATION_SCHEMA, and what cannot be a name. */
function tableRef(path: readonly string[], defaultProject: string): TableRef | undefined {
  const [tableId = '', datasetId = '', ...rest] = path.toReversed();
  // A project of a domain is written `example.com:project`; its name may hold a dot.
  const projectId = rest.length === 0 ? defaultProject : rest.toReversed().join('.');
  const isName =
    /^[\w.:-]+$/.test(projectId) && /^\w+$/.test(datasetId) && /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}*]+$/u.test(tableId);
  if (!isName || path.some((part) => part.toUpperCase() === 'INFORMATION_SCHEMA')) return undefined;
  return { projectId, datasetId, tableId };
}
