import { describe, expect, it } from 'vitest';
import { BigQueryError } from '../../bigquery-error.ts';
import { placeOf } from '../../googlesql/script/script.ts';
import { errorVariables, RaisedError, relocated, ScriptFailure } from './script-failure.ts';

describe('places of a statement in its script', () => {
  it('move the first line by line and column, later ones by line only', () => {
    const origin = { line: 4, column: 7, before: 0 };
    expect(relocated('Unrecognized name: x at [1:8]', origin, undefined)).toBe('Unrecognized name: x at [4:14]');
    expect(relocated('Unrecognized name: x at [3:2]', origin, undefined)).toBe('Unrecognized name: x at [6:2]');
    expect(relocated('no place', origin, undefined)).toBe('no place');
  });

  it('leave out what was put before an expression, and name the procedure', () => {
    expect(relocated('bad at [1:8]', { line: 1, column: 5, before: 7 }, undefined)).toBe('bad at [1:5]');
    expect(relocated('bad at [2:8]', { line: 2, column: 5, before: 7 }, 'p.d.r')).toBe('bad at [p.d.r:3:8]');
  });

  it('count characters, not UTF-16 units', () => {
    expect(placeOf('SELECT "𝒳";\n "𝒳" x', 19)).toEqual({ line: 2, column: 6 });
  });
});

describe('@@error', () => {
  const trace = [
    { line: 2, column: 3, location: 'p.d.r' },
    { line: 9, column: 1, location: undefined },
  ];

  it('tells the message, the statement and the stack', () => {
    const failure = new ScriptFailure(new BigQueryError('invalidQuery', 'division by zero: 1 / 0'), {
      message: 'Query error: division by zero: 1 / 0 at [p.d.r:2:3]',
      statementText: 'SELECT 1/0',
      trace,
    });
    const values = new Map(errorVariables(failure).map(([path, { value }]) => [path, value]));
    expect(values.get('error.message')).toBe('Query error: division by zero: 1 / 0 at [p.d.r:2:3]');
    expect(values.get('error.statement_text')).toBe('SELECT 1/0');
    expect(values.get('error.formatted_stack_trace')).toBe('At p.d.r[2:3]\nAt [9:1]\n');
    expect(values.get('error.stack_trace')).toEqual([
      [2n, 3n, null, 'p.d.r'],
      [9n, 1n, null, null],
    ]);
  });

  it('has the text of RAISE as it was given', () => {
    const failure = new ScriptFailure(new RaisedError('boom'), {
      message: 'Query error: boom at [1:1]',
      statementText: 'RAISE',
      trace,
    });
    expect(failure.message).toBe('Query error: boom at [1:1]');
    expect(errorVariables(failure)[0]).toEqual(['error.message', { type: { kind: 'STRING' }, value: 'boom' }]);
  });
});
