// Resolved CREATE and DROP statements → plans.
import { unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { Expr, QueryPlan } from '../ir.ts';
import type { GType } from '../types.ts';
import { duckdbType } from '../values/physical.ts';
import { fieldOf } from '../values/schema.ts';
import { hasTypeParameters, resolveExpr } from './expression.ts';
import { flag, has, isMessage, items, part, parts, text, type Message } from './message.ts';
import { resolveQuery } from './query.ts';
import type { Scope } from './scope.ts';

export type Options = ReadonlyMap<string, Expr>;
type CreateMode = 'default' | 'or_replace' | 'if_not_exists';
type Partitioning = { readonly field: string; readonly type: 'DAY' | 'HOUR' | 'MONTH' | 'YEAR' };

export type DdlPlan =
  | {
      readonly kind: 'CREATE_TABLE';
      readonly path: readonly string[];
      readonly mode: CreateMode;

      readonly fields: readonly FieldSchema[];
      readonly query?: QueryPlan;
      readonly partitionBy?: Partitioning;
      readonly clusterBy?: readonly string[];
      readonly options: Options;
    }
  | {
      readonly kind: 'CREATE_VIEW';
      readonly path: readonly string[];
      readonly mode: CreateMode;
      readonly sql: string;
      readonly query: QueryPlan;
      /** The names of `CREATE VIEW v (a, b)`. */
      readonly columnNames?: readonly string[];
      readonly options: Options;
    }
  | {
      readonly kind: 'CREATE_SCHEMA';
      readonly path: readonly string[];
      readonly mode: CreateMode;
      readonly options: Options;
    }
  | {
      readonly kind: 'DROP';
      readonly object: 'TABLE' | 'VIEW' | 'SCHEMA';
      readonly path: readonly string[];
      readonly ifExists: boolean;
      readonly cascade: boolean;
    };

const MODES: Readonly<Record<string, CreateMode>> = {
  CREATE_OR_REPLACE: 'or_replace',
  CREATE_IF_NOT_EXISTS: 'if_not_exists',
};

/** The plan of a DDL statement of ours; undefined for every other statement. */
export function resolveDdl(scope: Scope, kind: string, fields: Message): DdlPlan | undefined {
  const path = items(fields, 'namePath').map(String);
  const mode = MODES[text(fields, 'createMode')] ?? 'default';
  if (!['', 'CREATE_DEFAULT_SCOPE'].includes(text(fields, 'createScope')))
    throw unsupported(`CREATE ${text(fields, 'createScope').replace('CREATE_', '')}`);
  switch (kind) {
    case 'resolvedCreateTableStmtNode':
    case 'resolvedCreateTableAsSelectStmtNode':
      return createTable(scope, fields, path, mode);
    case 'resolvedCreateViewStmtNode':
      if (flag(fields, 'recursive')) throw unsupported('CREATE RECURSIVE VIEW');
      return {
        kind: 'CREATE_VIEW',
        path,
        mode,
        sql: text(fields, 'sql'),
        query: resolveQuery(scope, fields),
        ...(flag(fields, 'hasExplicitColumns')
          ? { columnNames: parts(fields, 'outputColumnList').map((o) => text(o, 'name')) }
          : {}),
        options: optionsOf(scope, fields),
      };
    case 'resolvedCreateSchemaStmtNode':
      if (isMessage(fields['collationName'])) throw unsupported('DEFAULT COLLATE');
      return { kind: 'CREATE_SCHEMA', path, mode, options: optionsOf(scope, fields) };
    case 'resolvedDropStmtNode': {
      const object = text(fields, 'objectType');
      if (object !== 'TABLE' && object !== 'VIEW' && object !== 'SCHEMA') throw unsupported(`DROP ${object}`);
      return {
        kind: 'DROP',
        object,
        path,
        ifExists: flag(fields, 'isIfExists'),
        cascade: text(fields, 'dropMode') === 'CASCADE',
      };
    }
    default:
      return undefined;
  }
}

function createTable(scope: Scope, fields: Message, path: readonly string[], mode: CreateMode): DdlPlan {
  for (const [key, clause] of [
    ['cloneFrom', 'CREATE TABLE CLONE'],
    ['copyFrom', 'CREATE TABLE COPY'],
    ['primaryKey', 'PRIMARY KEY'],
    ['collationName', 'DEFAULT COLLATE'],
    ['connection', 'WITH CONNECTION'],
  ] as const) {
    if (isMessage(fields[key])) throw unsupported(clause);
  }
  // A reference to a table is always there, with an empty name where there is none.
  if (has(fields, 'likeTable') && text(part(fields, 'likeTable'), 'name') !== '')
    throw unsupported('CREATE TABLE LIKE');
  if (items(fields, 'foreignKeyList').length > 0) throw unsupported('FOREIGN KEY');
  if (items(fields, 'checkConstraintList').length > 0) throw unsupported('CHECK');
  const partitions = items(fields, 'partitionByList').map((e) => resolveExpr(scope, e));
  const clusters = items(fields, 'clusterByList').map((e) => resolveExpr(scope, e));
  return {
    kind: 'CREATE_TABLE',
    path,
    mode,
    fields: parts(fields, 'columnDefinitionList').map((definition) => columnField(scope, definition)),
    ...(isMessage(fields['query']) ? { query: resolveQuery(scope, fields) } : {}),
    ...(partitions.length === 0 ? {} : { partitionBy: partitioning(partitions) }),
    ...(clusters.length === 0 ? {} : { clusterBy: clusters.map(clusterColumn) }),
    options: optionsOf(scope, fields),
  };
}

function columnField(scope: Scope, definition: Message): FieldSchema {
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
function annotated(scope: Scope, field: FieldSchema, type: GType, annotations: Message): FieldSchema {
  if (isMessage(annotations['collationName'])) throw unsupported('COLLATE');
  if (hasTypeParameters(annotations['typeParameters'])) throw unsupported('A parameterized type');
  const children = parts(annotations, 'childList');
  if (type.kind === 'ARRAY') {
    const inner = children[0] === undefined ? field : annotated(scope, field, type.element, children[0]);
    return { ...described(scope, inner, annotations), mode: 'REPEATED' };
  }
  const own: FieldSchema = {
    ...described(scope, field, annotations),
    ...(flag(annotations, 'notNull') ? { mode: 'REQUIRED' as const } : {}),
  };
  if (type.kind !== 'STRUCT' || field.fields === undefined) return own;
  return {
    ...own,
    fields: field.fields.map((child, i) =>
      children[i] === undefined ? child : annotated(scope, child, type.fields[i]!.type, children[i]),
    ),
  };
}

function described(scope: Scope, field: FieldSchema, annotations: Message): FieldSchema {
  let result = field;
  for (const [name, expr] of optionsOf(scope, annotations)) {
    if (name !== 'description') throw unsupported(`Column option ${name}`);
    const value = expr.kind === 'literal' ? expr.value.value : undefined;
    if (typeof value !== 'string') throw unsupported('A column description that is not a string literal');
    result = { ...result, description: value };
  }
  return result;
}

function optionsOf(scope: Scope, fields: Message): Options {
  return new Map(
    parts(fields, 'optionList').map((o): [string, Expr] => [
      text(o, 'name').toLowerCase(),
      resolveExpr(scope, o['value']),
    ]),
  );
}

/** `col`, `DATE(col)`, `TIMESTAMP_TRUNC(col, HOUR)` and so on. */
function partitioning(exprs: readonly Expr[]): Partitioning {
  const [expr] = exprs;
  if (exprs.length > 1 || expr === undefined) throw unsupported('PARTITION BY over several expressions');
  if (expr.kind === 'column' && expr.type.kind === 'DATE') return { field: expr.column.name, type: 'DAY' };
  if (expr.kind === 'call') {
    const [column, unit] = expr.args;
    if (column?.kind === 'column') {
      if (expr.name === 'date' && expr.args.length === 1) return { field: column.column.name, type: 'DAY' };
      const type = unit?.kind === 'literal' ? unit.value.value : undefined;
      const known = type === 'DAY' || type === 'HOUR' || type === 'MONTH' || type === 'YEAR';
      if (/^(timestamp|datetime|date)_trunc$/.test(expr.name) && known) return { field: column.column.name, type };
    }
  }
  throw unsupported(expr.kind === 'call' ? `PARTITION BY ${expr.name.toUpperCase()}` : 'PARTITION BY this expression');
}

function clusterColumn(expr: Expr): string {
  if (expr.kind !== 'column') throw unsupported('CLUSTER BY an expression');
  return expr.column.name;
}
