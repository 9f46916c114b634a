// The JSON text of a page's rows, made by DuckDB: a row costs JavaScript a part of one text
// and not one value per column. Each expression writes exactly what `encodeChunk` would.
import type { GType } from '../googlesql/types.ts';
import type { EncodeOptions } from '../googlesql/values/encode.ts';

/** SQL of the text of a row, `{"f":[{"v":…},…]}`; undefined when a column has a type that only JavaScript writes. */
export function rowTextSql(
  columns: readonly { readonly sql: string; readonly type: GType }[],
  options: EncodeOptions,
): string | undefined {
  const cells = columns.map(({ sql, type }) => cellSql(sql, type, options, 0));
  return cells.every((cell) => cell !== undefined) ? recordSql(cells) : undefined;
}

function recordSql(cells: readonly string[]): string {
  return cells.length === 0 ? `'{"f":[]}'` : `'{"f":[' || ${cells.join(` || ',' || `)} || ']}'`;
}

function cellSql(sql: string, type: GType, options: EncodeOptions, depth: number): string | undefined {
  const value = valueSql(sql, type, options, depth);
  // A NULL array is an empty one in BigQuery's answers.
  return value === undefined
    ? undefined
    : `coalesce('{"v":' || ${value} || '}', '${type.kind === 'ARRAY' ? '{"v":[]}' : '{"v":null}'}')`;
}

/** SQL of the value's JSON text, NULL for NULL. */
function valueSql(sql: string, type: GType, options: EncodeOptions, depth: number): string | undefined {
  const quoted = (text: string): string => `'"' || ${text} || '"'`;
  const varchar = `CAST(${sql} AS VARCHAR)`;
  switch (type.kind) {
    case 'INT64':
    case 'BOOL':
      return quoted(varchar);
    case 'FLOAT64':
      return quoted(floatSql(sql));
    case 'STRING':
      return `CAST(to_json(${sql}) AS VARCHAR)`;
    case 'JSON':
      return `CAST(to_json(${varchar}) AS VARCHAR)`;
    case 'BYTES':
      return quoted(`to_base64(${sql})`);
    case 'DATE':
      return quoted(`strftime(${sql}, '%Y-%m-%d')`);
    case 'DATETIME': {
      const text = (format: string): string => `strftime(${sql}, '%Y-%m-%dT%H:%M:%S${format}')`;
      return quoted(`CASE WHEN epoch_us(${sql}) % 1000000 = 0 THEN ${text('')} ELSE ${text('.%f')} END`);
    }
    case 'TIME':
      return quoted(`CASE WHEN length(${varchar}) > 8 THEN rpad(${varchar}, 15, '0') ELSE ${varchar} END`);
    case 'NUMERIC':
      return quoted(`rtrim(rtrim(${varchar}, '0'), '.')`);
    case 'TIMESTAMP':
      return quoted(options.useInt64Timestamp ? `CAST(epoch_us(${sql}) AS VARCHAR)` : secondsSql(`epoch_us(${sql})`));
    case 'ARRAY': {
      const item = `item${depth}`;
      const cell = cellSql(item, type.element, options, depth + 1);
      return cell === undefined
        ? undefined
        : `'[' || array_to_string(list_transform(${sql}, lambda ${item}: ${cell}), ',') || ']'`;
    }
    case 'STRUCT': {
      const cells = type.fields.map((field, i) =>
        cellSql(`struct_extract(${sql}, 'f${i}')`, field.type, options, depth),
      );
      return cells.every((cell) => cell !== undefined)
        ? `CASE WHEN ${sql} IS NULL THEN NULL ELSE ${recordSql(cells)} END`
        : undefined;
    }
    default:
      return undefined;
  }
}

/** As `timestampSecondsText`. */
function secondsSql(micros: string): string {
  const digits = `CAST(abs(${micros}) AS VARCHAR)`;
  const exponent = `(length(${digits}) - 7)`;
  const whole = `left(${digits}, ${exponent} + 1) || '.' || ${fractionSql(digits, `${exponent} + 2`)}`;
  const small = `'0.' || repeat('0', -${exponent} - 1) || rtrim(${digits}, '0')`;
  const text = `CASE WHEN ${exponent} BETWEEN 0 AND 6 THEN ${whole} WHEN ${exponent} BETWEEN -3 AND -1 THEN ${small} ELSE ${scientificSql(digits, exponent)} END`;
  // Of the years 2001 to 2286 all have 16 digits: the others' cases are long.
  const plain = `CAST(${micros} AS VARCHAR)`;
  const usual = `left(${plain}, 1) || '.' || ${fractionSql(plain, '2')} || 'E9'`;
  return `CASE WHEN ${micros} BETWEEN 1000000000000000 AND 9999999999999999 THEN ${usual} WHEN ${micros} = 0 THEN '0.0' ELSE ${signSql(micros)} || ${text} END`;
}

/** As `floatText`. DuckDB writes the shortest digits too, but another exponent, and from other sizes on. */
function floatSql(sql: string): string {
  const text = `CAST(abs(${sql}) AS VARCHAR)`;
  const mantissa = `split_part(${text}, 'e', 1)`;
  const exponential = `${mantissa} || CASE WHEN contains(${mantissa}, '.') THEN '' ELSE '.0' END || 'E' || CAST(split_part(${text}, 'e', 2) AS INTEGER)`;
  const large = scientificSql(`replace(${text}, '.', '')`, `(strpos(${text}, '.') - 2)`);
  // 0.000125: the digits after the zeros, and how many zeros there were.
  const tail = `ltrim(substr(${text}, 3), '0')`;
  const small = scientificSql(tail, `(length(${tail}) - length(${text}) + 1)`);
  return `CASE WHEN ${sql} >= 1e-3 AND ${sql} < 1e7 THEN CAST(${sql} AS VARCHAR) WHEN isnan(${sql}) THEN 'NaN' WHEN isinf(${sql}) THEN ${signSql(sql)} || 'Infinity' WHEN ${sql} = 0 OR abs(${sql}) BETWEEN 1e-3 AND 9999999.999999998 THEN CAST(${sql} AS VARCHAR) ELSE ${signSql(sql)} || CASE WHEN contains(${text}, 'e') THEN ${exponential} WHEN abs(${sql}) >= 1 THEN ${large} ELSE ${small} END END`;
}

function scientificSql(digits: string, exponent: string): string {
  return `left(${digits}, 1) || '.' || ${fractionSql(digits, '2')} || 'E' || ${exponent}`;
}

/** The digits from a position on, without zeros at the end. */
function fractionSql(digits: string, from: string): string {
  return `coalesce(nullif(rtrim(substr(${digits}, ${from}), '0'), ''), '0')`;
}

function signSql(sql: string): string {
  return `CASE WHEN ${sql} < 0 THEN '-' ELSE '' END`;
}
