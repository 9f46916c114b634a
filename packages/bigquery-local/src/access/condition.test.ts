import { describe, expect, it } from 'vitest';

import { compileCondition } from './condition.ts';

const NOON = Date.parse('2026-06-01T12:00:00Z');

function holds(expression: string, now = NOON): boolean {
  const compiled = compileCondition(expression);
  if (compiled.kind === 'unsupported') throw new Error(compiled.message);
  return compiled.holdsAt(now);
}

describe('conditions of time', () => {
  it.each([
    ['request.time < timestamp("2026-06-01T12:00:01Z")', true],
    ['request.time < timestamp("2026-06-01T12:00:00Z")', false],
    ['request.time <= timestamp("2026-06-01T12:00:00Z")', true],
    ['request.time >= timestamp("2026-06-01T14:00:00+02:00")', true],
    ["request.time > timestamp('2026-06-01T12:00:00.001Z')", false],
    ['timestamp("2026-01-01T00:00:00Z") < request.time', true],
    ['request.time == timestamp("2026-06-01T12:00:00Z")', true],
    ['request.time != timestamp("2026-06-01T12:00:00Z")', false],
    ['request.time > timestamp("2026-01-01T00:00:00Z") && request.time < timestamp("2026-12-31T00:00:00Z")', true],
    ['request.time < timestamp("2026-01-01T00:00:00Z") || request.time > timestamp("2026-05-01T00:00:00Z")', true],
    // && binds closer than ||.
    ['true || request.time < timestamp("2026-01-01T00:00:00Z") && false', true],
    ['(true || true) && false', false],
    ['!(request.time < timestamp("2026-01-01T00:00:00Z"))', true],
    ['\n request.time<timestamp("2027-01-01T00:00:00Z")\t', true],
  ])('%s is %s at noon of the first of June 2026', (expression, expected) => {
    expect(holds(expression)).toBe(expected);
  });

  it('changes with the clock, not with the policy', () => {
    const expression = 'request.time < timestamp("2026-06-01T12:00:00Z")';
    expect([holds(expression, NOON - 1), holds(expression, NOON)]).toEqual([true, false]);
  });

  it.each([
    ['resource.name == "projects/p"', '"resource.name"'],
    ['resource.type.startsWith("bigquery")', '"resource.type.startsWith"'],
    ['request.time.getHours("Europe/Berlin") < 9', '"request.time.getHours"'],
    ['request.time < duration("1h")', '"duration"'],
    ['request.time < timestamp("2026-06-01")', 'timestamp("2026-06-01") (an RFC 3339 time is expected)'],
    ['request.time < timestamp(1)', 'timestamp(1) (an RFC 3339 time is expected)'],
    [
      'request.time < timestamp("2026-13-01T00:00:00Z")',
      'timestamp("2026-13-01T00:00:00Z") (an RFC 3339 time is expected)',
    ],
    ['request.time < timestamp("2026-06-01T00:00:00Z") + duration("1h")', '"+"'],
    ['request.time', 'the end of the expression'],
    ['', '""'],
    ['(true', 'a missing ")"'],
    ['true true', '"true"'],
    ['true & false', '"& false"'],
    ['"a" == "a"', '""a""'],
    ['!'.repeat(100), 'an expression that is nested so deeply'],
    ['('.repeat(1000), 'an expression that is nested so deeply'],
    [' '.repeat(2001), 'an expression of more than 2000 characters'],
  ])('refuses %s and names what it cannot enforce', (expression, named) => {
    expect(compileCondition(expression)).toEqual({ kind: 'unsupported', message: named });
  });
});
