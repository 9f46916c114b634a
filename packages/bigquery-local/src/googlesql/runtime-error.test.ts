import { describe, expect, it } from 'vitest';

import { BigQueryError } from '../bigquery-error.ts';
import { mapRuntimeError } from './runtime-error.ts';

it('gives the limits of JavaScript functions their reason', () => {
  const text = 'Resources exceeded during query execution: UDF out of memory.';
  expect(mapRuntimeError(new Error(`Invalid Input Error: ${text}`))).toMatchObject({
    reason: 'resourcesExceeded',
    message: text,
  });
});

describe('mapRuntimeError', () => {
  it.each([
    [
      'Out of Range Error: Overflow in addition of INT64 (9223372036854775807 + 1)!',
      'int64 overflow: 9223372036854775807 + 1',
    ],
    ['Invalid Input Error: division by zero: 1 / 0', 'division by zero: 1 / 0'],
    [
      'Invalid Input Error: More than one row returned by a subquery used as an expression - scalar subqueries can only return a single row.',
      'Scalar subquery produced more than one element',
    ],
    ["Conversion Error: Could not convert string 'abc' to INT64\n\nLINE 1: SELECT …", 'Bad int64 value: abc'],
    [
      'Out of Range Error: STDDEV_SAMP is out of range!',
      'STDDEV of values this large is not supported by the local BigQuery',
    ],
    ["Not implemented Error: Unknown TimeZone 'Nope'!", 'Invalid time zone: Nope'],
    ['Constraint Error: NOT NULL constraint failed: t.id', 'Required field id cannot be null'],
  ])('turns %s into the text of BigQuery', (duck, text) => {
    const mapped = mapRuntimeError(new Error(duck));
    expect(mapped).toBeInstanceOf(BigQueryError);
    expect([mapped.reason, mapped.message]).toEqual(['invalidQuery', text]);
  });

  it('keeps what ERROR() raises', () => {
    expect(mapRuntimeError(new Error('Invalid Input Error: my own: message')).message).toBe('my own: message');
  });

  it('tells a cancelled job from a failed one', () => {
    expect(mapRuntimeError(new Error('INTERRUPT Error: Interrupted!')).reason).toBe('stopped');
  });

  it('tells memory that ran out', () => {
    expect(mapRuntimeError(new Error('Out of Memory Error: failed to pin block of size 256.0 KiB')).reason).toBe(
      'resourcesExceeded',
    );
  });

  it('does not show what it does not know', () => {
    const mapped = mapRuntimeError(new Error('IO Error: Cannot open file "/home/me/data.duckdb"'));
    expect([mapped.reason, mapped.message]).toEqual([
      'internalError',
      'An internal error occurred and the request could not be completed.',
    ]);
  });

  it('lets errors of BigQuery through', () => {
    const error = new BigQueryError('notFound', 'Not found');
    expect(mapRuntimeError(error)).toBe(error);
  });
});
