// Hash and encoding functions. TO_HEX of a digest stays text all the way: the checksums of the sync engine depend on its speed.
// Source: "Hash functions" and the BYTES conversions of the GoogleSQL reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { kindOf, raise, sqls, template } from './call.ts';
import type { ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

function digest(name: 'md5' | 'sha1' | 'sha256'): ScalarFunction {
  return (call) => `unhex(${name}(${sqls(call)[0]}))`;
}

/** The inside of `unhex(md5(…))` if that is the whole expression. */
function digestText(sql: string): string | undefined {
  if (!/^unhex\((md5|sha1|sha256)\(/.test(sql)) return undefined;
  let depth = 0;
  for (let i = 0; i < sql.length; i++) {
    const c = sql[i];
    if (c === "'" || c === '"') {
      i = sql.indexOf(c, i + 1);
      if (i < 0) return undefined;
    } else if (c === '(') depth++;
    else if (c === ')' && --depth === 0) return i === sql.length - 1 ? sql.slice('unhex('.length, -1) : undefined;
  }
  return undefined;
}

const toHex: ScalarFunction = (call) => {
  const [x] = sqls(call);
  return digestText(x!) ?? `lower(hex(${x}))`;
};

/** Bytes as hexadecimal text, which the text functions of `functions/udf` take. */
function hexArgument(call: Parameters<ScalarFunction>[0]): string {
  const [x] = sqls(call);
  const kind = kindOf(call);
  if (kind !== 'STRING' && kind !== 'BYTES') throw unsupportedFunction(call.name);
  return `hex(${x})`;
}

export const encodingFunctions: Readonly<Record<string, ScalarFunction>> = {
  md5: digest('md5'),
  sha1: digest('sha1'),
  sha256: digest('sha256'),
  sha512: (call) => `unhex(bq_sha512(${hexArgument(call)}))`,
  farm_fingerprint: (call) => `CAST(bq_farm_fingerprint(${hexArgument(call)}) AS BIGINT)`,
  to_hex: toHex,
  from_hex: template(
    1,
    (x) =>
      `CASE WHEN regexp_full_match(${x}, '[0-9a-fA-F]*') THEN unhex(CASE WHEN length(${x}) % 2 = 1 THEN '0' || ${x} ELSE ${x} END) WHEN ${x} IS NOT NULL THEN ${raise(`'Failed to decode invalid hexadecimal string due to character at offset ' || strlen(regexp_extract(${x}, '^[0-9a-fA-F]*')) || ': ' || ${x}`)} END`,
  ),
  to_base64: (call) => `to_base64(${sqls(call)[0]})`,
  from_base64: (call) => `bq_from_base64(${sqls(call)[0]})`,
  to_base32: (call) => `bq_to_base32(hex(${sqls(call)[0]}))`,
  from_base32: (call) => `unhex(bq_from_base32(${sqls(call)[0]}))`,
  safe_convert_bytes_to_string: (call) => `bq_safe_convert_bytes_to_string(hex(${sqls(call)[0]}))`,
  code_points_to_bytes: template(
    1,
    (x) =>
      `CASE WHEN ${x} IS NULL OR list_count(${x}) < len(${x}) THEN NULL ELSE unhex(array_to_string(list_transform(${x}, lambda bq_e: CASE WHEN bq_e NOT BETWEEN 0 AND 255 THEN ${raise("'Invalid ASCII value ' || bq_e")} ELSE lpad(hex(bq_e), 2, '0') END), '')) END`,
  ),
  generate_uuid: () => 'CAST(uuid() AS VARCHAR)',
  session_user: (call) => sqls(call)[0] ?? missingSession(),
};

function missingSession(): never {
  throw new BigQueryError('internalError', 'SESSION_USER was compiled without the caller');
}
