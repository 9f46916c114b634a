// JSON functions. A JSON path must be a constant. From a STRING, JSON null becomes SQL NULL and text that is no
// JSON gives NULL; from a JSON value, JSON null stays JSON.
// Source: "JSON functions" and "JSONPath" of the GoogleSQL reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { quoteText } from '../values/literal.ts';
import { floatTextSql } from '../values/sql-text.ts';
import { argument, bind, constantText, kindOf, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { dateText } from './date-construction.ts';
import { jsonPath, type JsonStep } from './json-path.ts';
import { jsonText } from './json-text.ts';
import { unsupportedFunction } from './unsupported.ts';

/** GoogleSQL's path (`$.a['b c'][0]`, `$."b c"`) in DuckDB's form. */
function duckdbPath(path: string, brackets: boolean): string {
  let steps: JsonStep[];
  try {
    steps = jsonPath(path, brackets);
  } catch (error) {
    throw new BigQueryError('invalidQuery', error instanceof Error ? error.message : String(error), { cause: error });
  }
  return `$${steps
    .map((step) => {
      // No array has such an item; to DuckDB it would be one from the end.
      if (typeof step === 'number') return `[${step < 0 ? 4_294_967_295 : step}]`;
      if (step.includes('"')) throw unsupportedFunction('a JSONPath with a quote in a key');
      return `."${step}"`;
    })
    .join('')}`;
}

function path(call: Call): string {
  if (call.args.length < 2) return quoteText('$');
  const text = constantText(call, 1);
  if (text === undefined) throw unsupportedFunction(`${call.name} with a JSONPath that is not constant`);
  return quoteText(duckdbPath(text, call.name.startsWith('json_extract')));
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
    return `CASE WHEN json_type(${x}, ${at}) <> 'NULL' THEN CASE WHEN regexp_matches(${x}, '[0-9][.eE]|-0') THEN bq_json_query(${x}, ${at}) ELSE CAST(${value} AS VARCHAR) END END`;
  });

const value: ScalarFunction = (call) =>
  overJson(
    call,
    (x, at) =>
      `CASE json_type(${x}, ${at}) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL WHEN 'DOUBLE' THEN bq_json_number(${x}, ${at}) ELSE CASE WHEN json_extract_string(${x}, ${at}) = '0' AND regexp_matches(CAST(${x} AS VARCHAR), '-0') AND json_type(${x}, ${at}) <> 'VARCHAR' THEN bq_json_number(${x}, ${at}) ELSE json_extract_string(${x}, ${at}) END END`,
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
      `CASE WHEN json_type(${x}) = 'OBJECT' THEN CASE WHEN contains(${key}, '"') THEN CAST(bq_json_member(CAST(${x} AS VARCHAR), ${key}) AS JSON) ELSE ${extracted(x, `'$."' || replace(${key}, '"', '') || '"'`)} END END`,
  )(call);
};

/** INT64(json) and its kin: an error for any other kind of JSON value. */
function unwrap(test: string, result: (x: string) => string, wanted: string): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'JSON') throw unsupportedFunction(call.name);
    return template(
      1,
      (x) =>
        `CASE WHEN ${x} IS NULL THEN NULL WHEN ${test.replaceAll('?', x)} THEN ${result(x)}${wanted === 'an integer' ? ` WHEN json_type(${x}) = 'DOUBLE' THEN ${raise(`'The provided JSON number: ' || ${x} || ' cannot be converted to an integer'`)}` : ''} ELSE ${raise(`'The provided JSON input is not ${wanted}'`)} END`,
    )({ ...call, args: call.args.slice(0, 1) });
  };
}

/** FLOAT64(json, wide_number_mode): `exact` refuses what a double cannot hold, `round` is the default. */
const jsonFloat: ScalarFunction = (call) => {
  const number = unwrap(
    "json_type(?) IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')",
    (x) => `CAST(${x} AS DOUBLE)`,
    'a number',
  );
  const mode = call.args.length > 1 ? constantText(call, 1) : 'round';
  if (mode === undefined) throw unsupportedFunction('FLOAT64 with a wide_number_mode that is not constant');
  if (mode !== 'round' && mode !== 'exact')
    throw new BigQueryError('invalidQuery', `Invalid \`wide_number_mode\` specified: ${mode}`);
  if (mode === 'round') return number(call);
  return bind(
    [argument(call, 0).sql],
    (x) =>
      `(CASE WHEN json_type(${x}) IN ('BIGINT', 'UBIGINT') AND CAST(CAST(${x} AS DOUBLE) AS HUGEINT) <> CAST(${x} AS HUGEINT) THEN ${raise(`'JSON number: ' || ${x} || ' cannot be converted to FLOAT64 without loss of precision'`)} ELSE ${number({ ...call, args: [{ ...argument(call, 0), sql: x }] })} END)`,
  );
};

const jsonString = unwrap("json_type(?) = 'VARCHAR'", (x) => `json_extract_string(${x}, '$')`, 'a string');

const AS_JSON = { wideNumbersAsText: false, point: true };

function constantFlag(call: Call, index: number, missing: boolean): boolean {
  const arg = call.args[index];
  if (arg === undefined) return missing;
  if (typeof arg.constant?.value !== 'boolean')
    throw unsupportedFunction(`${call.name} with a flag that is not constant`);
  return arg.constant.value;
}

const toJsonString: ScalarFunction = (call) => {
  const value = argument(call, 0);
  const text = jsonText(value.sql, value.type, { wideNumbersAsText: true, point: false });
  if (call.args.length < 2) return text;
  if (call.args[1]?.constant?.value === null) return 'CAST(NULL AS VARCHAR)';
  return constantFlag(call, 1, false) ? `bq_json_pretty(${text})` : text;
};

const toJson: ScalarFunction = (call) => {
  const value = argument(call, 0);
  const text = jsonText(value.sql, value.type, { wideNumbersAsText: constantFlag(call, 1, false), point: true });
  return `CAST(bq_parse_json(${text}, 'round') AS JSON)`;
};

const parseJson: ScalarFunction = (call) => {
  const mode = call.args.length > 1 ? constantText(call, 1) : 'exact';
  if (mode === undefined) throw unsupportedFunction('PARSE_JSON with a wide_number_mode that is not constant');
  if (mode !== 'exact' && mode !== 'round')
    throw new BigQueryError('invalidQuery', `Invalid \`wide_number_mode\` specified for PARSE_JSON: ${mode}`);
  return `CAST(bq_parse_json(${sqls(call)[0]}, '${mode}') AS JSON)`;
};

const jsonOf = (call: Call, index: number): string =>
  jsonText(argument(call, index).sql, argument(call, index).type, AS_JSON);

const jsonArray: ScalarFunction = (call) => {
  const parts = call.args.map((_, i) => jsonOf(call, i));
  return `CAST(bq_parse_json(concat('[', ${parts.length === 0 ? "''" : parts.join(", ',', ")}, ']'), 'round') AS JSON)`;
};

/** `['a', 'b']`, also empty, of texts. */
function texts(items: readonly string[]): string {
  return `CAST([${items.join(', ')}] AS VARCHAR[])`;
}

const jsonObject: ScalarFunction = (call) => {
  const [first, second] = call.args;
  if (first?.type.kind === 'ARRAY' && second?.type.kind === 'ARRAY') {
    const element = second.type.element;
    return bind(
      [first.sql, second.sql],
      (keys, values) =>
        `(CASE WHEN ${keys} IS NULL THEN ${raise("'Invalid input to JSON_OBJECT: The keys array cannot be NULL'")} WHEN ${values} IS NULL THEN ${raise("'Invalid input to JSON_OBJECT: The values array cannot be NULL'")} ELSE CAST(bq_json_object(${keys}, list_transform(${values}, lambda bq_o: ${jsonText('bq_o', element, AS_JSON)})) AS JSON) END)`,
    );
  }
  const names = call.args.filter((_, i) => i % 2 === 0).map((arg) => arg.sql);
  const values = call.args.flatMap((_, i) => (i % 2 === 1 ? [jsonOf(call, i)] : []));
  return `CAST(bq_json_object(${texts(names)}, ${texts(values)}) AS JSON)`;
};

/** The JSON text of a value that is JSON. */
function document(call: Call): string {
  return `CAST(${argument(call, 0).sql} AS VARCHAR)`;
}

/** JSON_SET(json, path, value, …, create_if_missing). */
const jsonSet: ScalarFunction = (call) => {
  const [, ...rest] = call.args;
  const create = rest.length % 2 === 1 ? rest.at(-1) : undefined;
  const count = rest.length - (create === undefined ? 0 : 1);
  const edits = rest.slice(0, count).map((arg, i) => (i % 2 === 0 ? arg.sql : jsonOf(call, i + 1)));
  return `CAST(bq_json_set(${document(call)}, ${texts(edits)}, ${create?.sql ?? 'true'}) AS JSON)`;
};

/** JSON_ARRAY_APPEND and JSON_ARRAY_INSERT: only the elements of a SQL array are taken one by one, not those of a JSON array. */
function jsonArrayEdit(name: string): ScalarFunction {
  return (call) => {
    const [, ...rest] = call.args;
    const each = rest.length % 2 === 1 ? rest.at(-1)! : undefined;
    const edits: string[] = [];
    for (let i = 0; i + 1 < rest.length; i += 2) {
      const isArray = rest[i + 1]!.type.kind === 'ARRAY';
      const mode = !isArray
        ? "'one'"
        : each === undefined
          ? "'each'"
          : `CASE WHEN ${each.sql} THEN 'each' ELSE 'one' END`;
      edits.push(rest[i]!.sql, jsonOf(call, i + 2), mode);
    }
    const edited = `CAST(${name}(${document(call)}, ${texts(edits)}) AS JSON)`;
    return each === undefined ? edited : `(CASE WHEN ${each.sql} IS NOT NULL THEN ${edited} END)`;
  };
}

const jsonStripNulls: ScalarFunction = (call) => {
  const [, path = "'$'", arrays = 'true', empty = 'false'] = sqls(call);
  return `CAST(bq_json_strip_nulls(${document(call)}, ${path}, ${arrays}, ${empty}) AS JSON)`;
};

const jsonKeys: ScalarFunction = (call) => {
  const [, depth = 'NULL', mode = "'strict'"] = sqls(call);
  return bind([depth], (max) => `bq_json_keys(${document(call)}, coalesce(${max}, 9223372036854775807), ${mode})`);
};

/** The SQL value of an item's text from bq_lax_items or bq_strict_items. */
function itemOf(kind: string, text: string): string {
  switch (kind) {
    case 'BOOL':
      return `CAST(${text} AS BOOLEAN)`;
    case 'INT64':
      return `CAST(${text} AS BIGINT)`;
    case 'FLOAT64':
      return `CAST(replace(${text}, 'Infinity', 'inf') AS DOUBLE)`;
    default:
      return text;
  }
}

function laxText(x: string): string {
  const number = `CAST(substring(${x}, 2) AS DOUBLE)`;
  return `CASE WHEN ${x} LIKE 'F%' THEN ${floatTextSql(number)} ELSE substring(${x}, 2) END`;
}

function laxArray(kind: 'BOOL' | 'INT64' | 'FLOAT64' | 'STRING'): ScalarFunction {
  const item = kind === 'STRING' ? laxText('bq_l') : itemOf(kind, 'bq_l');
  return (call) => `list_transform(bq_lax_items(${document(call)}, '${kind}'), lambda bq_l: ${item})`;
}

function strictArray(kind: 'BOOL' | 'INT64' | 'FLOAT64' | 'STRING'): ScalarFunction {
  return (call) =>
    `list_transform(bq_strict_items(${document(call)}, '${kind}'), lambda bq_l: ${itemOf(kind, 'bq_l')})`;
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
  to_json: toJson,
  to_json_string: toJsonString,
  json_array: jsonArray,
  json_object: jsonObject,
  int64: unwrap(
    // AND and OR do not keep DuckDB from casting what is no number.
    "(json_type(?) IN ('BIGINT', 'UBIGINT') AND TRY_CAST(TRY_CAST(? AS DECIMAL(38,0)) AS BIGINT) IS NOT NULL) OR (json_type(?) = 'DOUBLE' AND TRY_CAST(? AS DOUBLE) = trunc(TRY_CAST(? AS DOUBLE)) AND abs(TRY_CAST(? AS DOUBLE)) < 9.2e18)",
    (x) => `CAST(CAST(${x} AS DECIMAL(38,0)) AS BIGINT)`,
    'an integer',
  ),
  float64: jsonFloat,
  bool: unwrap("json_type(?) = 'BOOLEAN'", (x) => `CAST(${x} AS BOOLEAN)`, 'a boolean'),
  string: (call) => (kindOf(call) === 'JSON' ? jsonString(call) : dateText(call)),
  json_set: jsonSet,
  json_remove: (call) => `CAST(bq_json_remove(${document(call)}, ${texts(sqls(call).slice(1))}) AS JSON)`,
  json_array_append: jsonArrayEdit('bq_json_array_append'),
  json_array_insert: jsonArrayEdit('bq_json_array_insert'),
  json_strip_nulls: jsonStripNulls,
  json_keys: jsonKeys,
  json_flatten: (call) => `list_transform(bq_json_flatten(${document(call)}), lambda bq_l: CAST(bq_l AS JSON))`,
  lax_bool: (call) => `bq_lax_bool(${document(call)})`,
  lax_int64: (call) => `bq_lax_int64(${document(call)})`,
  lax_float64: (call) => `bq_lax_float64(${document(call)})`,
  lax_string: (call) => bind([`bq_lax_string(${document(call)})`], (x) => `(${laxText(x)})`),
  bool_array: strictArray('BOOL'),
  int64_array: strictArray('INT64'),
  float64_array: strictArray('FLOAT64'),
  string_array: strictArray('STRING'),
  lax_bool_array: laxArray('BOOL'),
  lax_int64_array: laxArray('INT64'),
  lax_float64_array: laxArray('FLOAT64'),
  lax_string_array: laxArray('STRING'),
};
