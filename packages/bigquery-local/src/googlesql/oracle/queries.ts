// Test-only: random GoogleSQL queries over two small literal tables, from expressions that do not fail: which error comes
// first, and whether at all, is left open where rows are filtered and joined.
import fc from 'fast-check';
import { expression, type ExpressionOptions, type Kind } from './expressions.ts';

const TABLES = `WITH t AS (SELECT * FROM UNNEST([STRUCT<a INT64, b STRING, f FLOAT64, d DATE, l ARRAY<INT64>>
 (1, 'x', 1.5, DATE '2020-01-31', [1, 2, 3]), (2, 'y', -0.5, DATE '2020-02-29', []), (3, 'x', CAST('nan' AS FLOAT64), NULL, [7, 7]),
 (NULL, NULL, NULL, DATE '1999-12-31', [4]), (5, 'z', 1e20, DATE '2020-01-31', [5]), (5, 'y', 0.0, DATE '2021-06-15', [1])])),
u AS (SELECT * FROM UNNEST([STRUCT<k INT64, n STRING, q NUMERIC>(1, 'one', NUMERIC '1.5'), (2, 'two', NUMERIC '-2'), (5, 'five', NULL), (NULL, 'none', NUMERIC '0.25'), (9, NULL, NUMERIC '10')]))`;

const T: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  INT64: ['t.a'],
  STRING: ['t.b'],
  FLOAT64: ['t.f'],
  DATE: ['t.d'],
  INTS: ['t.l'],
};
const U: Readonly<Partial<Record<Kind, readonly string[]>>> = { INT64: ['u.k'], STRING: ['u.n'], NUMERIC: ['u.q'] };
const BOTH: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  ...T,
  INT64: ['t.a', 'u.k'],
  STRING: ['t.b', 'u.n'],
  NUMERIC: ['u.q'],
};

type Columns = ExpressionOptions['columns'];

function of(kind: Kind, columns: Columns, depth = 1): fc.Arbitrary<string> {
  return expression(kind, { depth, failing: false, ...(columns === undefined ? {} : { columns }) });
}

const SCALARS: readonly Kind[] = ['INT64', 'FLOAT64', 'STRING', 'BOOL', 'DATE', 'NUMERIC'];

function list(columns: Columns): fc.Arbitrary<string> {
  const item = fc.constantFrom(...SCALARS).chain((kind) => of(kind, columns));
  return fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(', '));
}

const where = (columns: Columns): fc.Arbitrary<string> =>
  fc.option(of('BOOL', columns)).map((condition) => (condition === null ? '' : ` WHERE ${condition}`));

const selection = fc.tuple(list(T), where(T)).map(([items, filter]) => `SELECT ${items} FROM t${filter}`);

const joined = fc
  .tuple(
    list(BOTH),
    fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'),
    fc.option(of('BOOL', BOTH)),
    where(BOTH),
  )
  .map(
    ([items, join, more, filter]) =>
      `SELECT ${items} FROM t ${join} u ON t.a = u.k${more === null ? '' : ` AND ${more}`}${filter}`,
  );

const crossed = fc.tuple(list(BOTH), of('BOOL', BOTH)).map(([items, on]) => `SELECT ${items} FROM t, u WHERE ${on}`);

const AGGREGATES = [
  'COUNT(*)',
  'COUNT({INT64})',
  'COUNT(DISTINCT {STRING})',
  'SUM(SAFE_CAST({STRING} AS INT64))',
  'MIN({INT64})',
  'MAX({STRING})',
  'MIN({FLOAT64})',
  'MAX({DATE})',
  'COUNTIF({BOOL})',
  'LOGICAL_AND({BOOL})',
  'LOGICAL_OR({BOOL})',
  'STRING_AGG({STRING}, "-" ORDER BY t.a, t.f, t.b)',
  'ARRAY_AGG(DISTINCT {INT64} IGNORE NULLS ORDER BY 1 LIMIT 3)',
  'ARRAY_LENGTH(ARRAY_AGG({STRING}))',
  'BIT_OR({INT64})',
  'MAX({NUMERIC})',
];

function aggregate(columns: Columns): fc.Arbitrary<string> {
  return fc.constantFrom(...AGGREGATES).chain((template) => {
    const pieces = template.replace(' ORDER BY 1 LIMIT 3', '').split(/\{([A-Z0-9]+)\}/);
    const kind = pieces[1] as Kind | undefined;
    if (kind === undefined) return fc.constant(template);
    return of(kind, columns).map((sql) => {
      const order = template.includes('ORDER BY 1') ? `${sql} IGNORE NULLS ORDER BY ${sql} LIMIT 3)` : undefined;
      return order === undefined ? `${pieces[0]}${sql}${pieces[2]}` : `${pieces[0]}${order}`;
    });
  });
}

const aggregates = fc.array(aggregate(T), { minLength: 1, maxLength: 3 }).map((items) => items.join(', '));

const grouped = fc
  .tuple(
    fc.constantFrom<Kind>('STRING', 'INT64', 'BOOL', 'DATE', 'FLOAT64').chain((kind) => of(kind, T)),
    aggregates,
    where(T),
    fc.option(aggregate(T)),
  )
  .map(
    ([key, items, filter, having]) =>
      `SELECT key, ${items} FROM (SELECT ${key} AS key, * FROM t${filter}) t GROUP BY key${having === null ? '' : ` HAVING ${having} IS NOT NULL`}`,
  );

const total = fc.tuple(aggregates, where(T)).map(([items, filter]) => `SELECT ${items} FROM t${filter}`);

const WINDOWS = [
  '',
  'PARTITION BY t.b',
  'ORDER BY t.a, t.f',
  'PARTITION BY t.b ORDER BY t.a DESC, t.f',
  'PARTITION BY t.a > 2 ORDER BY t.d, t.f',
  'ORDER BY t.a, t.f ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING',
  'ORDER BY t.a RANGE BETWEEN 2 PRECEDING AND CURRENT ROW',
  'ORDER BY t.a',
];
const WINDOWED = [
  'COUNT(*)',
  'SUM(t.a)',
  'MIN({STRING})',
  'MAX({INT64})',
  'COUNT({FLOAT64})',
  'LOGICAL_OR({BOOL})',
  'AVG(t.a)',
  'COUNTIF({BOOL})',
];
const ORDERED = [
  'RANK()',
  'DENSE_RANK()',
  'CUME_DIST()',
  'PERCENT_RANK()',
  'LAG({STRING})',
  'LEAD({INT64}, 2)',
  'ROW_NUMBER()',
  'NTILE(2)',
];

function filledOne(template: string): fc.Arbitrary<string> {
  const [before = '', kind, after = ''] = template.split(/\{([A-Z0-9]+)\}/);
  return kind === undefined ? fc.constant(template) : of(kind as Kind, T).map((sql) => before + sql + after);
}

const windowed = fc
  .oneof(
    fc.tuple(fc.constantFrom(...WINDOWED).chain(filledOne), fc.constantFrom(...WINDOWS)),
    // A total order: which of equal rows comes first is open.
    fc.tuple(
      fc.constantFrom(...ORDERED).chain(filledOne),
      fc.constantFrom('ORDER BY t.a, t.f', 'PARTITION BY t.b ORDER BY t.a DESC, t.f'),
    ),
  )
  .chain(([call, window]) => where(T).map((filter) => `SELECT t.a, t.f, ${call} OVER (${window}) FROM t${filter}`));

const operand = (table: 't' | 'u'): fc.Arbitrary<string> =>
  fc
    .tuple(of('INT64', table === 't' ? T : U), of('STRING', table === 't' ? T : U), where(table === 't' ? T : U))
    .map(([x, y, filter]) => `SELECT ${x} AS x, ${y} AS y FROM ${table}${filter}`);

const combined = fc
  .tuple(
    operand('t'),
    fc.constantFrom('UNION ALL', 'UNION DISTINCT', 'INTERSECT DISTINCT', 'EXCEPT DISTINCT'),
    operand('u'),
  )
  .map(([left, operator, right]) => `${left} ${operator} ${right}`);

const SUBQUERIES = [
  '(SELECT MAX({U:INT64}) FROM u WHERE {B:BOOL})',
  '(SELECT COUNT(*) FROM u WHERE {B:BOOL})',
  'EXISTS (SELECT 1 FROM u WHERE u.k = t.a AND {B:BOOL})',
  '{T:INT64} IN (SELECT {U:INT64} FROM u)',
  '{T:STRING} NOT IN (SELECT {U:STRING} FROM u WHERE u.n IS NOT NULL)',
  'ARRAY(SELECT u.n FROM u WHERE {B:BOOL} AND u.n IS NOT NULL ORDER BY u.n DESC)',
  '(SELECT SUM(e) FROM UNNEST(t.l) e WHERE e > 1)',
  'ARRAY(SELECT e FROM UNNEST(t.l) e WITH OFFSET o ORDER BY o DESC)',
  '(SELECT STRING_AGG(u.n ORDER BY u.n) FROM u WHERE {B:BOOL})',
  '(SELECT AS STRUCT COUNT(*) AS c, MIN(u.n) AS m FROM u WHERE {B:BOOL}).m',
];

const correlated = fc
  .constantFrom(...SUBQUERIES)
  .chain((template) => {
    const pieces = template.split(/\{([TUB]:[A-Z0-9]+)\}/);
    const args = pieces.flatMap((piece, i) => {
      if (i % 2 === 0) return [];
      const [scope, kind] = piece.split(':');
      return [of(kind as Kind, scope === 'T' ? T : scope === 'U' ? U : BOTH, 1)];
    });
    return fc
      .tuple(...args)
      .map((values) => pieces.map((piece, i) => (i % 2 === 1 ? values[(i - 1) / 2] : piece)).join(''));
  })
  .chain((sub) => where(T).map((filter) => `SELECT t.a, ${sub} FROM t${filter}`));

const unnested = fc
  .tuple(
    list({ ...T, INT64: ['t.a', 'e', 'o'] }),
    fc.constantFrom(', UNNEST(t.l) e WITH OFFSET o', ' LEFT JOIN UNNEST(t.l) e WITH OFFSET o'),
    where({ ...T, INT64: ['t.a', 'e', 'o'] }),
  )
  .map(([items, from, filter]) => `SELECT ${items} FROM t${from}${filter}`);

const ordered = fc
  .tuple(
    list(T),
    fc.constantFrom('t.a', 't.a DESC', 't.f NULLS LAST, t.a', 't.b DESC NULLS FIRST, t.a'),
    fc.integer({ min: 0, max: 4 }),
  )
  // A limit needs an order of all rows.
  .map(
    ([items, order, limit]) =>
      `SELECT ${items} FROM t ORDER BY ${order}, t.a, t.f LIMIT ${limit + 1} OFFSET ${limit % 2}`,
  );

const distinct = fc.tuple(list(T), where(T)).map(([items, filter]) => `SELECT DISTINCT ${items} FROM t${filter}`);

const qualified = fc
  .tuple(list(T), where(T))
  .map(
    ([items, filter]) =>
      `SELECT ${items} FROM t${filter === '' ? ' WHERE TRUE' : filter} QUALIFY ROW_NUMBER() OVER (PARTITION BY t.b ORDER BY t.a, t.f) = 1`,
  );

/** SQL text of a whole query, with its tables. */
export function query(): fc.Arbitrary<string> {
  return fc
    .oneof(
      selection,
      joined,
      crossed,
      grouped,
      total,
      windowed,
      combined,
      correlated,
      unnested,
      ordered,
      distinct,
      qualified,
    )
    .map((sql) => `${TABLES} ${sql}`);
}
