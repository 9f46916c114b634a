// Comparison, logic and conditional expressions. What differs from DuckDB: NaN equals nothing and is on
// no side of anything; structs compare field by field with three-valued logic; IN UNNEST of NULL is FALSE;
// GREATEST and LEAST are NULL as soon as one argument is.
// Source: "Operators" and "Conditional expressions" of the GoogleSQL reference.
import type { GType } from '../types.ts';
import { fieldSql } from '../values/sql-text.ts';
import { BIGNUMERIC_ZERO_SQL } from './bignumeric.ts';
import { argument, bind, isConstant, raise, sqls } from './call.ts';
import type { Arg, Call, ScalarFunction } from './contract.ts';
import { intervalExtreme } from './interval.ts';
import { unsupportedFunction } from './unsupported.ts';

function assertComparable(type: GType, name: string): void {
  if (type.kind === 'ARRAY' || type.kind === 'JSON' || type.kind === 'GEOGRAPHY')
    throw unsupportedFunction(`${name} (${type.kind})`);
  if (type.kind === 'STRUCT') for (const field of type.fields) assertComparable(field.type, name);
}

function holdsFloat(type: GType): boolean {
  return type.kind === 'FLOAT64' || (type.kind === 'STRUCT' && type.fields.some((field) => holdsFloat(field.type)));
}

/** `a = b` under GoogleSQL's rules. The operands must be names (bound) if the type is a struct. */
function equalSql(a: string, b: string, type: GType, constantSide = false): string {
  if (type.kind === 'FLOAT64') {
    // A constant is never NaN here, and DuckDB's NaN equals only NaN. The equality stays a conjunct of its own: joins can hash it.
    return constantSide ? `(${a} = ${b})` : `(${a} = ${b} AND (NOT isnan(${a}) OR ${b} IS NULL))`;
  }
  if (type.kind === 'STRUCT')
    return `(${type.fields.map((field, i) => equalSql(fieldSql(a, i), fieldSql(b, i), field.type)).join(' AND ')})`;
  return `(${a} = ${b})`;
}

function isNanConstant(arg: Arg): boolean {
  return typeof arg.constant?.value === 'number' && Number.isNaN(arg.constant.value);
}

const equal: ScalarFunction = (call) => {
  const [left, right] = [argument(call, 0), argument(call, 1)];
  assertComparable(left.type, call.name);
  const plainConstant = [left, right].some((arg) => isConstant(arg) && !isNanConstant(arg));
  if (!holdsFloat(left.type) && left.type.kind !== 'STRUCT') return `(${left.sql} = ${right.sql})`;
  return bind([left.sql, right.sql], (a, b) =>
    equalSql(a, b, left.type, plainConstant && left.type.kind === 'FLOAT64'),
  );
};

function ordering(operator: '<' | '<=' | '>' | '>='): ScalarFunction {
  return (call) => {
    const [left, right] = [argument(call, 0), argument(call, 1)];
    assertComparable(left.type, call.name);
    if (left.type.kind === 'STRUCT') throw unsupportedFunction(`${call.name} (STRUCT)`);
    if (left.type.kind !== 'FLOAT64') return `(${left.sql} ${operator} ${right.sql})`;
    // DuckDB has NaN above everything: only the side that may then win wrongly is tested.
    const greater = operator.startsWith('>');
    const winner = greater ? left : right;
    if (isConstant(winner) && !isNanConstant(winner)) return `(${left.sql} ${operator} ${right.sql})`;
    return bind([left.sql, right.sql], (a, b) => {
      const [w, other] = greater ? [a, b] : [b, a];
      return `(${a} ${operator} ${b} AND (NOT isnan(${w}) OR ${other} IS NULL))`;
    });
  };
}

const between: ScalarFunction = (call) => {
  const [value, low, high] = [argument(call, 0), argument(call, 1), argument(call, 2)];
  if (value.type.kind !== 'FLOAT64') return `(${value.sql} BETWEEN ${low.sql} AND ${high.sql})`;
  return bind(sqls(call), (x, a, b) => {
    const part = (name: '$less_or_equal', l: Arg, r: Arg): string => ordering('<=')({ ...call, name, args: [l, r] });
    return `(${part('$less_or_equal', { ...low, sql: a }, { ...value, sql: x })} AND ${part('$less_or_equal', { ...value, sql: x }, { ...high, sql: b })})`;
  });
};

const isIn: ScalarFunction = (call) => {
  const value = argument(call, 0);
  assertComparable(value.type, call.name);
  if (!holdsFloat(value.type) && value.type.kind !== 'STRUCT') {
    return `(${value.sql} IN (${sqls(call).slice(1).join(', ')}))`;
  }
  return bind(sqls(call), (x, ...others) => `(${others.map((other) => equalSql(x, other, value.type)).join(' OR ')})`);
};

/** `x IN UNNEST(array)`. */
const inArray: ScalarFunction = (call) => {
  const value = argument(call, 0);
  assertComparable(value.type, call.name);
  return bind(sqls(call), (x, array) => {
    if (value.type.kind === 'STRUCT' || value.type.kind === 'FLOAT64') {
      const hits = `list_transform(${array}, lambda bq_e: ${equalSql(x, 'bq_e', value.type)})`;
      return `(CASE WHEN ${array} IS NULL OR len(${array}) = 0 THEN false WHEN list_contains(${hits}, true) THEN true WHEN list_count(${hits}) < len(${array}) THEN NULL ELSE false END)`;
    }
    return `(CASE WHEN ${array} IS NULL OR len(${array}) = 0 THEN false WHEN ${x} IS NULL THEN NULL WHEN list_contains(${array}, ${x}) THEN true WHEN list_count(${array}) < len(${array}) THEN NULL ELSE false END)`;
  });
};

const like: ScalarFunction = (call) => {
  const [value, pattern] = [argument(call, 0), argument(call, 1)];
  if (value.type.kind !== 'STRING') throw unsupportedFunction(`LIKE (${value.type.kind})`);
  const constant = pattern.constant?.value;
  // Without an escape DuckDB turns constant patterns into prefix and substring searches.
  if (typeof constant === 'string' && !constant.includes('\\')) return `(${value.sql} LIKE ${pattern.sql})`;
  const open = raise("'LIKE pattern ends with a backslash'");
  return bind(
    [value.sql, pattern.sql],
    (x, p) =>
      `(CASE WHEN regexp_full_match(${p}, '(?s)([^\\\\]|\\\\.)*\\\\') THEN ${open} ELSE ${x} LIKE ${p} ESCAPE '\\' END)`,
  );
};

function extreme(name: 'greatest' | 'least'): ScalarFunction {
  return (call) => {
    if (call.args.length === 1) return sqls(call)[0]!;
    if (call.type.kind === 'INTERVAL') return intervalExtreme(name)(call);
    return bind(sqls(call), (...names) => {
      const anyNull = names.map((n) => `${n} IS NULL`).join(' OR ');
      const nan =
        call.type.kind === 'FLOAT64'
          ? ` WHEN ${names.map((n) => `isnan(${n})`).join(' OR ')} THEN CAST('nan' AS DOUBLE)`
          : '';
      return `(CASE WHEN ${anyNull} THEN NULL${nan} ELSE ${name}(${names.join(', ')}) END)`;
    });
  };
}

const caseWithValue: ScalarFunction = (call) => {
  const value = argument(call, 0);
  assertComparable(value.type, call.name);
  if (value.type.kind === 'STRUCT') throw unsupportedFunction('CASE (STRUCT)');
  const [first, ...rest] = sqls(call);
  // NaN matches no branch.
  const subject = value.type.kind === 'FLOAT64' ? `nullif(${first}, CAST('nan' AS DOUBLE))` : first;
  const branches: string[] = [];
  for (let i = 0; i + 1 < rest.length; i += 2) branches.push(`WHEN ${rest[i]} THEN ${rest[i + 1]}`);
  return `(CASE ${subject} ${branches.join(' ')} ELSE ${rest.at(-1)} END)`;
};

const caseNoValue: ScalarFunction = (call) => {
  const all = sqls(call);
  const branches: string[] = [];
  for (let i = 0; i + 1 < all.length; i += 2) branches.push(`WHEN ${all[i]} THEN ${all[i + 1]}`);
  return `(CASE ${branches.join(' ')} ELSE ${all.at(-1)} END)`;
};

function boolean(operator: 'AND' | 'OR'): ScalarFunction {
  return (call) => `(${sqls(call).join(` ${operator} `)})`;
}

function suffix(text: string): ScalarFunction {
  return (call) => `((${sqls(call)[0]}) ${text})`;
}

const nullif: ScalarFunction = (call) => {
  const value = argument(call, 0);
  assertComparable(value.type, call.name);
  if (!holdsFloat(value.type) && value.type.kind !== 'STRUCT') return `nullif(${sqls(call).join(', ')})`;
  return bind(sqls(call), (a, b) => `(CASE WHEN ${equalSql(a, b, value.type)} THEN NULL ELSE ${a} END)`);
};

function distinctness(operator: string): ScalarFunction {
  return (call: Call) => `(${sqls(call).join(` ${operator} `)})`;
}

/** Zero of the argument's type. */
function zero(call: Call): string {
  return argument(call, 0).type.kind === 'BIGNUMERIC' ? BIGNUMERIC_ZERO_SQL : '0';
}

export const comparisonFunctions: Readonly<Record<string, ScalarFunction>> = {
  $equal: equal,
  $not_equal: (call) => `(NOT ${equal({ ...call, name: '$equal' })})`,
  $less: ordering('<'),
  $less_or_equal: ordering('<='),
  $greater: ordering('>'),
  $greater_or_equal: ordering('>='),
  $between: between,
  $in: isIn,
  $in_array: inArray,
  $like: like,
  $and: boolean('AND'),
  $or: boolean('OR'),
  $not: (call) => `(NOT (${sqls(call)[0]}))`,
  $is_null: suffix('IS NULL'),
  $is_true: suffix('IS TRUE'),
  $is_false: suffix('IS FALSE'),
  $is_distinct_from: distinctness('IS DISTINCT FROM'),
  $is_not_distinct_from: distinctness('IS NOT DISTINCT FROM'),
  $case_no_value: caseNoValue,
  $case_with_value: caseWithValue,
  if: (call) => `(CASE WHEN ${sqls(call)[0]} THEN ${sqls(call)[1]} ELSE ${sqls(call)[2]} END)`,
  ifnull: (call) => `coalesce(${sqls(call).join(', ')})`,
  coalesce: (call) => `coalesce(${sqls(call).join(', ')})`,
  nullif,
  nullifzero: (call) => `nullif(${sqls(call)[0]}, ${zero(call)})`,
  zeroifnull: (call) => `coalesce(${sqls(call)[0]}, ${zero(call)})`,
  greatest: extreme('greatest'),
  least: extreme('least'),
};
