import { describe, expect, it } from 'vitest';
import { VariableScope } from './variable-scope.ts';

const INT64 = { kind: 'INT64' } as const;
const STRING = { kind: 'STRING' } as const;

describe('a scope of variables', () => {
  it('finds names in any case, in itself and around it', () => {
    const outer = new VariableScope();
    outer.declare('Total', { type: INT64, value: 1n });
    const inner = new VariableScope(outer);
    inner.declare('name', { type: STRING, value: 'x' });
    expect([inner.typeOf('TOTAL'), inner.get('Name')?.value, outer.get('name')]).toEqual([INT64, 'x', undefined]);
    expect([...inner.visible().keys()]).toEqual(['total', 'name']);
  });

  it('sets a variable where it was declared', () => {
    const outer = new VariableScope();
    outer.declare('n', { type: INT64, value: 1n });
    new VariableScope(outer).set('N', { type: INT64, value: 2n });
    expect(outer.get('n')?.value).toBe(2n);
    expect(() => outer.set('nowhere', { type: INT64, value: 2n })).toThrow('Undeclared variable: nowhere');
  });

  it('bounds the size of one and of all', () => {
    const scope = new VariableScope();
    const text = 'x'.repeat(1_000_000);
    expect(() => scope.declare('one', { type: STRING, value: `${text}${text}` })).toThrow(
      'Variable one exceeds the maximum size of 1048576 bytes',
    );
    const fill = (): void => {
      for (let i = 0; i < 11; i++) scope.declare(`v${i}`, { type: STRING, value: text });
    };
    expect(fill).toThrow('exceed the maximum size of 10485760 bytes in total');
  });
});
