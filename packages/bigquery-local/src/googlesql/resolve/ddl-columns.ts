// Column definitions and constraints of CREATE TABLE and ALTER TABLE → fields of the schema.
import { invalidQuery, unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { Expr } from '../ir.ts';
import type { TableRef } from '../statement.ts';
import type { GType } from '../types.ts';
import { duckdbType } from '../values/physical.ts';
import { fieldOf } from '../values/schema.ts';
import { parameterProblem, withParameters, type TypeParameters } from '../values/type-parameters.ts';
import { resolveExpr } from './expression.ts';
import { flag, has, isMessage, items, part, parts, text, type Message } from './message.ts';
import type { Scope } from './scope.ts';
import { typeParametersOf } from './type-parameters.ts';

export type Options = ReadonlyMap<string, Expr>;

export type ForeignKeyPlan = {
  /** Undefined: BigQuery makes one up. */
  readonly name: string | undefined;
  readonly columns: readonly string[];
  readonly referenced: TableRef;
  readonly referencedColumns: readonly string[];
};

export function columnField(scope: Scope, definition: Message): FieldSchema {
  if (isMessage(definition['generatedColumnInfo'])) throw unsupported('A generated column');
  const name = text(definition, 'name');
  const type = typeFromProto(definition['type']);
  // Throws for a type that has no storage.
  duckdbType(type);
  const annotations = isMessage(definition['annotations']) ? part(definition, 'annotations') : {};
  const field = annotated(scope, fieldOf({ name, type }), type, annotations);
  if (!has(definition, 'defaultValue')) return field;
  return { ...field, defaultValueExpression: text(part(definition, 'defaultValue'), 'sql') };
}

/** NOT NULL and OPTIONS(description) of a column and of the fields in it. */
function annotated(scope: Scope, field: FieldSchema, type: GType, annotations: Message, depth = 0): FieldSchema {
  const collation = isMessage(annotations['collationName'])
    ? columnCollationOf(resolveExpr(scope, annotations['collationName']), type, depth)
    : {};
  const children = parts(annotations, 'childList');
  if (type.kind === 'ARRAY') {
    const inner = children[0] === undefined ? field : annotated(scope, field, type.element, children[0], depth + 1);
    return { ...withColumnOptions(inner, optionsOf(scope, annotations)), mode: 'REPEATED' };
  }
  const own: FieldSchema = {
    ...withColumnOptions(
      withParameters({ ...field, ...collation, mode: 'NULLABLE' }, ownParameters(annotations)),
      optionsOf(scope, annotations),
    ),
    ...(flag(annotations, 'notNull') ? { mode: 'REQUIRED' as const } : {}),
  };
  if (type.kind !== 'STRUCT' || field.fields === undefined) return own;
  return {
    ...own,
    fields: field.fields.map((child, i) =>
      children[i] === undefined ? child : annotated(scope, child, type.fields[i]!.type, children[i], depth + 1),
    ),
  };
}

/** COLLATE of a column. An empty text and `binary` mean none. */
function columnCollationOf(name: Expr, type: GType, depth: number): Pick<FieldSchema, 'collation'> {
  const value = name.kind === 'literal' ? name.value.value : undefined;
  if (value === '' || value === 'binary') return {};
  if (value !== 'und:ci') throw unsupported('COLLATE of this name');
  if (type.kind !== 'STRING' || depth > 0) throw unsupported('COLLATE inside of a STRUCT or an ARRAY');
  return { collation: value };
}

/** Each level of a type has the parameters of its own alone; those of what is in it come with its children. */
function ownParameters(annotations: Message): TypeParameters | undefined {
  const { children: _inner, ...own } = typeParametersOf(annotations['typeParameters']) ?? {};
  return own;
}

/** The field with its OPTIONS: a description, which NULL takes away, and the rounding mode of a decimal. */
export function withColumnOptions(field: FieldSchema, options: Options): FieldSchema {
  let result = field;
  for (const [name, expr] of options) {
    if (name === 'rounding_mode') {
      result = withRoundingMode(result, expr);
      continue;
    }
    if (name !== 'description') throw unsupported(`Column option ${name}`);
    const value = expr.kind === 'literal' ? expr.value.value : undefined;
    if (value === null) {
      const { description: _gone, ...rest } = result;
      result = rest;
    } else if (typeof value === 'string') result = { ...result, description: value };
    else throw unsupported('A column description that is not a string literal');
  }
  return result;
}

function withRoundingMode(field: FieldSchema, expr: Expr): FieldSchema {
  const mode = expr.kind === 'literal' ? expr.value.value : undefined;
  if (mode === null) {
    const { roundingMode: _gone, ...rest } = field;
    return rest;
  }
  if (typeof mode !== 'string') throw unsupported('A rounding_mode that is not a string literal');
  const result = { ...field, roundingMode: mode };
  const problem = parameterProblem(result);
  if (problem !== undefined) throw invalidQuery(`Option rounding_mode of column ${field.name}: ${problem}`);
  return result;
}

export function optionsOf(scope: Scope, fields: Message): Options {
  return new Map(
    parts(fields, 'optionList').map((o): [string, Expr] => [
      text(o, 'name').toLowerCase(),
      resolveExpr(scope, o['value']),
    ]),
  );
}

/** The columns of a PRIMARY KEY … NOT ENFORCED. */
export function primaryKeyColumns(key: Message): string[] {
  if (!flag(key, 'unenforced')) throw unsupported('An enforced PRIMARY KEY: write NOT ENFORCED; it');
  return items(key, 'columnNameList').map(String);
}

export function foreignKey(scope: Scope, key: Message): ForeignKeyPlan {
  if (flag(key, 'enforced')) throw unsupported('An enforced FOREIGN KEY: write NOT ENFORCED; it');
  const referenced = scope.table(part(key, 'referencedTable'));
  const name = text(key, 'constraintName');
  return {
    name: name === '' ? undefined : name,
    columns: items(key, 'referencingColumnList').map(String),
    referenced: referenced.info.ref,
    referencedColumns: items(key, 'referencedColumnOffsetList').map((i) => referenced.columns[Number(i)]!.name),
  };
}
