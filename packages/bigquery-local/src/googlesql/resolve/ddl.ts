// Resolved CREATE, ALTER and DROP statements of tables, views and schemas → plans.
import { invalidQuery, unsupported } from '../analyzer/analyzer-error.ts';
import { allRowsDenied } from '../../access/all-rows-denied.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { QueryPlan } from '../ir.ts';
import type { TableInfo } from '../statement.ts';
import { resolveAlter, type AlterPlan } from './ddl-alter.ts';
import {
  columnField,
  foreignKey,
  optionsOf,
  primaryKeyColumns,
  type ForeignKeyPlan,
  type Options,
} from './ddl-columns.ts';
import { resolveExpr } from './expression.ts';
import { flag, has, isMessage, items, nodeOf, part, parts, text, type Message } from './message.ts';
import { clusterColumns, partitioning, type Partitioning } from './partitioning.ts';
import { resolveQuery } from './query.ts';
import type { Scope } from './scope.ts';

type CreateMode = 'default' | 'or_replace' | 'if_not_exists';

type Create = { readonly path: readonly string[]; readonly mode: CreateMode; readonly options: Options };

/** The table that a new one is made after. LIKE takes its shape, the others also its rows. */
export type SourcePlan = { readonly how: 'LIKE' | 'COPY' | 'CLONE'; readonly table: TableInfo };

export type DdlPlan =
  | (Create & {
      readonly kind: 'CREATE_TABLE';
      /** CREATE TEMP TABLE. */
      readonly temporary: boolean;
      readonly fields: readonly FieldSchema[];
      readonly query?: QueryPlan;
      readonly source?: SourcePlan;
      readonly partitionBy?: Partitioning;
      readonly clusterBy?: readonly string[];
      readonly primaryKey?: readonly string[];
      readonly foreignKeys: readonly ForeignKeyPlan[];
    })
  | (Create & { readonly kind: 'CREATE_SNAPSHOT_TABLE'; readonly source: SourcePlan })
  | (Create & {
      readonly kind: 'CREATE_VIEW' | 'CREATE_MATERIALIZED_VIEW';
      readonly sql: string;
      readonly query: QueryPlan;
      /** The names of `CREATE VIEW v (a, b)`. */
      readonly columnNames?: readonly string[];
      readonly partitionBy?: Partitioning;
      readonly clusterBy?: readonly string[];
    })
  | (Create & { readonly kind: 'CREATE_SCHEMA' })
  | AlterPlan
  | {
      readonly kind: 'DROP';
      readonly object: 'TABLE' | 'VIEW' | 'SCHEMA' | 'MATERIALIZED_VIEW' | 'SNAPSHOT_TABLE';
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
  const ifExists = flag(fields, 'isIfExists');
  const scoped = text(fields, 'createScope');
  const temporary = scoped === 'CREATE_TEMP' && kind.startsWith('resolvedCreateTable');
  if (!temporary && !['', 'CREATE_DEFAULT_SCOPE'].includes(scoped))
    throw unsupported(`CREATE ${scoped.replace('CREATE_', '')}`);
  switch (kind) {
    case 'resolvedCreateTableStmtNode':
    case 'resolvedCreateTableAsSelectStmtNode':
      return createTable(scope, fields, path, mode, temporary);
    case 'resolvedCreateSnapshotTableStmtNode':
      return {
        kind: 'CREATE_SNAPSHOT_TABLE',
        path,
        mode,
        source: copiedTable(scope, 'CLONE', fields['cloneFrom']),
        options: optionsOf(scope, fields),
      };
    case 'resolvedCreateViewStmtNode':
    case 'resolvedCreateMaterializedViewStmtNode':
      return createView(scope, kind, fields, { path, mode, options: optionsOf(scope, fields) });
    case 'resolvedCreateSchemaStmtNode':
      if (isMessage(fields['collationName'])) throw unsupported('DEFAULT COLLATE');
      return { kind: 'CREATE_SCHEMA', path, mode, options: optionsOf(scope, fields) };
    case 'resolvedDropMaterializedViewStmtNode':
      return { kind: 'DROP', object: 'MATERIALIZED_VIEW', path, ifExists, cascade: false };
    case 'resolvedDropSnapshotTableStmtNode':
      return { kind: 'DROP', object: 'SNAPSHOT_TABLE', path, ifExists, cascade: false };
    case 'resolvedDropStmtNode': {
      const object = text(fields, 'objectType');
      if (object !== 'TABLE' && object !== 'VIEW' && object !== 'SCHEMA') throw unsupported(`DROP ${object}`);
      return { kind: 'DROP', object, path, ifExists, cascade: text(fields, 'dropMode') === 'CASCADE' };
    }
    default:
      return resolveAlter(scope, kind, fields);
  }
}

function createTable(
  scope: Scope,
  fields: Message,
  path: readonly string[],
  mode: CreateMode,
  temporary: boolean,
): DdlPlan {
  if (isMessage(fields['collationName'])) throw unsupported('DEFAULT COLLATE');
  if (isMessage(fields['connection'])) throw unsupported('WITH CONNECTION');
  if (items(fields, 'checkConstraintList').length > 0) throw unsupported('CHECK');
  const source = sourceOf(scope, fields);
  return {
    kind: 'CREATE_TABLE',
    temporary,
    path,
    mode,
    fields:
      source === undefined
        ? parts(fields, 'columnDefinitionList').map((definition) => columnField(scope, definition))
        : source.table.fields,
    ...(source === undefined ? {} : { source }),
    ...(isMessage(fields['query']) ? { query: resolveQuery(scope, fields) } : {}),
    ...layoutOf(scope, fields),
    ...(isMessage(fields['primaryKey']) ? { primaryKey: primaryKeyColumns(part(fields, 'primaryKey')) } : {}),
    foreignKeys: parts(fields, 'foreignKeyList').map((key) => foreignKey(scope, key)),
    options: optionsOf(scope, fields),
  };
}

function layoutOf(
  scope: Scope,
  fields: Message,
): { readonly partitionBy?: Partitioning; readonly clusterBy?: readonly string[] } {
  const partitions = items(fields, 'partitionByList').map((e) => resolveExpr(scope, e));
  const clusters = items(fields, 'clusterByList').map((e) => resolveExpr(scope, e));
  return {
    ...(partitions.length === 0 ? {} : { partitionBy: partitioning(partitions) }),
    ...(clusters.length === 0 ? {} : { clusterBy: clusterColumns(clusters) }),
  };
}

function createView(scope: Scope, kind: string, fields: Message, create: Create): DdlPlan {
  if (flag(fields, 'recursive')) throw unsupported('CREATE RECURSIVE VIEW');
  if (isMessage(fields['replicaSource'])) throw unsupported('CREATE MATERIALIZED VIEW AS REPLICA OF');
  return {
    kind: kind === 'resolvedCreateViewStmtNode' ? 'CREATE_VIEW' : 'CREATE_MATERIALIZED_VIEW',
    ...create,
    sql: text(fields, 'sql'),
    query: resolveQuery(scope, fields),
    ...(flag(fields, 'hasExplicitColumns')
      ? { columnNames: parts(fields, 'outputColumnList').map((o) => text(o, 'name')) }
      : {}),
    ...layoutOf(scope, fields),
  };
}

function sourceOf(scope: Scope, fields: Message): SourcePlan | undefined {
  if (isMessage(fields['cloneFrom'])) return copiedTable(scope, 'CLONE', fields['cloneFrom']);
  if (isMessage(fields['copyFrom'])) return copiedTable(scope, 'COPY', fields['copyFrom']);
  // A reference to a table is always there, with an empty name where there is none.
  if (!has(fields, 'likeTable') || text(part(fields, 'likeTable'), 'name') === '') return undefined;
  const { info } = scope.table(part(fields, 'likeTable'));
  if (info.kind === 'VIEW' || info.systemView !== undefined || info.matched !== undefined)
    throw invalidQuery('CREATE TABLE LIKE takes the shape of a table, not of a view');
  return { how: 'LIKE', table: info };
}

function copiedTable(scope: Scope, how: 'COPY' | 'CLONE', scan: unknown): SourcePlan {
  const node = nodeOf(scan);
  if (node.kind !== 'resolvedTableScanNode') throw unsupported(`${how} of a part of a table`);
  if (isMessage(node.fields['forSystemTimeExpr'])) throw unsupported('FOR SYSTEM_TIME AS OF');
  const table = scope.table(part(node.fields, 'table'));
  const { info } = table;
  const name = `${info.ref.projectId}:${info.ref.datasetId}.${info.ref.tableId}`;
  if (info.kind === 'VIEW' || info.systemView !== undefined || info.matched !== undefined)
    throw invalidQuery(`${name} is not a table that can be copied, cloned or made a snapshot of`);
  if (info.rowFilter !== undefined) throw allRowsDenied(info.ref);
  scope.recordRead(
    table,
    info.fields.map((field) => field.name),
  );
  return { how, table: info };
}
