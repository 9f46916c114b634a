// JSON functions. A JSON path must be a constant. From a STRING, JSON null becomes SQL NULL and text that is no
// JSON gives NULL; from a JSON value, JSON null stays JSON.
// Source: "JSON functions" and "JSONPath" of the GoogleSQL reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { quoteText } from '../values/literal.ts';
import { argument, bind, constantText, kindOf, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { dateText } from './date-construction.ts';
import { jsonText } from './json-text.ts';
import { unsupportedFunction } from './unsupported.ts';

/** GoogleSQL's path (`$.a['b c'][0]`, `$."b c"`) in DuckDB's form. */
function duckdbPath(path: string): string {
  const bad = (): never => {
    throw new BigQueryError('invalidQuery', `Invalid token in JSONPath at: ${path}`);
  };
  if (!path.startsWith('$')) throw new BigQueryError('invalidQuery', "JSONPath must start with '$'");
  const step =
    /\.([A-Za-z0-9_\u0080-\uffff-]+)|\."((?:[^"\\]|\\.)*)"|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\[\s*(\d+)\s*\]/y;
  let result = '$';
  step.lastIndex = 1;
  while (step.lastIndex < path.length) {
    const match = step.exec(path) ?? bad();
    const key = match[1] ?? match[2] ?? match[3] ?? match[4];
    if (key !== undefined && key.includes('"')) throw unsupportedFunction('a JSONPath with a quote in a key');
    result += key === undefined ? `[${match[5]}]` : `."${key.replaceAll(/\\(.)/g, '$1')}"`;
  }
  return result;
}

function path(call: Call): string {
  if (call.args.length < 2) return quoteText('$');
  const text = constantText(call, 1);
  if (text === undefined) throw unsupportedFunction(`${call.name} with a JSONPath that is not constant`);
  return quoteText(duckdbPath(text));
}

/** Runs a template over valid JSON. Of text that is none, GoogleSQL still gives what comes complete before the fault. */
function overJson(call: Call, make: (json: string, path: string) => string): string {
  const kind = kindOf(call);
  if (kind !== 'STRING' && kind !== 'JSON') throw unsupportedFunction(`${call.name} (${kind})`);
  const at = path(call);
  return bind([argument(call, 0).sql], (x) =>
    kind === 'JSON'
      ? `(${make(x, at)})`
      : `(CASE WHEN json_valid(${x}) THEN ${make(x, at)} WHEN ${x} IS NOT NULL THEN ${bind([`bq_json_find(${x}, ${at})`], (found) => make(found, "'$'"))} END)`,
  );
}

/** A part of a JSON value. DuckDB would write numbers with an exponent anew. `path` is SQL. */
function extracted(x: string, path: string): string {
  return `CASE WHEN regexp_matches(CAST(${x} AS VARCHAR), '[0-9][eE]') THEN CAST(bq_json_query(CAST(${x} AS VARCHAR), ${path}) AS JSON) ELSE json_extract(${x}, ${path}) END`;
}

/** DuckDB writes numbers with a point or exponent anew; GoogleSQL leaves those of a text as they are. */
const query: ScalarFunction = (call) =>
  overJson(call, (x, at) => {
    const value = `json_extract(${x}, ${at})`;
    if (kindOf(call) === 'JSON') return extracted(x, at);
    return `CASE WHEN json_type(${x}, ${at}) <> 'NULL' THEN CASE WHEN regexp_matches(${x}, '[0-9][.eE]') THEN bq_json_query(${x}, ${at}) ELSE CAST(${value} AS VARCHAR) END END`;
  });

const value: ScalarFunction = (call) =>
  overJson(
    call,
    (x, at) =>
      `CASE json_type(${x}, ${at}) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL WHEN 'DOUBLE' THEN bq_json_number(${x}, ${at}) ELSE json_extract_string(${x}, ${at}) END`,
  );

function items(x: string, at: string): string {
  return `json_extract(${x}, ${at.slice(0, -1)}[*]')`;
}

const queryArray: ScalarFunction = (call) =>
  overJson(call, (x, at) => {
    const list =
      kindOf(call) === 'JSON' ? items(x, at) : `list_transform(${items(x, at)}, lambda bq_e: CAST(bq_e AS VARCHAR))`;
    return `CASE WHEN json_type(${x}, ${at}) = 'ARRAY' THEN ${list} END`;
  });

const valueArray: ScalarFunction = (call) =>
  overJson(call, (x, at) => {
    const list = items(x, at);
    const nested = `list_contains(list_transform(${list}, lambda bq_e: json_type(bq_e) IN ('OBJECT', 'ARRAY')), true)`;
    return `CASE WHEN json_type(${x}, ${at}) = 'ARRAY' AND NOT ${nested} THEN list_transform(${list}, lambda bq_e: CASE WHEN json_type(bq_e) <> 'NULL' THEN json_extract_string(bq_e, '$') END) END`;
  });

/** `json[0]`, `json['key']`, `json.key`: NULL where there is nothing. */
const subscript: ScalarFunction = (call) => {
  if (kindOf(call, 1) === 'INT64')
    return template(
      2,
      (x, i) => `CASE WHEN ${i} >= 0 AND json_type(${x}) = 'ARRAY' THEN ${extracted(x, `'$[' || ${i} || ']'`)} END`,
    )(call);
  return template(
    2,
    (x, key) =>
      `CASE WHEN contains(${key}, '"') THEN ${raise("'A JSON key with a quote is not supported by the local BigQuery'")} WHEN json_type(${x}) = 'OBJECT' THEN ${extracted(x, `'$."' || ${key} || '"'`)} END`,
  )(call);
};

/** INT64(json) and its kin: an error for any other kind of JSON value. */
function unwrap(test: string, result: (x: string) => string, wanted: string): ScalarFunction {
  return (call) => {
    // The second argument of FLOAT64 says how to round wide numbers; `round` is the default.
    if (kindOf(call) !== 'JSON' || (call.args.length > 1 && constantText(call, 1) !== 'round'))
      throw unsupportedFunction(call.name);
    return template(
      1,
      (x) =>
        `CASE WHEN ${x} IS NULL THEN NULL WHEN ${test.replaceAll('?', x)} THEN ${result(x)} ELSE ${raise(`'The provided JSON input is not ${wanted}'`)} END`,
    )({ ...call, args: call.args.slice(0, 1) });
  };
}

const jsonString = unwrap("json_type(?) = 'VARCHAR'", (x) => `json_extract_string(${x}, '$')`, 'a string');

const toJson =
  (name: string, wideNumbersAsText: boolean): ScalarFunction =>
  (call) => {
    const flag = call.args[1]?.constant?.value;
    if (call.args.length > 1 && flag !== false) throw unsupportedFunction(`${name} with this second argument`);
    const text = jsonText(argument(call, 0).sql, argument(call, 0).type, { wideNumbersAsText });
    return wideNumbersAsText ? text : `CAST(bq_parse_json(${text}, 'exact') AS JSON)`;
  };

const parseJson: ScalarFunction = (call) => {
  const mode = call.args.length > 1 ? constantText(call, 1) : 'exact';
  if (mode !== 'exact' && mode !== 'round') throw unsupportedFunction('PARSE_JSON with this wide_number_mode');
  return `CAST(bq_parse_json(${sqls(call)[0]}, '${mode}') AS JSON)`;
};

const jsonOf = (call: Call, index: number): string =>
  jsonText(argument(call, index).sql, argument(call, index).type, { wideNumbersAsText: false });

const jsonArray: ScalarFunction = (call) => {
  const parts = call.args.map((_, i) => jsonOf(call, i));
  return `CAST(bq_parse_json(concat('[', ${parts.length === 0 ? "''" : parts.join(", ',', ")}, ']'), 'exact') AS JSON)`;
};

const jsonObject: ScalarFunction = (call) => {
  if (kindOfFirst(call) === 'ARRAY') throw unsupportedFunction('JSON_OBJECT of arrays');
  const parts: string[] = [];
  for (let i = 0; i + 1 < call.args.length; i += 2) parts.push(`${jsonOf(call, i)}, ':', ${jsonOf(call, i + 1)}`);
  return `CAST(bq_parse_json(concat('{', ${parts.length === 0 ? "''" : parts.join(", ',', ")}, '}'), 'exact') AS JSON)`;
};

function kindOfFirst(call: Call): string | undefined {
  return call.args[0]?.type.kind;
}

export const jsonFunctions: Readonly<Record<string, ScalarFunction>> = {
  json_query: query,
  json_extract: query,
  json_value: value,
  json_extract_scalar: value,
  json_query_array: queryArray,
  json_extract_array: queryArray,
  json_value_array: valueArray,
  json_extract_string_array: valueArray,
  json_type: template(
    1,
    (x) =>
      `CASE json_type(${x}) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' WHEN NULL THEN NULL ELSE CASE WHEN ${x} IS NOT NULL THEN 'number' END END`,
  ),
  $subscript: subscript,
  $json_field: subscript,
  parse_json: parseJson,
  to_json: toJson('TO_JSON', false),
  to_json_string: toJson('TO_JSON_STRING', true),
  json_array: jsonArray,
  json_object: jsonObject,
  int64: unwrap(
    // AND and OR do not keep DuckDB from casting what is no number.
    "(json_type(?) IN ('BIGINT', 'UBIGINT') AND TRY_CAST(TRY_CAST(? AS DECIMAL(38,0)) AS BIGINT) IS NOT NULL) OR (json_type(?) = 'DOUBLE' AND TRY_CAST(? AS DOUBLE) = trunc(TRY_CAST(? AS DOUBLE)) AND abs(TRY_CAST(? AS DOUBLE)) < 9.2e18)",
    (x) => `CAST(CAST(${x} AS DECIMAL(38,0)) AS BIGINT)`,
    'an integer',
  ),
  float64: unwrap(
    "json_type(?) IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')",
    (x) => `CAST(${x} AS DOUBLE)`,
    'a number',
  ),
  bool: unwrap("json_type(?) = 'BOOLEAN'", (x) => `CAST(${x} AS BOOLEAN)`, 'a boolean'),
  string: (call) => (kindOf(call) === 'JSON' ? jsonString(call) : dateText(call)),
};
