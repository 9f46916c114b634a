// Regular expressions. DuckDB's RE2 where it gives GoogleSQL's answer; else our own matcher (regular-expression/),
// which also knows BYTES, positions and groups that took no part in a match.
// Source: "REGEXP_*" of the GoogleSQL reference's string functions.
import { BigQueryError } from '../../bigquery-error.ts';
import { argument, bind, constantText, kindOf, sqls } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { patternShape, type PatternShape } from './regular-expression/shape.ts';
import { unsupportedFunction } from './unsupported.ts';

/** A call of our own matcher, with the arguments that the query left out. */
function own(call: Call, name: string, defaults: readonly string[] = []): string {
  const kind = kindOf(call);
  if (kind !== 'STRING' && kind !== 'BYTES') throw unsupportedFunction(`${call.name} (${kind})`);
  const missing = defaults.slice(call.args.length - 2);
  return `bq_${name}${kind === 'BYTES' ? '_bytes' : ''}(${[...sqls(call), ...missing].join(', ')})`;
}

/** The shape of a constant pattern over text; undefined where only the run shows it. */
function constantShape(call: Call): PatternShape | undefined {
  const pattern = constantText(call, 1);
  return pattern === undefined || kindOf(call) !== 'STRING' ? undefined : patternShape(pattern);
}

function refuseManyGroups(shape: PatternShape | undefined): void {
  if (shape !== undefined && shape.groups > 1)
    throw new BigQueryError(
      'invalidQuery',
      'Regular expressions passed into extraction functions must not have more than 1 capturing group',
    );
}

const extract: ScalarFunction = (call) => {
  const shape = constantShape(call);
  refuseManyGroups(shape);
  if (shape === undefined || shape.mayLeaveGroupOut || call.args.length > 2)
    return own(call, 'regexp_extract', ['1', '1']);
  return bind(
    sqls(call),
    (x, re) => `(CASE WHEN regexp_matches(${x}, ${re}) THEN regexp_extract(${x}, ${re}, ${shape.groups}) END)`,
  );
};

const extractAll: ScalarFunction = (call) => {
  const shape = constantShape(call);
  refuseManyGroups(shape);
  // The engines disagree about empty matches beside others and about groups that took no part.
  if (shape === undefined || shape.mayBeEmpty || shape.mayLeaveGroupOut) return own(call, 'regexp_extract_all');
  return `regexp_extract_all(${sqls(call).join(', ')}, ${shape.groups})`;
};

const replace: ScalarFunction = (call) => {
  const [shape, rewrite] = [constantShape(call), constantText(call, 2)];
  const escapes = rewrite?.replaceAll('\\\\', '');
  if (shape === undefined || shape.mayBeEmpty || escapes === undefined || /\\(?!\d)/.test(escapes))
    return own(call, 'regexp_replace');
  const wanted = Math.max(0, ...Array.from(escapes.matchAll(/\\(\d)/g), (match) => Number(match[1])));
  if (wanted > shape.groups)
    throw new BigQueryError(
      'invalidQuery',
      `Invalid REGEXP_REPLACE pattern: Rewrite schema requests ${wanted} matches, but the regexp only has ${shape.groups} parenthesized subexpressions.`,
    );
  return `regexp_replace(${sqls(call).join(', ')}, 'g')`;
};

export const regexpFunctions: Readonly<Record<string, ScalarFunction>> = {
  regexp_contains: (call) =>
    argument(call, 0).type.kind === 'STRING'
      ? `regexp_matches(${sqls(call).join(', ')})`
      : own(call, 'regexp_contains'),
  regexp_extract: extract,
  regexp_substr: extract,
  regexp_extract_all: extractAll,
  regexp_replace: replace,
  regexp_instr: (call) => own(call, 'regexp_instr', ['1', '1', '0']),
};
