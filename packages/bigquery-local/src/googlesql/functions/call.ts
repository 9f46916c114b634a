// What all function files share: reading a call's arguments.
import type { GType } from '../types.ts';
import { bind } from '../values/sql-text.ts';
import type { Arg, Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

export { bind, raise } from '../values/sql-text.ts';

/** The SQL of all arguments. */
export function sqls(call: Call): string[] {
  return call.args.map((arg) => arg.sql);
}

/** Argument i; its absence is a call that the library does not know. */
export function argument(call: Call, index: number): Arg {
  const arg = call.args[index];
  if (arg === undefined) throw unsupportedFunction(call.name);
  return arg;
}

export function kindOf(call: Call, index = 0): GType['kind'] {
  return argument(call, index).type.kind;
}

/** The text of a constant STRING argument (date parts, modes); undefined when it is no constant. */
export function constantText(call: Call, index: number): string | undefined {
  const value = call.args[index]?.constant?.value;
  return typeof value === 'string' ? value : undefined;
}

export function isConstant(arg: Arg): boolean {
  return arg.constant !== undefined && arg.constant.value !== null;
}

/** A function that is a plain template over its arguments, each bound once. Refuses any other number of arguments. */
export function template(count: number, make: (...args: string[]) => string): ScalarFunction {
  return (call) => {
    if (call.args.length !== count) throw unsupportedFunction(call.name);
    return bind(sqls(call), (...names) => `(${make(...names)})`);
  };
}

/** A DuckDB function of the same meaning: `name(args…)`. */
export function native(name: string): ScalarFunction {
  return (call) => `${name}(${sqls(call).join(', ')})`;
}

/** Chooses by the type of the first argument; a type that is not listed is refused. */
export function byType(overloads: Readonly<Partial<Record<GType['kind'], ScalarFunction>>>): ScalarFunction {
  return (call) => {
    const overload = overloads[kindOf(call)];
    if (overload === undefined) throw unsupportedFunction(call.name);
    return overload(call);
  };
}

/** Chooses by the number of arguments; a number that is not listed is refused. */
export function byCount(overloads: Readonly<Record<number, ScalarFunction>>): ScalarFunction {
  return (call) => {
    const overload = overloads[call.args.length];
    if (overload === undefined) throw unsupportedFunction(call.name);
    return overload(call);
  };
}
