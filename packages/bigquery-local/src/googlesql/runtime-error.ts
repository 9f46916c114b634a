// DuckDB's errors while a compiled statement runs → BigQuery's errors and texts.
import { BigQueryError } from '../bigquery-error.ts';
import { decimalText } from './values/text.ts';

type Rule = { readonly pattern: RegExp; readonly text: (match: RegExpExecArray) => string };

const OPERATORS: Readonly<Record<string, string>> = { addition: '+', subtraction: '-', multiplication: '*' };

/** Tried in order on DuckDB's message without its class (`Invalid Input Error: `). */
const RULES: readonly Rule[] = [
  {
    pattern: /^More than one row returned by a subquery/,
    text: () => 'Scalar subquery produced more than one element',
  },
  {
    pattern: /^Overflow in (addition|subtraction|multiplication) of INT(?:64|128) \((.+) [-+*] (.+)\)!?/,
    text: ([, operation, left, right]) => `int64 overflow: ${left} ${OPERATORS[operation!]!} ${right}`,
  },
  {
    pattern: /^Overflow in negation of (?:integer|numeric|INT64)/i,
    text: () => 'int64 overflow: --9223372036854775808',
  },
  {
    // DuckDB shows the digits of NUMERIC without their point, which stands before the last nine.
    pattern: /^Overflow in (add|subtract)\w* of DECIMAL\(38\) \((-?\d+) [-+] (-?\d+)\)/,
    text: ([, operation, left, right]) =>
      `numeric overflow: ${decimalText(BigInt(left!), 9)} ${operation === 'add' ? '+' : '-'} ${decimalText(BigInt(right!), 9)}`,
  },
  { pattern: /^Overflow in (?:add|subtract|multipl)\w* of DECIMAL/, text: () => 'numeric overflow' },
  { pattern: /^Casting value "-?[\d.]+" to type DECIMAL\(38,9\) failed/, text: () => 'numeric overflow' },
  {
    pattern:
      /Type INT128 with value (-?\d+) can't be cast because the value is out of range for the destination type INT64/,
    text: () => 'int64 overflow',
  },
  {
    pattern:
      /Type DOUBLE with value (\S+) can't be cast because the value is out of range for the destination type INT64/,
    text: ([, v]) => `Value is out of range: ${v}`,
  },
  { pattern: /^Could not convert string '(.*)' to INT64/s, text: ([, v]) => `Bad int64 value: ${v}` },
  { pattern: /^Could not convert string '(.*)' to DOUBLE/s, text: ([, v]) => `Bad double value: ${v}` },
  { pattern: /^Could not convert string '(.*)' to BOOL/s, text: ([, v]) => `Bad bool value: ${v}` },
  { pattern: /^invalid date field format: "(.*)"/s, text: ([, v]) => `Invalid date: '${v}'` },
  { pattern: /^invalid timestamp field format: "(.*?)"/s, text: ([, v]) => `Invalid timestamp: '${v}'` },
  {
    pattern: /^(STDDEV|VAR)\w* (?:for [XY] )?is out of range/,
    text: ([, name]) => `${name} of values this large is not supported by the local BigQuery`,
  },
  { pattern: /^Unknown TimeZone '(.*)'!/s, text: ([, zone]) => `Invalid time zone: ${zone}` },
  {
    pattern: /^NOT NULL constraint failed: (?:.*\.)?(.+)$/,
    text: ([, column]) => `Required field ${column} cannot be null`,
  },
  { pattern: /^cannot take square root of a negative number/, text: () => 'Argument to SQRT cannot be negative' },
  {
    pattern: /^cannot take logarithm of (?:zero|a negative number)/,
    text: () => 'Floating point error in function: LN',
  },
  {
    // RE2's own words.
    pattern:
      /^((?:missing [)\]]|no argument for repetition operator|invalid (?:escape sequence|character class|repetition size|perl operator|named capture group|UTF-8)|bad repetition operator|trailing \\|unexpected \)|pattern too large).*)$/s,
    text: ([m]) => `Cannot parse regular expression: ${m}`,
  },
];

/** The error for the caller of a query. Errors that are BigQuery's already pass through. */
export function mapRuntimeError(error: unknown): BigQueryError {
  if (error instanceof BigQueryError) return error;
  const full = error instanceof Error ? error.message : String(error);
  const [, duckClass = '', rest = full] = /^([A-Z][A-Za-z ]*?) Error: (.*)$/s.exec(full) ?? [];
  const message = rest.split('\n\nLINE ')[0]!.trim();
  if (full.startsWith('INTERRUPT') || /Interrupted!/.test(full)) {
    return new BigQueryError('stopped', 'Job execution was cancelled: User requested cancellation', { cause: error });
  }
  if (duckClass === 'Out of Memory' || /could not allocate|failed to (?:allocate|offload|pin)/i.test(message)) {
    return new BigQueryError(
      'resourcesExceeded',
      'Resources exceeded during query execution: The query could not be executed in the allotted memory.',
      { cause: error },
    );
  }
  // Limits of the sandbox of JavaScript functions.
  if (/^Resources exceeded during query execution: UDF (?:timed out|out of memory)\.$/.test(message))
    return new BigQueryError('resourcesExceeded', message, { cause: error });
  for (const { pattern, text } of RULES) {
    const match = pattern.exec(message);
    if (match !== null) return invalid(text(match), error);
  }
  switch (duckClass) {
    case 'Invalid Input':
      // What error('…') raises, in the query itself and in the function library.
      return invalid(message, error);
    case 'Conversion':
    case 'Out of Range':
      return invalid(message, error);
    case 'Constraint':
      return invalid(message, error);
    case 'Binder':
    case 'Not implemented':
    case 'Parser':
    case 'Catalog':
      return invalid(`This query is not supported by the local BigQuery (${message.split('\n')[0]!})`, error);
    default:
      return new BigQueryError('internalError', 'An internal error occurred and the request could not be completed.', {
        cause: error,
      });
  }
}

function invalid(message: string, cause: unknown): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query', cause });
}
