// Regular expressions. Both engines use RE2. A pattern whose groups decide the meaning must be a constant.
// Source: "REGEXP_*" of the GoogleSQL reference's string functions.
import { BigQueryError } from '../../bigquery-error.ts';
import { bind, constantText, kindOf, sqls } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** Number of capturing groups of an RE2 pattern. */
function capturingGroups(pattern: string): number {
  let groups = 0;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '\\') {
      if (pattern[i + 1] === 'Q') {
        const stop = pattern.indexOf('\\E', i + 2);
        if (stop < 0) break;
        i = stop + 1;
      } else i++;
    } else if (c === '[') {
      i++;
      if (pattern[i] === '^') i++;
      if (pattern[i] === ']') i++;
      while (i < pattern.length && pattern[i] !== ']') {
        if (pattern[i] === '\\') i++;
        else if (pattern.startsWith('[:', i)) i = Math.max(i, pattern.indexOf(':]', i) + 1);
        i++;
      }
    } else if (c === '(' && (pattern[i + 1] !== '?' || /^\(\?P?<[A-Za-z_]/.test(pattern.slice(i, i + 6)))) groups++;
  }
  return groups;
}

function groupOf(call: Call): 0 | 1 {
  if (kindOf(call) !== 'STRING') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
  const pattern = constantText(call, 1);
  if (pattern === undefined) throw unsupportedFunction(`${call.name} with a pattern that is not constant`);
  const groups = capturingGroups(pattern);
  if (groups > 1)
    throw new BigQueryError(
      'invalidQuery',
      'Regular expressions passed into extraction functions must not have more than 1 capturing group',
    );
  return groups === 0 ? 0 : 1;
}

/**
 * A group that took no part in the match is NULL in GoogleSQL and '' in DuckDB. Where the pattern leaves that open and
 * the group could also have matched nothing, the two cannot be told apart and the call is refused.
 */
function participating(call: Call, group: 0 | 1, sql: string): string {
  const pattern = constantText(call, 1) ?? '';
  if (group === 0 || !mayBeSkipped(pattern)) return sql;
  const open = pattern.search(/(?<!\\)\((?!\?(?!P?<))/);
  const close = closing(pattern, open);
  const inside = pattern.slice(open + 1, close).replace(/^\?P?<\w+>/, '');
  if (mayMatchNothing(inside)) throw unsupportedFunction(`${call.name} with a group that may be empty or missing`);
  return `nullif(${sql}, '')`;
}

function mayMatchNothing(pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern.replaceAll('(?P<', '(?<')})$`, 'u').test('');
  } catch {
    // Not a pattern of JavaScript's: then nothing is known of it.
    return true;
  }
}

/** Whether something optional, repeated from zero or alternative stands outside character classes and escapes. */
function mayBeSkipped(pattern: string): boolean {
  return /\)(?:\?|\*|\{0|\{,)|\|/.test(pattern.replaceAll(/\\./gs, 'x').replaceAll(/\[\^?\]?[^\]]*\]/g, 'x'));
}

function closing(pattern: string, open: number): number {
  let depth = 0;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === '[') i = Math.max(i, pattern.indexOf(']', i + 2));
    else if (pattern[i] === '(') depth++;
    else if (pattern[i] === ')' && --depth === 0) return i;
  }
  return pattern.length;
}

const extract: ScalarFunction = (call) => {
  const group = groupOf(call);
  if (call.args.length === 2) {
    return bind(
      sqls(call),
      (x, pattern) =>
        `(CASE WHEN regexp_matches(${x}, ${pattern}) THEN ${participating(call, group, `regexp_extract(${x}, ${pattern}, ${group})`)} END)`,
    );
  }
  if (constantText(call, 1)?.match(/\^|\\b|\\B|\\A/) !== null)
    throw unsupportedFunction(`${call.name} with a position and an anchored pattern`);
  return bind(
    [...sqls(call), ...(call.args.length === 3 ? ['1'] : [])],
    (x, pattern, position, occurrence) =>
      `(CASE WHEN ${position} >= 1 AND ${occurrence} >= 1 THEN regexp_extract_all(substring(${x}, ${position}), ${pattern}, ${group})[${occurrence}] WHEN ${position} IS NULL OR ${occurrence} IS NULL THEN NULL ELSE ${invalidPosition(call)} END)`,
  );
};

function invalidPosition(call: Call): string {
  return `list_transform(['Invalid position or occurrence in ${call.name.toUpperCase()}'], lambda bq_m: error(bq_m))[1]`;
}

const instr: ScalarFunction = (call) => {
  const pattern = constantText(call, 1);
  if (kindOf(call) !== 'STRING' || call.args.length !== 2 || pattern === undefined || capturingGroups(pattern) > 0)
    throw unsupportedFunction('REGEXP_INSTR with these arguments');
  return bind(
    sqls(call),
    (x, re) =>
      `(CASE WHEN regexp_matches(${x}, ${re}) THEN length(regexp_extract(${x}, '^((?s:.*?))(?:' || ${re} || ')', 1)) + 1 WHEN ${x} IS NOT NULL THEN 0 END)`,
  );
};

function textOnly(make: (call: Call) => string): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'STRING') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    return make(call);
  };
}

export const regexpFunctions: Readonly<Record<string, ScalarFunction>> = {
  regexp_contains: textOnly((call) => `regexp_matches(${sqls(call).join(', ')})`),
  regexp_extract: extract,
  regexp_substr: extract,
  regexp_extract_all: (call) => {
    const group = groupOf(call);
    const pattern = constantText(call, 1) ?? '';
    if (group === 1 && mayBeSkipped(pattern))
      throw unsupportedFunction('REGEXP_EXTRACT_ALL with a group that may be missing');
    // The engines disagree about empty matches beside others.
    if (mayMatchNothing(pattern)) throw unsupportedFunction('REGEXP_EXTRACT_ALL with a pattern that may match nothing');
    return `regexp_extract_all(${sqls(call).join(', ')}, ${group})`;
  },
  regexp_replace: textOnly((call) => {
    const [pattern, rewrite] = [constantText(call, 1), constantText(call, 2)];
    if (rewrite === undefined || pattern === undefined) {
      throw unsupportedFunction('REGEXP_REPLACE with a pattern or replacement that is not constant');
    }
    const wanted = Math.max(
      0,
      ...Array.from(rewrite.replaceAll('\\\\', '').matchAll(/\\(\d)/g), (match) => Number(match[1])),
    );
    const groups = capturingGroups(pattern);
    if (wanted > groups) {
      throw new BigQueryError(
        'invalidQuery',
        `Invalid REGEXP_REPLACE pattern: Rewrite schema requests ${wanted} matches, but the regexp only has ${groups} parenthesized subexpressions.`,
      );
    }
    return `regexp_replace(${sqls(call).join(', ')}, 'g')`;
  }),
  regexp_instr: instr,
};
