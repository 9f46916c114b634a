// The REGEXP_* calls that DuckDB cannot make: on BYTES, from a position, with groups that may take no part, with
// patterns known only at run time. Positions count code points of text and bytes of BYTES, from 1.
// Source: "REGEXP_*" of the GoogleSQL reference's string functions.
import { RegularExpression, type Match } from '../regular-expression/match.ts';

/** A text or BYTES as codes, and the way back. */
type Subject<T> = { readonly codes: ArrayLike<number>; readonly cut: (from: number, to: number) => T };

function ofText(text: string): Subject<string> {
  const points = Array.from(text);
  return { codes: points.map((c) => c.codePointAt(0)!), cut: (from, to) => points.slice(from, to).join('') };
}

function ofBytes(bytes: Uint8Array): Subject<Uint8Array> {
  return { codes: bytes, cut: (from, to) => bytes.subarray(from, to) };
}

function bytePattern(pattern: Uint8Array): RegularExpression {
  return RegularExpression.of(Buffer.from(pattern).toString('latin1'), true);
}

/** All matches; after an empty one the search goes on one code further. The end of a text is not searched, save of an empty one. */
function* matches(expression: RegularExpression, codes: ArrayLike<number>): Generator<Match> {
  for (let at = 0; at < Math.max(codes.length, 1);) {
    const match = expression.find(codes, at);
    if (match === undefined) return;
    yield match;
    at = match[1]! > match[0]! ? match[1]! : match[1]! + 1;
  }
}

function oneGroup(expression: RegularExpression): void {
  if (expression.groups > 1)
    throw new Error('Regular expressions passed into extraction functions must not have more than 1 capturing group');
}

/** The text from a position on: `^` and `\b` do not see what lies before. */
function tail(codes: ArrayLike<number>, position: bigint): ArrayLike<number> {
  return Array.prototype.slice.call(codes, Number(position) - 1) as number[];
}

function nth(found: Iterable<Match>, occurrence: bigint): Match | undefined {
  let left = occurrence;
  for (const match of found) if (--left === 0n) return match;
  return undefined;
}

function extract<T>(
  expression: RegularExpression,
  subject: Subject<T>,
  position: bigint,
  occurrence: bigint,
): T | null {
  oneGroup(expression);
  if (position < 1n) throw new Error('Position must be positive');
  if (occurrence < 1n) throw new Error('Occurrence must be positive');
  if (position > BigInt(Math.max(subject.codes.length, 1))) return null;
  const match = nth(matches(expression, tail(subject.codes, position)), occurrence);
  if (match === undefined) return null;
  const slot = expression.groups === 0 ? 0 : 2;
  if (match[slot]! < 0) return null;
  const before = Number(position) - 1;
  return subject.cut(before + match[slot]!, before + match[slot + 1]!);
}

/** A group that took no part is empty here, not NULL. */
function extractAll<T>(expression: RegularExpression, subject: Subject<T>): T[] {
  oneGroup(expression);
  const slot = expression.groups === 0 ? 0 : 2;
  return Array.from(matches(expression, subject.codes), (match) =>
    match[slot]! < 0 ? subject.cut(0, 0) : subject.cut(match[slot]!, match[slot + 1]!),
  );
}

/** Where an empty match lies is not documented. */
function* neverEmpty(found: Iterable<Match>): Generator<Match> {
  for (const match of found) {
    if (match[0] === match[1])
      throw new Error('REGEXP_INSTR with a pattern that matches nothing is not supported by the local BigQuery');
    yield match;
  }
}

function instr(
  expression: RegularExpression,
  codes: ArrayLike<number>,
  position: bigint,
  occurrence: bigint,
  end: bigint,
): bigint {
  oneGroup(expression);
  if (position < 1n) throw new Error('Position must be positive');
  if (occurrence < 1n) throw new Error('Occurrence must be positive');
  if (end !== 0n && end !== 1n) throw new Error('Invalid return_position_after_match.');
  if (position > BigInt(codes.length) || codes.length === 0) return 0n;
  const match = nth(neverEmpty(matches(expression, tail(codes, position))), occurrence);
  if (match === undefined) return 0n;
  const slot = (expression.groups === 0 ? 0 : 2) + Number(end);
  return match[slot]! < 0 ? 0n : BigInt(match[slot]!) + position;
}

function replace<T>(
  expression: RegularExpression,
  subject: Subject<T>,
  rewrite: string,
  literal: (text: string) => T,
): T[] {
  const template = rewritten(rewrite, expression.groups);
  const result: T[] = [];
  let copied = 0;
  let lastEnd = -1;
  for (let at = 0; at <= subject.codes.length;) {
    const match = expression.find(subject.codes, at);
    if (match === undefined) break;
    const [start, end] = [match[0]!, match[1]!];
    if (start === end && start === lastEnd) {
      // No empty match right behind another.
      at = end + 1;
      continue;
    }
    result.push(subject.cut(copied, start));
    for (const piece of template) {
      if (typeof piece === 'string') result.push(literal(piece));
      else if (match[2 * piece]! >= 0) result.push(subject.cut(match[2 * piece]!, match[2 * piece + 1]!));
    }
    copied = lastEnd = end;
    at = end;
    if (start === end) {
      result.push(subject.cut(end, end + 1));
      copied = at = end + 1;
    }
  }
  result.push(subject.cut(copied, subject.codes.length));
  return result;
}

/** `\1` refers to a group, `\\` is a backslash. */
function rewritten(rewrite: string, groups: number): (string | number)[] {
  const pieces = [...rewrite.matchAll(/\\(\d)|\\(\\)|(\\)|([^\\]+)/gs)].map(([, digit, backslash, alone, text]) => {
    if (alone !== undefined)
      throw new Error(
        `Invalid REGEXP_REPLACE pattern: Rewrite schema error: ${rewrite.endsWith('\\') ? "'\\' not allowed at end." : "'\\' must be followed by a digit or '\\'."}`,
      );
    return digit !== undefined ? Number(digit) : (backslash ?? text!);
  });
  const wanted = Math.max(0, ...pieces.filter((piece) => typeof piece === 'number'));
  if (wanted > groups)
    throw new Error(
      `Invalid REGEXP_REPLACE pattern: Rewrite schema requests ${wanted} matches, but the regexp only has ${groups} parenthesized subexpressions.`,
    );
  return pieces;
}

export function regexpContainsBytes(bytes: Uint8Array, pattern: Uint8Array): boolean {
  return bytePattern(pattern).find(bytes, 0) !== undefined;
}

export function regexpExtract(text: string, pattern: string, position: bigint, occurrence: bigint): string | null {
  return extract(RegularExpression.of(pattern), ofText(text), position, occurrence);
}

export function regexpExtractBytes(
  bytes: Uint8Array,
  pattern: Uint8Array,
  position: bigint,
  occurrence: bigint,
): Uint8Array | null {
  return extract(bytePattern(pattern), ofBytes(bytes), position, occurrence);
}

export function regexpExtractAll(text: string, pattern: string): string[] {
  return extractAll(RegularExpression.of(pattern), ofText(text));
}

export function regexpExtractAllBytes(bytes: Uint8Array, pattern: Uint8Array): Uint8Array[] {
  return extractAll(bytePattern(pattern), ofBytes(bytes));
}

export function regexpInstr(text: string, pattern: string, position: bigint, occurrence: bigint, end: bigint): bigint {
  return instr(RegularExpression.of(pattern), ofText(text).codes, position, occurrence, end);
}

export function regexpInstrBytes(
  bytes: Uint8Array,
  pattern: Uint8Array,
  position: bigint,
  occurrence: bigint,
  end: bigint,
): bigint {
  return instr(bytePattern(pattern), bytes, position, occurrence, end);
}

export function regexpReplace(text: string, pattern: string, rewrite: string): string {
  return replace(RegularExpression.of(pattern), ofText(text), rewrite, (piece) => piece).join('');
}

export function regexpReplaceBytes(bytes: Uint8Array, pattern: Uint8Array, rewrite: Uint8Array): Uint8Array {
  const literal = (piece: string): Uint8Array => Buffer.from(piece, 'latin1');
  return Buffer.concat(
    replace<Uint8Array>(bytePattern(pattern), ofBytes(bytes), Buffer.from(rewrite).toString('latin1'), literal),
  );
}
