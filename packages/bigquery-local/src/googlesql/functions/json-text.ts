// TO_JSON_STRING, compiled from the argument's type to plain DuckDB SQL: no JavaScript, because the
// sync engine's checksums run it over millions of rows. Every piece is text, never NULL (`null` stands for NULL).
// Source: "JSON encodings" of the GoogleSQL reference's JSON functions.
import type { GType } from '../types.ts';
import { castSql } from '../values/cast.ts';
import { quoteText } from '../values/literal.ts';
import {
  bind,
  clockTextSql,
  fieldSql,
  floatTextSql,
  momentTextSql,
  numericTextSql,
  packedFields,
  tried,
} from '../values/sql-text.ts';
import { unsupportedFunction } from './unsupported.ts';

export type JsonTextOptions = {
  /** TO_JSON writes INT64 and NUMERIC as numbers whatever their size; TO_JSON_STRING quotes those beyond 2^53. */
  readonly wideNumbersAsText: boolean;
  /** TO_JSON writes a whole FLOAT64 with a point (`1.0`). */
  readonly point: boolean;
};

/** SQL of the JSON text of `sql`; never NULL. */
export function jsonText(sql: string, type: GType, options: JsonTextOptions, depth = 0): string {
  const packed = type.kind === 'STRUCT' ? packedFields(sql) : undefined;
  // A struct made on the spot is never NULL, and its fields need not be packed first.
  if (type.kind === 'STRUCT' && packed !== undefined) return objectText(packed, type, options, depth);
  return bind([sql], (x) => nonNullText(x, type, options, depth));
}

function nonNullText(x: string, type: GType, options: JsonTextOptions, depth: number): string {
  switch (type.kind) {
    case 'STRING':
      return `coalesce(${stringText(x)}, 'null')`;
    case 'INT64':
      return options.wideNumbersAsText
        ? `CASE WHEN ${x} BETWEEN -9007199254740992 AND 9007199254740992 THEN CAST(${x} AS VARCHAR) WHEN ${x} IS NULL THEN 'null' ELSE concat('"', ${x}, '"') END`
        : `coalesce(CAST(${x} AS VARCHAR), 'null')`;
    case 'BOOL':
      return `coalesce(CAST(${x} AS VARCHAR), 'null')`;
    case 'FLOAT64':
      return `CASE WHEN ${x} IS NULL THEN 'null' WHEN isnan(${x}) THEN '"NaN"' WHEN isinf(${x}) THEN CASE WHEN ${x} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END WHEN ${x} = 0 THEN '${options.point ? '0.0' : '0'}' ELSE ${!options.point ? floatTextSql(x) : bind([floatTextSql(x)], (text) => `CASE WHEN regexp_matches(${text}, '[.e]') THEN ${text} ELSE ${text} || '.0' END`)} END`;
    case 'NUMERIC':
      return numericText(x, options);
    case 'DATE':
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE concat('"', ${x}, '"') END`;
    case 'TIME':
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE concat('"', ${clockTextSql(x, 8)}, '"') END`;
    case 'DATETIME':
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE concat('"', ${clockTextSql(x, 19, 'T')}, '"') END`;
    case 'TIMESTAMP':
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE concat('"', ${momentTextSql(x, 'T')}, 'Z"') END`;
    case 'BYTES':
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE concat('"', to_base64(${x}), '"') END`;
    case 'JSON':
      return `coalesce(CAST(${x} AS VARCHAR), 'null')`;
    case 'ARRAY': {
      const item = `bq_j${depth}`;
      const items = `array_to_string(list_transform(${x}, lambda ${item}: ${nonNullText(item, type.element, options, depth + 1)}), ',')`;
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE concat('[', ${items}, ']') END`;
    }
    case 'STRUCT': {
      const fields = type.fields.map((_, i) => fieldSql(x, i));
      return `CASE WHEN ${x} IS NULL THEN 'null' ELSE ${objectText(fields, type, options, depth)} END`;
    }
    case 'BIGNUMERIC':
      return bind([castSql({ sql: x, from: type, to: { kind: 'STRING' }, safe: false })], (text) => {
        if (!options.wideNumbersAsText) return `coalesce(${text}, 'null')`;
        const small = `regexp_full_match(${text}, '-?[0-9]{1,16}') AND abs(TRY_CAST(${text} AS HUGEINT)) <= 9007199254740992`;
        return `CASE WHEN ${text} IS NULL THEN 'null' WHEN ${small} THEN ${text} ELSE concat('"', ${text}, '"') END`;
      });
    default:
      throw unsupportedFunction(`TO_JSON_STRING (${type.kind})`);
  }
}

/** Escapes that DuckDB writes with capital digits (\u001F), and the line separators, which it leaves as they are. */
const RARE_ESCAPES = ['000b', '000e', '000f', '001a', '001b', '001c', '001d', '001e', '001f'];

function stringText(x: string): string {
  const escaped = `CAST(to_json(${x}) AS VARCHAR)`;
  // An escaped backslash is set aside as chr(1), which cannot stand in JSON, so that `\\\\u001F` stays what it is.
  let rare = `replace(${escaped}, '\\\\', chr(1))`;
  for (const code of RARE_ESCAPES) rare = `replace(${rare}, '\\u${code.toUpperCase()}', '\\u${code}')`;
  rare = `replace(replace(replace(${rare}, chr(8232), '\\u2028'), chr(8233), '\\u2029'), chr(1), '\\\\')`;
  // Texts without any escape of the kind are by far the most: to look for them must cost next to nothing.
  return `CASE WHEN contains(${escaped}, '\\u') OR contains(${x}, chr(8232)) OR contains(${x}, chr(8233)) THEN ${rare} ELSE ${escaped} END`;
}

function numericText(x: string, options: JsonTextOptions): string {
  const plain = numericTextSql(x);
  if (!options.wideNumbersAsText) return `coalesce(${plain}, 'null')`;
  // TO_JSON quotes only what a double cannot hold.
  if (options.point)
    return `CASE WHEN ${x} IS NULL THEN 'null' WHEN ${tried(`bq_parse_json(${plain}, 'exact')`)} IS NOT NULL AND abs(${x}) <= 9007199254740992 THEN ${plain} ELSE concat('"', ${plain}, '"') END`;
  return `CASE WHEN ${x} IS NULL THEN 'null' WHEN ${x} = trunc(${x}) AND ${x} BETWEEN -9007199254740992 AND 9007199254740992 THEN ${plain} ELSE concat('"', ${plain}, '"') END`;
}

function objectText(
  fields: readonly string[],
  type: Extract<GType, { kind: 'STRUCT' }>,
  options: JsonTextOptions,
  depth: number,
): string {
  const pieces = fields.flatMap((field, i) => {
    const { name, type: fieldType } = type.fields[i]!;
    return [quoteText(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`), jsonText(field, fieldType, options, depth)];
  });
  return `concat(${pieces.join(', ')}, '}')`;
}
