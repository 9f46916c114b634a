// Resolved ALTER statements → plans.
import { unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../types.ts';
import {
  columnField,
  foreignKey,
  optionsOf,
  primaryKeyColumns,
  type ForeignKeyPlan,
  type Options,
} from './ddl-columns.ts';
import { hasTypeParameters } from './expression.ts';
import { flag, isMessage, items, nodeOf, part, text, type Message } from './message.ts';
import type { Scope } from './scope.ts';

export type AlterAction =
  | { readonly kind: 'set_options'; readonly options: Options }
  | { readonly kind: 'add_column'; readonly field: FieldSchema; readonly ifNotExists: boolean }
  | { readonly kind: 'drop_column'; readonly column: string; readonly ifExists: boolean }
  | { readonly kind: 'rename_column'; readonly column: string; readonly newName: string; readonly ifExists: boolean }
  | { readonly kind: 'rename_to'; readonly path: readonly string[] }
  | { readonly kind: 'column_options'; readonly column: string; readonly ifExists: boolean; readonly options: Options }
  | { readonly kind: 'column_type'; readonly column: string; readonly ifExists: boolean; readonly type: GType }
  /** Undefined takes the default away. */
  | {
      readonly kind: 'column_default';
      readonly column: string;
      readonly ifExists: boolean;
      readonly sql: string | undefined;
    }
  | { readonly kind: 'drop_not_null'; readonly column: string; readonly ifExists: boolean }
  | { readonly kind: 'add_primary_key'; readonly columns: readonly string[]; readonly ifNotExists: boolean }
  | { readonly kind: 'add_foreign_key'; readonly key: ForeignKeyPlan; readonly ifNotExists: boolean }
  | { readonly kind: 'drop_primary_key'; readonly ifExists: boolean }
  | { readonly kind: 'drop_constraint'; readonly name: string; readonly ifExists: boolean };

export type AlterPlan = {
  readonly kind: 'ALTER';
  readonly object: 'TABLE' | 'VIEW' | 'MATERIALIZED_VIEW' | 'SCHEMA';
  readonly path: readonly string[];
  readonly ifExists: boolean;
  readonly actions: readonly AlterAction[];
};

const OBJECTS: Readonly<Record<string, AlterPlan['object']>> = {
  resolvedAlterTableStmtNode: 'TABLE',
  resolvedAlterViewStmtNode: 'VIEW',
  resolvedAlterMaterializedViewStmtNode: 'MATERIALIZED_VIEW',
  resolvedAlterSchemaStmtNode: 'SCHEMA',
};

export function resolveAlter(scope: Scope, kind: string, fields: Message): AlterPlan | undefined {
  const object = OBJECTS[kind];
  if (object === undefined) return undefined;
  return {
    kind: 'ALTER',
    object,
    path: items(fields, 'namePath').map(String),
    ifExists: flag(fields, 'isIfExists'),
    actions: items(fields, 'alterActionList').map((action) => alterAction(scope, action)),
  };
}

function alterAction(scope: Scope, value: unknown): AlterAction {
  const { kind, fields } = nodeOf(value);
  const ifExists = flag(fields, 'isIfExists');
  const column = text(fields, 'column');
  switch (kind) {
    case 'resolvedSetOptionsActionNode':
      return { kind: 'set_options', options: optionsOf(scope, fields) };
    case 'resolvedAddColumnActionNode':
      return {
        kind: 'add_column',
        field: columnField(scope, part(fields, 'columnDefinition')),
        ifNotExists: flag(fields, 'isIfNotExists'),
      };
    case 'resolvedDropColumnActionNode':
      return { kind: 'drop_column', column: text(fields, 'name'), ifExists };
    case 'resolvedRenameColumnActionNode':
      return { kind: 'rename_column', column: text(fields, 'name'), newName: text(fields, 'newName'), ifExists };
    case 'resolvedRenameToActionNode':
      return { kind: 'rename_to', path: items(fields, 'newPath').map(String) };
    case 'resolvedAlterColumnOptionsActionNode':
      return { kind: 'column_options', column, ifExists, options: optionsOf(scope, fields) };
    case 'resolvedAlterColumnDropNotNullActionNode':
      return { kind: 'drop_not_null', column, ifExists };
    case 'resolvedAlterColumnSetDataTypeActionNode':
      if (hasTypeParameters(fields['updatedTypeParameters'])) throw unsupported('A parameterized type');
      return { kind: 'column_type', column, ifExists, type: typeFromProto(fields['updatedType']) };
    case 'resolvedAlterColumnSetDefaultActionNode':
      return { kind: 'column_default', column, ifExists, sql: text(part(fields, 'defaultValue'), 'sql') };
    case 'resolvedAlterColumnDropDefaultActionNode':
      return { kind: 'column_default', column, ifExists, sql: undefined };
    case 'resolvedAddConstraintActionNode':
      return addConstraint(scope, fields);
    case 'resolvedDropPrimaryKeyActionNode':
      return { kind: 'drop_primary_key', ifExists };
    case 'resolvedDropConstraintActionNode':
      return { kind: 'drop_constraint', name: text(fields, 'name'), ifExists };
    default:
      throw unsupported(
        `ALTER … ${kind
          .replace(/^resolved/, '')
          .replace(/(Action)?(Clause)?Node$/, '')
          .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
          .toUpperCase()}`,
      );
  }
}

function addConstraint(scope: Scope, fields: Message): AlterAction {
  const ifNotExists = flag(fields, 'isIfNotExists');
  if (!isMessage(fields['constraint'])) throw unsupported('This constraint');
  const constraint = nodeOf(fields['constraint']);
  switch (constraint.kind) {
    case 'resolvedPrimaryKeyNode':
      return { kind: 'add_primary_key', columns: primaryKeyColumns(constraint.fields), ifNotExists };
    case 'resolvedForeignKeyNode':
      return { kind: 'add_foreign_key', key: foreignKey(scope, constraint.fields), ifNotExists };
    default:
      throw unsupported('CHECK');
  }
}
