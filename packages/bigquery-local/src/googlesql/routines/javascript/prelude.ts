// JavaScript that runs inside the sandbox around a user's function: arguments from their text to JavaScript
// values, and the result back, by the table "SQL types to JavaScript types" of BigQuery's "User-defined
// functions". It keeps the built-in objects that it needs, so that a user's code cannot change them under it.
// Values travel as JSON: a leaf is its text (base64 for BYTES, microseconds for TIMESTAMP, `YYYY-MM-DD` for DATE).

/** An expression whose value is `(spec) => ({ call(userFunction, text), settled() })`. */
export const PRELUDE = String.raw`(function () {
  'use strict';
  const { parse, stringify } = JSON, { isArray } = Array;
  const { isInteger, isFinite: finite } = Number;
  const utc = Date.UTC, DateOf = Date, Text = String, NumberOf = Number, Big = BigInt, ErrorOf = Error, Then = Promise;
  const getTime = Date.prototype.getTime, iso = Date.prototype.toISOString, then = Promise.prototype.then;
  const test = RegExp.prototype.test;
  const run = (method, self, ...args) => Reflect_apply(method, self, args);
  const Reflect_apply = Reflect.apply;
  const INTEGER = /^[+-]?[0-9]+$/, BASE64 = /^[A-Za-z0-9+\/_-]*={0,2}$/;
  const DECIMAL = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
  const LIMIT = 2 ** 53;
  function read(type, value) {
    if (value === null || value === undefined) return null;
    switch (type.kind) {
      case 'FLOAT64': return value === 'inf' ? Infinity : value === '-inf' ? -Infinity : NumberOf(value);
      case 'NUMERIC':
      case 'BIGNUMERIC': {
        const number = NumberOf(value);
        return isInteger(number) && number >= -LIMIT && number <= LIMIT && exact(value, number) ? number : value;
      }
      case 'DATE': return new DateOf(value + 'T00:00:00Z');
      case 'TIMESTAMP': {
        const micros = Big(value), rest = ((micros % 1000n) + 1000n) % 1000n;
        const date = new DateOf(NumberOf((micros - rest) / 1000n));
        date.microsecond = NumberOf(rest);
        return date;
      }
      case 'JSON': return parse(value);
      case 'ARRAY': {
        const items = [];
        for (let i = 0; i < value.length; i++) items[i] = read(type.element, value[i]);
        return items;
      }
      case 'STRUCT': {
        const object = {};
        for (let i = 0; i < type.fields.length; i++)
          object[type.fields[i].name] = read(type.fields[i].type, value['f' + i]);
        return object;
      }
      default: return value;
    }
  }
  function exact(text, number) {
    const dot = text.indexOf('.');
    return (dot < 0 ? text : text.slice(0, dot)) === Text(number);
  }
  function fail(type, value) {
    let shown;
    try { shown = typeof value === 'object' ? stringify(value) : Text(value); } catch { shown = typeof value; }
    throw new ErrorOf('Failed to coerce output value "' + shown + '" to type ' + type.name);
  }
  function write(type, value) {
    if (value === null || value === undefined) return null;
    const kind = typeof value;
    switch (type.kind) {
      case 'BOOL': return kind === 'boolean' ? Text(value) : fail(type, value);
      case 'INT64': {
        let integer;
        if (kind === 'bigint') integer = value;
        else if (kind === 'number' && isInteger(value)) integer = Big(value);
        else if (kind === 'string' && run(test, INTEGER, value)) integer = Big(value[0] === '+' ? value.slice(1) : value);
        else return fail(type, value);
        return integer >= -(2n ** 63n) && integer < 2n ** 63n ? Text(integer) : fail(type, value);
      }
      case 'FLOAT64': return kind === 'number' ? Text(value) : fail(type, value);
      case 'NUMERIC':
      case 'BIGNUMERIC':
        if (kind === 'bigint' || (kind === 'number' && finite(value))) return Text(value);
        return kind === 'string' && run(test, DECIMAL, value) ? value : fail(type, value);
      case 'STRING':
        return kind === 'string' || kind === 'number' || kind === 'boolean' || kind === 'bigint' ? Text(value) : fail(type, value);
      case 'BYTES':
        return kind === 'string' && value.length % 4 === 0 && run(test, BASE64, value) ? value : fail(type, value);
      case 'DATE':
      case 'TIMESTAMP': {
        if (!(value instanceof DateOf)) return fail(type, value);
        const time = run(getTime, value);
        if (!finite(time)) return fail(type, value);
        if (type.kind === 'DATE') return run(iso, value).split('T')[0];
        const rest = value.microsecond === undefined ? 0 : value.microsecond;
        if (!isInteger(rest)) return fail(type, value);
        return Text(Big(time) * 1000n + Big(rest));
      }
      case 'JSON': {
        const text = stringify(value);
        return text === undefined ? fail(type, value) : text;
      }
      case 'ARRAY': {
        if (!isArray(value)) return fail(type, value);
        const items = [];
        for (let i = 0; i < value.length; i++) items[i] = write(type.element, value[i]);
        return items;
      }
      case 'STRUCT': {
        if (kind !== 'object') return fail(type, value);
        const object = {};
        for (let i = 0; i < type.fields.length; i++)
          object['f' + i] = write(type.fields[i].type, value[type.fields[i].name]);
        return object;
      }
      default: return fail(type, value);
    }
  }
  return (spec) => {
    let outcome;
    const { args, returns } = parse(spec);
    const result = (value) => {
      const written = write(returns, value);
      return written === null ? null : stringify(written);
    };
    return {
      call(userFunction, text) {
        const given = parse(text), values = [];
        for (let i = 0; i < args.length; i++) values[i] = read(args[i], given['a' + i]);
        const value = run(userFunction, undefined, ...values);
        if (!(value instanceof Then)) return result(value);
        outcome = undefined;
        run(then, value,
          (settled) => { try { outcome = { text: result(settled) }; } catch (error) { outcome = { error }; } },
          (error) => { outcome = { error }; });
        return undefined;
      },
      settled() {
        if (outcome === undefined) throw new ErrorOf('The promise that the function returned is never settled');
        if ('error' in outcome) throw outcome.error;
        return outcome.text;
      },
    };
  };
})()`;
