// Array functions and element access. Source: "Array functions" of the GoogleSQL reference.
import { duckdbType } from '../values/physical.ts';
import { bind, constantText, kindOf, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** `array[OFFSET(i)]` and its kin: outside the array an error, or NULL in the safe form. */
function element(base: 0 | 1, safe: boolean): ScalarFunction {
  return template(2, (array, index) => {
    const outside =
      base === 0 ? `${index} < 0 OR ${index} >= len(${array})` : `${index} < 1 OR ${index} > len(${array})`;
    const position = base === 0 ? `${index} + 1` : index;
    return `CASE WHEN ${array} IS NULL THEN NULL WHEN ${outside} THEN ${safe ? 'NULL' : raise(`'Array index ' || ${index} || ' is out of bounds'`)} ELSE ${array}[${position}] END`;
  });
}

const arrayConcat: ScalarFunction = (call) => {
  if (call.args.length === 1) return sqls(call)[0]!;
  return bind(
    sqls(call),
    (...arrays) =>
      `(CASE WHEN ${arrays.map((a) => `${a} IS NULL`).join(' OR ')} THEN NULL ELSE ${arrays.reduce((left, right) => `list_concat(${left}, ${right})`)} END)`,
  );
};

const arrayToString: ScalarFunction = (call) => {
  const [array, delimiter, nullText] = sqls(call);
  const type = call.args[0]?.type;
  const isBytes = type?.kind === 'ARRAY' && type.element.kind === 'BYTES';
  if (type?.kind !== 'ARRAY' || (type.element.kind !== 'STRING' && !isBytes))
    throw unsupportedFunction('ARRAY_TO_STRING of this array');
  // BYTES are joined as hexadecimal text.
  const text = (x: string): string => (isBytes ? `hex(${x})` : x);
  return bind([array!, delimiter!, ...(nullText === undefined ? [] : [nullText])], (a, d, n) => {
    const item = n === undefined ? text('bq_e') : `coalesce(${text('bq_e')}, ${text(n)})`;
    const items = isBytes || n !== undefined ? `list_transform(${a}, lambda bq_e: ${item})` : a;
    // DuckDB wants a constant delimiter.
    const joined =
      constantText(call, 1) === undefined
        ? `bq_join(${items}, ${text(d)})`
        : `coalesce(array_to_string(${items}, ${d}), '')`;
    return `(CASE WHEN ${a} IS NULL OR ${d} IS NULL${n === undefined ? '' : ` OR ${n} IS NULL`} THEN NULL ELSE ${isBytes ? `unhex(${joined})` : joined} END)`;
  });
};

const ZERO_STEP = "'Sequence step cannot be 0.'";

const generateArray: ScalarFunction = (call) => {
  const [start, stop, step = '1'] = sqls(call);
  const kind = kindOf(call);
  return bind([start!, stop!, step], (from, to, by) => {
    const nulls = `${from} IS NULL OR ${to} IS NULL OR ${by} IS NULL`;
    const zero = `WHEN ${by} = 0 THEN ${raise(ZERO_STEP)}`;
    if (kind === 'INT64')
      return `(CASE WHEN ${nulls} THEN NULL ${zero} ELSE generate_series(${from}, ${to}, ${by}) END)`;
    if (kind !== 'FLOAT64' && kind !== 'NUMERIC') throw unsupportedFunction(`GENERATE_ARRAY (${kind})`);
    const type = duckdbType({ kind });
    const count = `CAST(floor(CAST((${to} - ${from}) AS DOUBLE) / CAST(${by} AS DOUBLE)) AS BIGINT)`;
    return `(CASE WHEN ${nulls} THEN NULL ${zero} WHEN ${count} < 0 THEN CAST([] AS ${type}[]) ELSE list_transform(generate_series(0, ${count}), lambda bq_e: CAST(${from} + bq_e * CAST(${by} AS ${type}) AS ${type})) END)`;
  });
};

function elementKind(call: Call): string {
  const type = call.args[0]?.type;
  return type?.kind === 'ARRAY' ? type.element.kind : '';
}

function aggregate(name: 'sum' | 'avg' | 'min' | 'max'): ScalarFunction {
  return (call) => {
    if (
      ![
        'INT64',
        'FLOAT64',
        'NUMERIC',
        ...(name === 'min' || name === 'max' ? ['STRING', 'DATE', 'DATETIME', 'TIMESTAMP', 'TIME'] : []),
      ].includes(elementKind(call))
    ) {
      throw unsupportedFunction(`${call.name} of this array`);
    }
    if (elementKind(call) === 'NUMERIC' && name === 'avg') throw unsupportedFunction('ARRAY_AVG of NUMERIC');
    return `CAST(list_${name}(${sqls(call)[0]}) AS ${duckdbType(call.type)})`;
  };
}

function scalarElements(call: Call, make: (array: string) => string): string {
  if (['STRUCT', 'JSON', 'ARRAY', 'GEOGRAPHY'].includes(elementKind(call)))
    throw unsupportedFunction(`${call.name} of this array`);
  return bind(sqls(call), (array) => `(${make(array)})`);
}

export const arrayFunctions: Readonly<Record<string, ScalarFunction>> = {
  $array_at_offset: element(0, false),
  $array_at_ordinal: element(1, false),
  $safe_array_at_offset: element(0, true),
  $safe_array_at_ordinal: element(1, true),
  array_length: (call) => `len(${sqls(call)[0]})`,
  array_concat: arrayConcat,
  array_to_string: arrayToString,
  array_reverse: (call) => `list_reverse(${sqls(call)[0]})`,
  generate_array: generateArray,
  array_first: template(
    1,
    (a) =>
      `CASE WHEN len(${a}) = 0 THEN ${raise("'ARRAY_FIRST cannot get the first element of an empty array'")} ELSE ${a}[1] END`,
  ),
  array_last: template(
    1,
    (a) =>
      `CASE WHEN len(${a}) = 0 THEN ${raise("'ARRAY_LAST cannot get the last element of an empty array'")} ELSE ${a}[-1] END`,
  ),
  array_is_distinct: (call) =>
    scalarElements(
      call,
      (a) =>
        `CASE WHEN ${a} IS NULL THEN NULL ELSE len(list_distinct(${a})) + CASE WHEN list_count(${a}) < len(${a}) THEN 1 ELSE 0 END = len(${a}) END`,
    ),
  array_includes: (call) => {
    if (['STRUCT', 'JSON', 'ARRAY', 'FLOAT64'].includes(elementKind(call)) || call.args.length !== 2)
      throw unsupportedFunction(call.name);
    return `list_contains(${sqls(call).join(', ')})`;
  },
  array_sum: aggregate('sum'),
  array_avg: aggregate('avg'),
  array_min: aggregate('min'),
  array_max: aggregate('max'),
};
