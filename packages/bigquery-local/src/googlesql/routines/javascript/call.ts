// A call of a JavaScript function: its definition and arguments as text to DuckDB's function bq_javascript, and
// the text that comes back as a value of its type.
import type { RoutineProperties } from '../../../catalog/routines.ts';
import { unsupported } from '../../analyzer/analyzer-error.ts';
import type { ScalarFunction } from '../../functions/contract.ts';
import type { Expr } from '../../ir.ts';
import { typeName, type GType, type ScalarKind } from '../../types.ts';
import { castSql } from '../../values/cast.ts';
import { bind } from '../../values/sql-text.ts';
import { typeOfDataType } from '../data-types.ts';
import { JAVASCRIPT_CALL } from './name.ts';
import type { ScriptFunction, ScriptType } from './sandbox.ts';

const ARGUMENTS: ReadonlySet<ScalarKind> = new Set([
  'BOOL',
  'FLOAT64',
  'STRING',
  'BYTES',
  'NUMERIC',
  'BIGNUMERIC',
  'DATE',
  'TIMESTAMP',
  'JSON',
]);
const RESULTS: ReadonlySet<ScalarKind> = new Set([...ARGUMENTS, 'INT64']);

let statements = 0;

/** Throws for a type that JavaScript functions do not take, or do not give ("User-defined functions"). */
export function checkScriptType(type: GType, use: 'argument' | 'result'): void {
  if (type.kind === 'ARRAY') return checkScriptType(type.element, use);
  if (type.kind === 'STRUCT') return type.fields.forEach((field) => checkScriptType(field.type, use));
  if (type.kind !== 'RANGE' && (use === 'argument' ? ARGUMENTS : RESULTS).has(type.kind)) return;
  const hint = type.kind === 'INT64' ? '. Use FLOAT64 to represent integer values as numbers, or STRING as text' : '';
  throw unsupported(
    `Type ${type.kind} as ${use === 'argument' ? 'an argument' : 'the result'} of a JavaScript function${hint},`,
  );
}

export function javascriptCall(properties: RoutineProperties, types: readonly GType[], args: readonly Expr[]): Expr {
  const returns = typeOfDataType(properties.returnType, 'returnType');
  statements += 1;
  const definition: ScriptFunction = {
    statement: statements,
    body: properties.definitionBody,
    names: properties.arguments.map(({ name }) => name),
    args: types.map(scriptType),
    returns: scriptType(returns),
  };
  const text: Expr = {
    kind: 'literal',
    value: { type: { kind: 'STRING' }, value: JSON.stringify(definition) },
    type: { kind: 'STRING' },
  };
  return { kind: 'call', name: JAVASCRIPT_CALL, args: [text, ...args], contextId: '', safe: false, type: returns };
}

function scriptType(type: GType): ScriptType {
  const name = typeName(type);
  if (type.kind === 'ARRAY') return { kind: type.kind, name, element: scriptType(type.element) };
  if (type.kind !== 'STRUCT') return { kind: type.kind, name };
  return {
    kind: type.kind,
    name,
    fields: type.fields.map((field) => ({ name: field.name, type: scriptType(field.type) })),
  };
}

export const javascriptFunctions: Readonly<Record<string, ScalarFunction>> = {
  [JAVASCRIPT_CALL]: ({ args: [definition, ...args], type }) => {
    const packed = args.map((arg, i) => `a${i} := ${toText(arg.sql, arg.type)}`).join(', ');
    const row = args.length === 0 ? "'{}'" : `CAST(to_json(struct_pack(${packed})) AS VARCHAR)`;
    return bind([`bq_javascript(${definition!.sql}, ${row})`], (text) => fromText(text, type));
  },
};

/** A value whose leaves are text. */
function toText(sql: string, type: GType): string {
  switch (type.kind) {
    case 'BOOL':
      return sql;
    case 'BYTES':
      return `to_base64(${sql})`;
    case 'TIMESTAMP':
      return `CAST(epoch_us(${sql}) AS VARCHAR)`;
    case 'ARRAY':
      return `list_transform(${sql}, lambda bq_j: ${toText('bq_j', type.element)})`;
    case 'STRUCT':
      return bind([sql], (x) => {
        const fields = type.fields.map((f, i) => `f${i} := ${toText(`struct_extract(${x}, 'f${i}')`, f.type)}`);
        return `CASE WHEN ${x} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
      });
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return castSql({ sql, from: type, to: { kind: 'STRING' }, safe: false });
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}

/** `text` is a name, its value JSON whose leaves are text. */
function fromText(text: string, type: GType): string {
  if (type.kind !== 'ARRAY' && type.kind !== 'STRUCT') return leaf(`json_extract_string(${text}, '$')`, type);
  return bind([`from_json(${text}, '${JSON.stringify(shape(type))}')`], (x) => rebuilt(x, type));
}

/** DuckDB's description of the JSON, every leaf a VARCHAR. */
function shape(type: GType): unknown {
  if (type.kind === 'ARRAY') return [shape(type.element)];
  if (type.kind === 'STRUCT') return Object.fromEntries(type.fields.map((field, i) => [`f${i}`, shape(field.type)]));
  return 'VARCHAR';
}

function rebuilt(sql: string, type: GType): string {
  if (type.kind === 'ARRAY') return `list_transform(${sql}, lambda bq_j: ${rebuilt('bq_j', type.element)})`;
  if (type.kind !== 'STRUCT') return leaf(sql, type);
  const fields = type.fields.map((f, i) => `f${i} := ${rebuilt(`struct_extract(${sql}, 'f${i}')`, f.type)}`);
  return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
}

function leaf(sql: string, type: GType): string {
  switch (type.kind) {
    case 'STRING':
      return sql;
    case 'BYTES':
      return `from_base64(${sql})`;
    case 'TIMESTAMP':
      return `make_timestamptz(CAST(${sql} AS BIGINT))`;
    case 'BOOL':
      return `CAST(${sql} AS BOOLEAN)`;
    case 'INT64':
      return `CAST(${sql} AS BIGINT)`;
    case 'DATE':
      return `CAST(${sql} AS DATE)`;
    case 'FLOAT64':
      return `CAST(${sql} AS DOUBLE)`;
    case 'JSON':
      return `CAST(bq_parse_json(${sql}, 'round') AS JSON)`;
    default:
      return castSql({ sql, from: { kind: 'STRING' }, to: type, safe: false });
  }
}
