// FORMAT. Each argument travels as the text that its specifier wants: its plain text, its literal for %T, its JSON.
// Source: "FORMAT" of the GoogleSQL reference's string functions.
import { BigQueryError } from '../../bigquery-error.ts';
import type { GType } from '../types.ts';
import { castSql } from '../values/cast.ts';
import { quoteText } from '../values/literal.ts';
import { bind, fieldSql, floatTextSql } from '../values/sql-text.ts';
import { argument, constantText } from './call.ts';
import type { ScalarFunction } from './contract.ts';
import { formatSpecifiers } from './udf/format.ts';
import { unsupportedFunction } from './unsupported.ts';

type Mode = 'plain' | 'literal';

/** A value inside an array or struct: never NULL, `NULL` stands for NULL. */
function nested(sql: string, type: GType, mode: Mode, depth: number): string {
  return `coalesce(${textOf(sql, type, mode, depth)}, 'NULL')`;
}

/** The text of %t (plain) or %T (literal); NULL for NULL. */
function textOf(sql: string, type: GType, mode: Mode, depth = 0): string {
  switch (type.kind) {
    case 'ARRAY':
      return bind([sql], (x) => {
        const item = `bq_f${depth}`;
        const items = `list_transform(${x}, lambda ${item}: ${nested(item, type.element, mode, depth + 1)})`;
        return `(CASE WHEN ${x} IS NOT NULL THEN '[' || coalesce(array_to_string(${items}, ', '), '') || ']' END)`;
      });
    case 'STRUCT':
      return bind([sql], (x) => {
        const fields = type.fields.map((field, i) => nested(fieldSql(x, i), field.type, mode, depth));
        const open = mode === 'literal' && fields.length === 1 ? 'STRUCT(' : '(';
        return `(CASE WHEN ${x} IS NOT NULL THEN ${[quoteText(open), fields.join(" || ', ' || "), "')'"].join(' || ')} END)`;
      });
    case 'BYTES':
      return `bq_escaped_bytes(${sql}, ${mode === 'literal'})`;
    case 'GEOGRAPHY':
    case 'RANGE':
      throw unsupportedFunction(`FORMAT (${type.kind})`);
    case 'FLOAT64':
      return bind([sql], (x) => {
        const text = bind(
          [`CASE WHEN ${x} = 0 THEN CAST(${x} AS VARCHAR) ELSE ${floatTextSql(x)} END`],
          (t) => `CASE WHEN regexp_matches(${t}, '[.einf]') THEN ${t} ELSE ${t} || '.0' END`,
        );
        return mode === 'plain' ? text : `bq_format_literal('FLOAT64', ${text})`;
      });
    default: {
      const text =
        type.kind === 'JSON'
          ? `CAST(${sql} AS VARCHAR)`
          : castSql({ sql, from: type, to: { kind: 'STRING' }, safe: false });
      return mode === 'plain' ? text : `bq_format_literal('${type.kind}', ${text})`;
    }
  }
}

export const format: ScalarFunction = (call) => {
  const pattern = constantText(call, 0);
  const values = call.args.slice(1);
  // Which specifier takes which argument is known only of a constant pattern.
  const specifiers = pattern === undefined ? undefined : formatSpecifiers(pattern);
  if (specifiers === undefined && values.some((arg) => ['ARRAY', 'STRUCT', 'BYTES', 'JSON'].includes(arg.type.kind)))
    throw unsupportedFunction('FORMAT with a pattern that is not constant');
  const texts = values.map((arg, i) => textOf(arg.sql, arg.type, specifiers?.[i] === 'T' ? 'literal' : 'plain'));
  const kinds = values.map((arg) => arg.type.kind).join(',');
  const wrong = specifiers === undefined ? undefined : checkCount(pattern!, specifiers.length, values.length);
  if (wrong !== undefined) throw new BigQueryError('invalidQuery', wrong);
  return `bq_format(${argument(call, 0).sql}, ${quoteText(kinds)}, ${quoteText(specifiers === undefined ? 'plain' : 'done')}, CAST([${texts.join(', ')}] AS VARCHAR[]))`;
};

function checkCount(pattern: string, wanted: number, given: number): string | undefined {
  if (wanted === given) return undefined;
  const what = given < wanted ? 'Too few' : 'Too many';
  return `${what} arguments to FORMAT for pattern "${pattern.slice(0, 200)}"; Expected ${wanted + 1}; Got ${given + 1}`;
}
