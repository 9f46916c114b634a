// String functions over STRING and BYTES: DuckDB's own, hexadecimal text, or JavaScript (udf/text.ts, udf/byte-strings.ts).
// Positions and lengths count Unicode code points, as in GoogleSQL. Source: "String functions" of the GoogleSQL reference.
import type { GType } from '../types.ts';
import { castSql } from '../values/cast.ts';
import { quoteText } from '../values/literal.ts';
import { fieldSql } from '../values/sql-text.ts';
import { argument, bind, byCount, byType, constantText, kindOf, native, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** Unicode White_Space, which TRIM takes off by default. */
const WHITE_SPACE =
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

/** Calls a function of `functions/udf`, text in and text out. */
function udf(name: string): ScalarFunction {
  return (call) => {
    for (const arg of call.args) if (arg.type.kind === 'BYTES') throw unsupportedFunction(`${call.name} (BYTES)`);
    return `${name}(${call.args.map((arg) => (arg.type.kind === 'STRING' ? arg.sql : `CAST(${arg.sql} AS VARCHAR)`)).join(', ')})`;
  };
}

/** A typed function of register-typed.ts with these arguments. */
function ofBytes(name: string, ...more: string[]): ScalarFunction {
  return (call) => `bq_${name}_bytes(${[...sqls(call), ...more].join(', ')})`;
}

const SIDES = { trim: "'lr'", ltrim: "'l'", rtrim: "'r'" } as const;

const trimmed = (name: 'trim' | 'ltrim' | 'rtrim'): ScalarFunction =>
  byType({
    STRING: byCount({
      1: (call) => `${name}(${sqls(call)[0]}, ${quoteText(WHITE_SPACE)})`,
      2: native(name),
    }),
    BYTES: byCount({ 2: ofBytes('trim', SIDES[name]) }),
  });

/** `hex(x)` has two digits for each byte: positions and lengths double. */
function substring(call: Call, start: (x: string, length: string) => string, count?: string): (x: string) => string {
  if (kindOf(call) === 'BYTES') {
    return (x) =>
      `unhex(substring(hex(${x}), (${start(x, `octet_length(${x})`)}) * 2 - 1${count === undefined ? '' : `, (${count}) * 2`}))`;
  }
  return (x) => `substring(${x}, ${start(x, `length(${x})`)}${count === undefined ? '' : `, ${count}`})`;
}

/** DuckDB's positions have 32 bits; no text is as long. */
const MAX_POSITION = 1_000_000_000n;

const substr: ScalarFunction = (call) => {
  argument(call, 1);
  const position = call.args[1]?.constant?.value;
  const length = call.args[2]?.constant?.value;
  if (
    typeof position === 'bigint' &&
    position >= 1n &&
    position <= MAX_POSITION &&
    kindOf(call) === 'STRING' &&
    (call.args.length === 2 || (typeof length === 'bigint' && length >= 0n && length <= MAX_POSITION))
  ) {
    return `substring(${sqls(call).join(', ')})`;
  }
  return bind(sqls(call), (x, p, n) => {
    const start = (_: string, size: string): string =>
      `CASE WHEN ${p} > 0 THEN least(${p}, ${MAX_POSITION}) WHEN ${p} = 0 THEN 1 ELSE greatest(${size} + ${p} + 1, 1) END`;
    const cut = substring(call, start, n === undefined ? undefined : `least(${n}, ${MAX_POSITION})`)(x);
    return n === undefined
      ? `(CASE WHEN ${p} IS NOT NULL THEN ${cut} END)`
      : `(CASE WHEN ${p} IS NULL OR ${n} IS NULL THEN NULL WHEN ${n} < 0 THEN ${raise("'Third argument in SUBSTR() cannot be negative'")} ELSE ${cut} END)`;
  });
};

function end(side: 'LEFT' | 'RIGHT'): ScalarFunction {
  return (call) =>
    bind(sqls(call), (x, n) => {
      const start = (_: string, size: string): string =>
        side === 'LEFT' ? '1' : `greatest(${size} - least(${n}, ${MAX_POSITION}) + 1, 1)`;
      return `(CASE WHEN ${n} IS NULL THEN NULL WHEN ${n} < 0 THEN ${raise(`'Second argument in ${side}() cannot be negative'`)} ELSE ${substring(call, start, `least(${n}, ${MAX_POSITION})`)(x)} END)`;
    });
}

function pad(name: 'LPAD' | 'RPAD'): ScalarFunction {
  return (call) => {
    const kind = kindOf(call);
    if (kind !== 'STRING' && kind !== 'BYTES') throw unsupportedFunction(`${name} (${kind})`);
    const [x, n, filling = kind === 'STRING' ? "' '" : "'\\x20'::BLOB"] = sqls(call);
    const side = name === 'LPAD' ? 'l' : 'r';
    return bind(
      [x!, n!, filling],
      (text, size, fill) =>
        `(CASE WHEN ${text} IS NULL OR ${size} IS NULL OR ${fill} IS NULL THEN NULL WHEN ${size} < 0 THEN ${raise(`'Second argument (output size) for LPAD/RPAD cannot be negative'`)} WHEN ${kind === 'STRING' ? 'strlen' : 'octet_length'}(${fill}) = 0 THEN ${raise(`'Third argument (pad pattern) for LPAD/RPAD cannot be empty'`)} WHEN ${size} > 1048576 THEN ${raise(`'Output of LPAD/RPAD exceeds max allowed output size of 1MB'`)} ELSE ${kind === 'STRING' ? `${side}pad(${text}, CAST(${size} AS INTEGER), ${fill})` : `bq_pad_bytes(${text}, ${size}, ${fill}, '${side}')`} END)`,
    );
  };
}

const repeat: ScalarFunction = (call) =>
  template(2, (x, n) => {
    const repeated = kindOf(call) === 'BYTES' ? `unhex(repeat(hex(${x}), ${n}))` : `repeat(${x}, ${n})`;
    return `CASE WHEN ${x} IS NULL OR ${n} IS NULL THEN NULL WHEN ${n} < 0 THEN ${raise("'Second argument (repeat count) for REPEAT cannot be negative'")} WHEN CAST(${kindOf(call) === 'BYTES' ? 'octet_length' : 'strlen'}(${x}) AS HUGEINT) * ${n} > 1048576 THEN ${raise("'Output of REPEAT exceeds max allowed output size of 1MB'")} ELSE ${repeated} END`;
  })(call);

const split: ScalarFunction = (call) => {
  if (kindOf(call) === 'BYTES') return ofBytes('split')(call);
  const [x, delimiter = "','"] = sqls(call);
  return bind(
    [x!, delimiter],
    (text, d) =>
      `(CASE WHEN ${text} IS NULL OR ${d} IS NULL THEN NULL WHEN ${text} = '' THEN [''] ELSE string_split(${text}, ${d}) END)`,
  );
};

/** Letters that become several, or whose case depends on their neighbours: DuckDB maps letters one by one. */
const SPECIAL_LETTERS = {
  upper: '[ßŉǰΐΰև\\x{1E96}-\\x{1E9E}\\x{1F50}-\\x{1FFF}\\x{FB00}-\\x{FB17}]',
  lower: '[ΣİẞΩKÅ\\x{1F88}-\\x{1FFF}]',
} as const;

function letterCase(name: 'upper' | 'lower'): ScalarFunction {
  return byType({
    STRING: template(
      1,
      (x) =>
        `CASE WHEN strlen(${x}) > length(${x}) AND regexp_matches(${x}, ${quoteText(SPECIAL_LETTERS[name])}) THEN bq_${name}(${x}) ELSE ${name}(${x}) END`,
    ),
    BYTES: ofBytes(name),
  });
}

const hexPair = (name: 'starts_with' | 'ends_with'): ScalarFunction =>
  byType({
    STRING: native(name),
    BYTES: (call) => `${name}(hex(${sqls(call)[0]}), hex(${sqls(call)[1]}))`,
  });

const normalizeForm = (call: Call): string => {
  const mode = call.args.length === 1 ? 'NFC' : constantText(call, 1);
  if (mode === undefined || !['NFC', 'NFKC', 'NFD', 'NFKD'].includes(mode)) throw unsupportedFunction(call.name);
  return mode;
};

const concat: ScalarFunction = (call) => `(${sqls(call).join(' || ')})`;

/** The test of one value; NULL where the value is NULL or has a NULL part and none that contains the text. */
function containsIn(sql: string, type: GType, search: string, scope: string, depth = 0): string {
  switch (type.kind) {
    case 'STRUCT': {
      const fields = type.fields.map((field, i) => containsIn(fieldSql(sql, i), field.type, search, scope, depth));
      return `(CASE WHEN ${sql} IS NULL THEN NULL ELSE (${fields.join(' OR ')}) END)`;
    }
    case 'ARRAY': {
      const item = `bq_s${depth}`;
      const hits = `list_transform(${sql}, lambda ${item}: ${containsIn(item, type.element, search, scope, depth + 1)})`;
      return bind(
        [hits],
        (list) =>
          `(CASE WHEN ${list} IS NULL THEN NULL WHEN list_contains(${list}, true) THEN true WHEN list_count(${list}) < len(${list}) THEN NULL ELSE false END)`,
      );
    }
    case 'JSON':
      return `bq_contains_json(CAST(${sql} AS VARCHAR), ${search}, ${scope})`;
    case 'BYTES':
      throw unsupportedFunction('CONTAINS_SUBSTR (BYTES)');
    default: {
      const text = castSql({ sql, from: type, to: { kind: 'STRING' }, safe: false });
      return `(bq_contains_substr(${text}, ${search}) = 'true')`;
    }
  }
}

const containsSubstr: ScalarFunction = (call) => {
  const [, search, scope = "'JSON_VALUES'"] = sqls(call);
  const value = argument(call, 0);
  return bind(
    [value.sql, search!],
    (x, text) =>
      `(CASE WHEN ${text} IS NULL THEN ${raise("'CONTAINS_SUBSTR: The search value cannot be NULL'")} ELSE ${containsIn(x, value.type, text, scope)} END)`,
  );
};

/** STRPOS finds an empty text at the beginning, INSTR nowhere. */
const strposBytes: ScalarFunction = template(
  2,
  (x, y) =>
    `CASE WHEN ${x} IS NULL OR ${y} IS NULL THEN NULL WHEN octet_length(${y}) = 0 THEN 1 ELSE bq_instr_bytes(${x}, ${y}, 1, 1) END`,
);

export const stringFunctions: Readonly<Record<string, ScalarFunction>> = {
  concat,
  $concat_op: (call) =>
    kindOf(call) === 'ARRAY'
      ? template(2, (a, b) => `CASE WHEN ${a} IS NULL OR ${b} IS NULL THEN NULL ELSE list_concat(${a}, ${b}) END`)(call)
      : concat(call),
  length: byType({ STRING: native('length'), BYTES: native('octet_length') }),
  char_length: native('length'),
  character_length: native('length'),
  byte_length: byType({ STRING: native('strlen'), BYTES: native('octet_length') }),
  octet_length: byType({ STRING: native('strlen'), BYTES: native('octet_length') }),
  substr,
  substring: substr,
  left: end('LEFT'),
  right: end('RIGHT'),
  upper: letterCase('upper'),
  lower: letterCase('lower'),
  initcap: (call) =>
    call.args.length === 1
      ? `bq_initcap(${sqls(call)[0]}, ${quoteText(' \t\n\v\f\r[](){}/|\\<>!?@"^#$&~_,.:;*%+-')})`
      : udf('bq_initcap')(call),
  trim: trimmed('trim'),
  ltrim: trimmed('ltrim'),
  rtrim: trimmed('rtrim'),
  replace: byType({ STRING: native('replace'), BYTES: ofBytes('replace') }),
  translate: byType({ STRING: udf('bq_translate'), BYTES: ofBytes('translate') }),
  reverse: byType({ STRING: (call) => `bq_reverse(${sqls(call)[0]})`, BYTES: ofBytes('reverse') }),
  repeat,
  lpad: pad('LPAD'),
  rpad: pad('RPAD'),
  split,
  starts_with: hexPair('starts_with'),
  ends_with: hexPair('ends_with'),
  strpos: byType({ STRING: native('strpos'), BYTES: strposBytes }),
  instr: byType({
    STRING: byCount({
      2: native('strpos'),
      3: (call) =>
        `CAST(bq_instr(${sqls(call)[0]}, ${sqls(call)[1]}, CAST(${sqls(call)[2]} AS VARCHAR), '1') AS BIGINT)`,
      4: (call) => `CAST(${udf('bq_instr')(call)} AS BIGINT)`,
    }),
    BYTES: byCount({ 2: ofBytes('instr', '1', '1'), 3: ofBytes('instr', '1'), 4: ofBytes('instr') }),
  }),
  contains_substr: containsSubstr,
  ascii: byType({
    BYTES: template(
      1,
      (x) => `CASE WHEN octet_length(${x}) = 0 THEN 0 ELSE CAST('0x' || substring(hex(${x}), 1, 2) AS BIGINT) END`,
    ),
    STRING: template(
      1,
      (x) =>
        `CASE WHEN ${x} = '' THEN 0 WHEN unicode(${x}) > 127 THEN ${raise(`'First char of input is not ASCII: "' || ${x} || '"'`)} ELSE CAST(unicode(${x}) AS BIGINT) END`,
    ),
  }),
  unicode: template(1, (x) => `CASE WHEN ${x} = '' THEN 0 ELSE CAST(unicode(${x}) AS BIGINT) END`),
  chr: template(
    1,
    (x) =>
      `CASE WHEN ${x} < 0 OR ${x} > 1114111 OR ${x} BETWEEN 55296 AND 57343 THEN ${raise(`'Invalid codepoint ' || ${x}`)} ELSE chr(CAST(${x} AS INTEGER)) END`,
  ),
  to_code_points: byType({
    BYTES: template(
      1,
      (x) =>
        `CASE WHEN ${x} IS NULL THEN NULL ELSE list_transform(generate_series(1, octet_length(${x})), lambda bq_e: CAST('0x' || substring(hex(${x}), 2 * bq_e - 1, 2) AS BIGINT)) END`,
    ),
    STRING: template(
      1,
      (x) =>
        `CASE WHEN ${x} IS NULL THEN NULL WHEN ${x} = '' THEN CAST([] AS BIGINT[]) ELSE list_transform(string_split(${x}, ''), lambda bq_e: CAST(unicode(bq_e) AS BIGINT)) END`,
    ),
  }),
  code_points_to_string: template(
    1,
    (x) =>
      `CASE WHEN ${x} IS NULL OR list_count(${x}) < len(${x}) THEN NULL ELSE array_to_string(list_transform(${x}, lambda bq_e: CASE WHEN bq_e < 0 OR bq_e > 1114111 OR bq_e BETWEEN 55296 AND 57343 THEN ${raise("'Invalid codepoint ' || bq_e")} ELSE chr(CAST(bq_e AS INTEGER)) END), '') END`,
  ),
  normalize: (call) => `bq_normalize(${sqls(call)[0]}, ${quoteText(normalizeForm(call))})`,
  normalize_and_casefold: (call) => `bq_normalize_and_casefold(${sqls(call)[0]}, ${quoteText(normalizeForm(call))})`,
  soundex: udf('bq_soundex'),
  edit_distance: (call) => {
    const limit = call.args.length > 2 ? [] : ['9223372036854775807'];
    return `bq_edit_distance${kindOf(call) === 'BYTES' ? '_bytes' : ''}(${[...sqls(call), ...limit].join(', ')})`;
  },
};
