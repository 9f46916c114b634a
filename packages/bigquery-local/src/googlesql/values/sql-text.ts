// Small pieces of DuckDB SQL that casts and functions are built from.
/**
 * SQL that fails with this message, itself SQL of type VARCHAR. The lambda hides that
 * `error` is volatile, which TRY would refuse. Of DuckDB's type NULL, so it fits every CASE.
 */
export function raise(message: string): string {
  return `list_transform([${message}], lambda bq_m: error(bq_m))[1]`;
}

/** Names and short constants: may be repeated at no cost. */
const SIMPLE =
  /^(?:[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)*|(?:[A-Za-z_]\w*\.)?"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")*|-?\d+(?:\.\d+)?|'(?:[^']|'')*'|CAST\((?:NULL|'[^']{0,40}') AS [\w ]+(?:\(\d+,\d+\))?(?:\[\])?\)|make_timestamptz\(CAST\('-?\d+' AS BIGINT\)\)|true|false)$/;

function isSimple(sql: string): boolean {
  let inner = sql;
  // A field of a simple struct is simple too.
  for (let match = STRUCT_FIELD.exec(inner); match !== null; match = STRUCT_FIELD.exec(inner)) inner = match[1]!;
  return inner.length < 200 && SIMPLE.test(inner);
}

const STRUCT_FIELD = /^struct_extract\((.*), 'f\d+'\)$/s;

/** Field `index` of a struct. */
export function fieldSql(struct: string, index: number): string {
  return `struct_extract(${struct}, 'f${index}')`;
}

/** The fields' SQL of `struct_pack(f0 := a, f1 := b)`; undefined for any other SQL. */
export function packedFields(sql: string): string[] | undefined {
  if (!sql.startsWith('struct_pack(')) return undefined;
  const fields: string[] = [];
  let depth = 0;
  let start = 'struct_pack('.length;
  for (let i = start - 1; i < sql.length; i++) {
    const c = sql[i]!;
    if (c === "'" || c === '"') {
      // A doubled quote closes and opens again, which comes to the same.
      i = sql.indexOf(c, i + 1);
      if (i < 0) return undefined;
    } else if (c === '(' || c === '[' || c === '{') depth++;
    else if (c === ')' || c === ']' || c === '}') {
      depth--;
      if (depth === 0) {
        if (i !== sql.length - 1) return undefined;
        fields.push(sql.slice(start, i));
      }
    } else if (c === ',' && depth === 1) {
      fields.push(sql.slice(start, i));
      start = i + 1;
    }
  }
  const values = fields.map((field, i) => {
    const match = /^\s*f(\d+) := (.*)$/s.exec(field);
    return match !== null && Number(match[1]) === i ? match[2]! : undefined;
  });
  return values.every((value) => value !== undefined) ? values : undefined;
}

/**
 * Lets a template use each argument any number of times: an expression that is not just a
 * name or constant is evaluated once, by way of a one-element list.
 */
export function bind(args: readonly string[], template: (...names: string[]) => string): string {
  const dear = args.map((sql) => !isSimple(sql));
  const count = dear.filter(Boolean).length;
  if (count === 0) return template(...args);
  let depth = 0;
  for (const sql of args)
    for (const match of sql.matchAll(/\bbq_v(\d+)\b/g)) depth = Math.max(depth, Number(match[1]) + 1);
  const name = `bq_v${depth}`;
  if (count === 1) {
    const body = template(...args.map((sql, i) => (dear[i] ? name : sql)));
    return `list_transform([${args[dear.indexOf(true)]}], lambda ${name}: ${body})[1]`;
  }
  const packed = args.flatMap((sql, i) => (dear[i] ? [`p${i} := ${sql}`] : [])).join(', ');
  const body = template(...args.map((sql, i) => (dear[i] ? `${name}.p${i}` : sql)));
  return `list_transform([struct_pack(${packed})], lambda ${name}: ${body})[1]`;
}

/**
 * SQL that is NULL where `sql` fails. The lambda hides TRY from DuckDB's elimination of common subexpressions,
 * which would evaluate parts of it that the query has elsewhere too outside of TRY.
 */
export function tried(sql: string): string {
  return `list_transform([1], lambda bq_t: TRY(${sql}))[1]`;
}

/** GoogleSQL's text of a FLOAT64: 15 digits if they read back as the same number, else 17; no minus before a zero. `x` must be simple. */
export function floatTextSql(x: string): string {
  return `CASE WHEN ${x} = 0 THEN '0' WHEN isfinite(${x}) AND CAST(format('{:.15g}', ${x}) AS DOUBLE) <> ${x} THEN format('{:.17g}', ${x}) ELSE format('{:.15g}', ${x}) END`;
}

/** NUMERIC as text without trailing zeros. */
export function numericTextSql(x: string): string {
  return `rtrim(rtrim(CAST(${x} AS VARCHAR), '0'), '.')`;
}

/**
 * GoogleSQL's text of a TIME (`HH:MM:SS`) or DATETIME (`YYYY-MM-DD HH:MM:SS`), with 0, 3 or 6 digits of a fraction.
 * `x` must be simple; `length` is that of the text without a fraction.
 */
export function clockTextSql(x: string, length: 8 | 19, separator: ' ' | 'T' = ' '): string {
  return clockText(x, `extract('microseconds' FROM ${x})`, length, separator);
}

/** The same for a TIMESTAMP in UTC, without a zone. It keeps clear of DuckDB's own cast, which is many times slower. */
export function momentTextSql(x: string, separator: ' ' | 'T' = ' '): string {
  return clockText(`make_timestamp(epoch_us(${x}))`, `epoch_us(${x})`, 19, separator);
}

/** DuckDB writes only the digits of a fraction that are not zero. */
function clockText(x: string, micros: string, length: number, separator: ' ' | 'T'): string {
  const plain = `CAST(${x} AS VARCHAR)`;
  const text = separator === ' ' ? plain : `replace(${plain}, ' ', '${separator}')`;
  return `CASE WHEN ${micros} % 1000000 = 0 THEN ${text} WHEN ${micros} % 1000 = 0 THEN rpad(${text}, ${length + 4}, '0') ELSE rpad(${text}, ${length + 7}, '0') END`;
}

/** GoogleSQL's text of an INTERVAL, `Y-M D H:M:S[.F]`: a sign for each of the three parts, 0, 3 or 6 digits of a fraction. */
export function intervalTextSql(x: string): string {
  return bind(
    [intervalMonthsSql(x), intervalDaysSql(x), intervalMicrosSql(x)],
    (months, days, micros) =>
      `(${sign(months)} || (abs(${months}) // 12) || '-' || (abs(${months}) % 12) || ' ' || ${days} || ' ' || ${sign(micros)} || (abs(${micros}) // 3600000000) || ':' || (abs(${micros}) // 60000000 % 60) || ':' || (abs(${micros}) // 1000000 % 60) || CASE WHEN ${micros} % 1000000 = 0 THEN '' WHEN ${micros} % 1000 = 0 THEN format('.{:03d}', abs(${micros}) % 1000000 // 1000) ELSE format('.{:06d}', abs(${micros}) % 1000000) END)`,
  );
}

function sign(x: string): string {
  return `CASE WHEN ${x} < 0 THEN '-' ELSE '' END`;
}

/** The three parts of an INTERVAL, signed. `x` may be used twice, so it must be cheap. */
export function intervalMonthsSql(x: string): string {
  return `(datepart('year', ${x}) * 12 + datepart('month', ${x}))`;
}

export function intervalDaysSql(x: string): string {
  return `datepart('day', ${x})`;
}

export function intervalMicrosSql(x: string): string {
  return `(datepart('hour', ${x}) * 3600000000 + datepart('minute', ${x}) * 60000000 + datepart('microsecond', ${x}))`;
}
