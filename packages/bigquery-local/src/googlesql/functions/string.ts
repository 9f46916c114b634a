// String functions, and the BYTES forms that can be had through hexadecimal text. BYTES forms that are not here are refused by name.
// Positions and lengths count Unicode code points, as in GoogleSQL. Source: "String functions" of the GoogleSQL reference.
import { quoteText } from '../values/literal.ts';
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

const trimmed = (name: 'trim' | 'ltrim' | 'rtrim'): ScalarFunction =>
  byType({
    STRING: byCount({
      1: (call) => `${name}(${sqls(call)[0]}, ${quoteText(WHITE_SPACE)})`,
      2: native(name),
    }),
  });

/** `hex(x)` has two digits for each byte: positions and lengths double. */
function substring(call: Call, start: (x: string, length: string) => string, count?: string): (x: string) => string {
  if (kindOf(call) === 'BYTES') {
    return (x) =>
      `unhex(substring(hex(${x}), (${start(x, `octet_length(${x})`)}) * 2 - 1${count === undefined ? '' : `, (${count}) * 2`}))`;
  }
  return (x) => `substring(${x}, ${start(x, `length(${x})`)}${count === undefined ? '' : `, ${count}`})`;
}

const substr: ScalarFunction = (call) => {
  argument(call, 1);
  const position = call.args[1]?.constant?.value;
  const length = call.args[2]?.constant?.value;
  if (
    typeof position === 'bigint' &&
    position >= 1n &&
    kindOf(call) === 'STRING' &&
    (call.args.length === 2 || (typeof length === 'bigint' && length >= 0n))
  ) {
    return `substring(${sqls(call).join(', ')})`;
  }
  return bind(sqls(call), (x, p, n) => {
    const start = (_: string, size: string): string =>
      `CASE WHEN ${p} > 0 THEN ${p} WHEN ${p} = 0 THEN 1 ELSE greatest(${size} + ${p} + 1, 1) END`;
    const cut = substring(call, start, n)(x);
    return n === undefined
      ? `(CASE WHEN ${p} IS NOT NULL THEN ${cut} END)`
      : `(CASE WHEN ${p} IS NULL OR ${n} IS NULL THEN NULL WHEN ${n} < 0 THEN ${raise("'Third argument in SUBSTR() cannot be negative'")} ELSE ${cut} END)`;
  });
};

function end(side: 'LEFT' | 'RIGHT'): ScalarFunction {
  return (call) =>
    bind(sqls(call), (x, n) => {
      const start = (_: string, size: string): string => (side === 'LEFT' ? '1' : `greatest(${size} - ${n} + 1, 1)`);
      return `(CASE WHEN ${n} IS NULL THEN NULL WHEN ${n} < 0 THEN ${raise(`'Second argument in ${side}() cannot be negative'`)} ELSE ${substring(call, start, n)(x)} END)`;
    });
}

function pad(name: 'LPAD' | 'RPAD'): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'STRING') throw unsupportedFunction(`${name} (${kindOf(call)})`);
    const [x, n, filling = "' '"] = sqls(call);
    return bind(
      [x!, n!, filling],
      (text, size, fill) =>
        `(CASE WHEN ${size} < 0 THEN ${raise(`'Second argument (output size) for LPAD/RPAD cannot be negative'`)} WHEN ${fill} = '' THEN ${raise(`'Third argument (pad pattern) for LPAD/RPAD cannot be empty'`)} WHEN ${size} > 1048576 THEN ${raise(`'Output of ${name} exceeds max allowed output size of 1MB'`)} ELSE ${name.toLowerCase()}(${text}, CAST(${size} AS INTEGER), ${fill}) END)`,
    );
  };
}

const repeat: ScalarFunction = template(
  2,
  (x, n) =>
    `CASE WHEN ${n} < 0 THEN ${raise("'Second argument (repeat count) for REPEAT cannot be negative'")} WHEN CAST(octet_length(CAST(${x} AS BLOB)) AS HUGEINT) * ${n} > 1048576 THEN ${raise("'Output of REPEAT exceeds max allowed output size of 1MB'")} ELSE repeat(${x}, ${n}) END`,
);

const split: ScalarFunction = (call) => {
  if (kindOf(call) !== 'STRING') throw unsupportedFunction(`SPLIT (${kindOf(call)})`);
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
      ? `bq_initcap(${sqls(call)[0]}, ${quoteText(' \t\n\v\f\r[](){}/|<>!?@"^#$&~_,.:;*%+-')})`
      : udf('bq_initcap')(call),
  trim: trimmed('trim'),
  ltrim: trimmed('ltrim'),
  rtrim: trimmed('rtrim'),
  replace: byType({ STRING: native('replace') }),
  translate: udf('bq_translate'),
  reverse: byType({ STRING: (call) => `bq_reverse(${sqls(call)[0]})` }),
  repeat,
  lpad: pad('LPAD'),
  rpad: pad('RPAD'),
  split,
  starts_with: hexPair('starts_with'),
  ends_with: hexPair('ends_with'),
  strpos: byType({ STRING: native('strpos') }),
  instr: byType({
    STRING: byCount({
      2: native('strpos'),
      3: (call) =>
        `CAST(bq_instr(${sqls(call)[0]}, ${sqls(call)[1]}, CAST(${sqls(call)[2]} AS VARCHAR), '1') AS BIGINT)`,
      4: (call) => `CAST(${udf('bq_instr')(call)} AS BIGINT)`,
    }),
  }),
  contains_substr: (call) => {
    if (kindOf(call) !== 'STRING' || call.args.length !== 2)
      throw unsupportedFunction(`CONTAINS_SUBSTR (${kindOf(call)})`);
    return `(bq_contains_substr(${sqls(call).join(', ')}) = 'true')`;
  },
  ascii: byType({
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
    STRING: template(
      1,
      (x) =>
        `CASE WHEN ${x} IS NULL THEN NULL WHEN ${x} = '' THEN CAST([] AS BIGINT[]) ELSE list_transform(string_split(${x}, ''), lambda bq_e: CAST(unicode(bq_e) AS BIGINT)) END`,
    ),
  }),
  code_points_to_string: template(
    1,
    (x) =>
      `CASE WHEN ${x} IS NULL OR list_count(${x}) < len(${x}) THEN NULL ELSE array_to_string(list_transform(${x}, lambda bq_e: chr(CAST(bq_e AS INTEGER))), '') END`,
  ),
  normalize: (call) => `bq_normalize(${sqls(call)[0]}, ${quoteText(normalizeForm(call))})`,
  normalize_and_casefold: (call) => `bq_normalize_and_casefold(${sqls(call)[0]}, ${quoteText(normalizeForm(call))})`,
  soundex: udf('bq_soundex'),
  edit_distance: (call) => {
    if (call.args.length !== 2 || kindOf(call) !== 'STRING')
      throw unsupportedFunction('EDIT_DISTANCE with these arguments');
    return `CAST(levenshtein(${sqls(call).join(', ')}) AS BIGINT)`;
  },
};
