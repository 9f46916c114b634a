// Registers the JavaScript scalar functions that the library's SQL calls, all named bq_…. They run on the JavaScript
// thread and block it while they do, so the library uses them only where DuckDB has no form of its own.
// All take text and give text; NULL in any argument gives NULL; an exception fails the query with its message.
import { DuckDBScalarFunction, VARCHAR, type DuckDBConnection } from '@duckdb/node-api';
import * as bignumeric from './udf/bignumeric.ts';
import * as bytes from './udf/bytes.ts';
import * as decimal from './udf/decimal.ts';
import { bignumericFunctions, numericFunctions } from './udf/decimal-functions.ts';
import { formatLiteral } from './udf/format.ts';
import { floatNumeric, floatRound, floatTrunc } from './udf/float.ts';
import { jsonFind, jsonNumber, jsonQuery, parseJson } from './udf/json.ts';
import * as geography from './udf/geography.ts';
import { intervalParts } from './udf/interval.ts';
import * as net from './udf/net.ts';
import * as text from './udf/text.ts';
import { TYPED_FUNCTIONS } from './register-typed.ts';
import { javascriptFunction } from '../routines/javascript/register.ts';
import { typedScalarFunction } from './typed-function.ts';
import { formatNumber } from './udf/number-format.ts';
import { textToTime, timeToText } from './udf/time-cast.ts';
import { formatTime } from './udf/time-format.ts';
import { parseTime } from './udf/time-parse.ts';
import { zoneName, zoneOffset } from './udf/zone.ts';
import { keepByteOrderMarks } from '../../storage/keep-byte-order-mark.ts';

type TextFunction = (...args: string[]) => string | null;

/** No function makes a longer text than this (16 million UTF-16 units) or reads one. */
const MAX_TEXT = 16 * 1024 * 1024;

const FUNCTIONS: Readonly<Record<string, readonly [arity: number, fn: TextFunction]>> = {
  bq_numeric_multiply: [2, decimal.numericMultiply],
  bq_numeric_divide: [2, decimal.numericDivide],
  bq_numeric_div: [2, decimal.numericDiv],
  bq_numeric_mod: [2, decimal.numericMod],
  bq_numeric_round: [2, decimal.numericRound],
  bq_numeric_round_even: [2, decimal.numericRoundEven],
  bq_numeric_trunc: [2, decimal.numericTrunc],
  bq_parse_numeric: [1, decimal.parseNumeric],
  bq_numeric_sqrt: [1, numericFunctions.sqrt],
  bq_numeric_cbrt: [1, numericFunctions.cbrt],
  bq_numeric_exp: [1, numericFunctions.exp],
  bq_numeric_ln: [1, numericFunctions.ln],
  bq_numeric_log10: [1, numericFunctions.log10],
  bq_numeric_log: [2, numericFunctions.log],
  bq_numeric_pow: [2, numericFunctions.pow],
  bq_big_sqrt: [1, bignumericFunctions.sqrt],
  bq_big_cbrt: [1, bignumericFunctions.cbrt],
  bq_big_exp: [1, bignumericFunctions.exp],
  bq_big_ln: [1, bignumericFunctions.ln],
  bq_big_log10: [1, bignumericFunctions.log10],
  bq_big_log: [2, bignumericFunctions.log],
  bq_big_pow: [2, bignumericFunctions.pow],
  bq_big_add: [2, bignumeric.add],
  bq_big_subtract: [2, bignumeric.subtract],
  bq_big_multiply: [2, bignumeric.multiply],
  bq_big_divide: [2, bignumeric.divide],
  bq_big_div: [2, bignumeric.div],
  bq_big_mod: [2, bignumeric.mod],
  bq_big_negate: [1, bignumeric.negate],
  bq_big_abs: [1, bignumeric.abs],
  bq_big_sign: [1, bignumeric.sign],
  bq_big_round: [2, bignumeric.round],
  bq_big_round_even: [2, bignumeric.roundEven],
  bq_big_trunc: [2, bignumeric.trunc],
  bq_big_floor: [1, bignumeric.floor],
  bq_big_ceil: [1, bignumeric.ceil],
  bq_big_text: [1, bignumeric.toText],
  bq_big_of: [1, bignumeric.fromText],
  bq_big_float: [1, bignumeric.fromFloat],
  bq_big_numeric: [1, bignumeric.toNumeric],
  bq_big_integer: [1, bignumeric.toInteger],
  bq_big_sum: [4, bignumeric.sum],
  bq_big_average: [4, bignumeric.average],
  bq_big_parse: [1, bignumeric.parse],
  bq_cast_number_text: [3, formatNumber],
  bq_cast_time_text: [4, timeToText],
  bq_cast_text_time: [4, textToTime],
  bq_geog_point: [2, geography.point],
  bq_geog_from_text: [1, geography.fromText],
  bq_geog_from_geojson: [1, geography.fromGeoJson],
  bq_interval_parts: [1, intervalParts],
  bq_reverse: [1, text.reverse],
  bq_initcap: [2, text.initcap],
  bq_translate: [3, text.translate],
  bq_instr: [4, text.instr],
  bq_normalize: [2, text.normalize],
  bq_normalize_and_casefold: [2, text.normalizeAndCasefold],
  bq_contains_substr: [2, text.containsSubstr],
  bq_upper: [1, text.upper],
  bq_lower: [1, text.lower],
  bq_float_round: [2, floatRound],
  bq_float_numeric: [1, floatNumeric],
  bq_float_trunc: [2, floatTrunc],
  bq_json_query: [2, jsonQuery],
  bq_json_find: [2, jsonFind],
  bq_json_number: [2, jsonNumber],
  bq_zone_name: [1, zoneName],
  bq_zone_offset: [1, zoneOffset],
  bq_soundex: [1, text.soundex],
  bq_sha512: [1, bytes.sha512],
  bq_farm_fingerprint: [1, bytes.farmFingerprint],
  bq_to_base32: [1, bytes.toBase32],
  bq_from_base32: [1, bytes.fromBase32],
  bq_safe_convert_bytes_to_string: [1, bytes.safeConvertBytesToString],
  bq_parse_json: [2, parseJson],
  bq_format_time: [4, formatTime],
  bq_parse_time: [3, parseTime],
  bq_format_literal: [2, formatLiteral],
  bq_net_host: [1, net.host],
  bq_net_reg_domain: [1, net.regDomain],
  bq_net_public_suffix: [1, net.publicSuffix],
  bq_net_ip_from_string: [1, net.ipFromString],
  bq_net_ip_to_string: [1, net.ipToString],
};

/** Once for each DuckDB instance: the functions are visible to all its connections. */
export async function registerFunctions(connection: DuckDBConnection): Promise<void> {
  keepByteOrderMarks();
  await connection.run("SET TimeZone = 'UTC'");
  for (const [name, [arity, fn]] of Object.entries(FUNCTIONS))
    connection.registerScalarFunction(scalarFunction(name, arity, fn));
  connection.registerScalarFunction(javascriptFunction());
  for (const [name, fn] of Object.entries(TYPED_FUNCTIONS))
    connection.registerScalarFunction(typedScalarFunction(name, fn));
}

function scalarFunction(name: string, arity: number, fn: TextFunction): DuckDBScalarFunction {
  return DuckDBScalarFunction.create({
    name,
    returnType: VARCHAR,
    parameterTypes: Array.from({ length: arity }, () => VARCHAR),
    mainFunction: (_info, chunk, output) => {
      const columns = Array.from({ length: arity }, (_, i) => chunk.getColumnVector(i));
      for (let row = 0; row < chunk.rowCount; row++) {
        const args = columns.map((column) => column.getItem(row) as string | null);
        output.setItem(row, args.every((arg) => arg !== null) ? bounded(name, fn, args) : null);
      }
      output.flush();
    },
  });
}

function bounded(name: string, fn: TextFunction, args: readonly string[]): string | null {
  for (const arg of args)
    if (arg.length > MAX_TEXT)
      throw new Error(`An argument of ${name.slice(3).toUpperCase()} is longer than ${MAX_TEXT} characters`);
  const result = fn(...args);
  if (result !== null && result.length > MAX_TEXT)
    throw new Error(`The result of ${name.slice(3).toUpperCase()} is longer than ${MAX_TEXT} characters`);
  return result;
}
