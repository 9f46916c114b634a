// DDL plans → the contract's statements: targets resolved, OPTIONS evaluated.
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import type { CompileContext } from './compile/context.ts';
import { compileQuery, resultColumns } from './compile/query.ts';
import type { ConstantEvaluator } from './constant.ts';
import { schemaOptions, tableOptions } from './ddl-options.ts';
import type { DdlPlan } from './resolve/ddl.ts';
import type { AlterAction, AlterPlan } from './resolve/ddl-alter.ts';
import type { Options } from './resolve/ddl-columns.ts';
import type { AlterTableAction, AnalyzeRequest, Statement, TableOptions } from './statement.ts';
import { targetDataset, targetTable, temporaryTable } from './table-path.ts';
import { typeName, type GType, type Value } from './types.ts';
import { fieldOf } from './values/schema.ts';

type Evaluate = (options: Options) => Promise<Map<string, Value>>;

export async function ddlStatement(
  plan: DdlPlan,
  request: AnalyzeRequest,
  context: CompileContext,
  constants: ConstantEvaluator,
): Promise<Statement> {
  const evaluate: Evaluate = async (options) => {
    const values = new Map<string, Value>();
    for (const [name, expr] of options) values.set(name, await constants.evaluate(context, expr));
    return values;
  };
  switch (plan.kind) {
    case 'CREATE_TABLE':
      return createTable(plan, request, context, await evaluate(plan.options));
    case 'CREATE_SNAPSHOT_TABLE':
      return {
        kind: plan.kind,
        target: targetTable(plan.path, request),
        mode: plan.mode,
        source: plan.source.table.ref,
        options: tableOptions('SNAPSHOT_TABLE', 'CREATE SNAPSHOT TABLE', await evaluate(plan.options)),
      };
    case 'CREATE_VIEW':
    case 'CREATE_MATERIALIZED_VIEW':
      return createView(plan, request, context, await evaluate(plan.options));
    case 'CREATE_SCHEMA':
      if (plan.mode === 'or_replace') throw unsupported('CREATE OR REPLACE SCHEMA');
      return {
        kind: 'CREATE_SCHEMA',
        target: targetDataset(plan.path, request),
        ifNotExists: plan.mode === 'if_not_exists',
        options: schemaOptions('CREATE SCHEMA', await evaluate(plan.options)),
      };
    case 'ALTER':
      return alter(plan, request, evaluate);
    case 'DROP': {
      const { ifExists } = plan;
      if (plan.object === 'SCHEMA')
        return { kind: 'DROP_SCHEMA', target: targetDataset(plan.path, request), ifExists, cascade: plan.cascade };
      return { kind: `DROP_${plan.object}`, target: targetTable(plan.path, request), ifExists };
    }
  }
}

function createTable(
  plan: Extract<DdlPlan, { kind: 'CREATE_TABLE' }>,
  request: AnalyzeRequest,
  context: CompileContext,
  values: ReadonlyMap<string, Value>,
): Statement {
  const options = tableOptions('TABLE', 'CREATE TABLE', values);
  const query = plan.query === undefined ? undefined : compileQuery(context, plan.query, plan.fields);
  const fields = plan.query?.valueTable === true ? query!.columns.map(fieldOf) : plan.fields;
  if (fields.length === 0) throw invalidQuery('Table must have at least one column');
  requirePartitions(options, plan.partitionBy !== undefined || plan.source !== undefined);
  return {
    kind: query === undefined ? 'CREATE_TABLE' : 'CREATE_TABLE_AS_SELECT',
    target: plan.temporary ? temporaryTable(plan.path, request) : targetTable(plan.path, request),
    mode: plan.mode,
    fields,
    ...(query === undefined ? {} : { query }),
    ...(plan.source === undefined ? {} : { source: { how: plan.source.how, ref: plan.source.table.ref } }),
    ...(plan.partitionBy === undefined ? {} : { partitionBy: plan.partitionBy }),
    ...(plan.clusterBy === undefined ? {} : { clusterBy: plan.clusterBy }),
    ...(plan.primaryKey === undefined ? {} : { primaryKey: plan.primaryKey }),
    foreignKeys: plan.foreignKeys,
    options,
  };
}

function requirePartitions(options: TableOptions, partitioned: boolean): void {
  if (partitioned) return;
  for (const [given, name] of [
    [options.partitionExpirationMs, 'partition_expiration_days'],
    [options.requirePartitionFilter, 'require_partition_filter'],
  ] as const) {
    if (given !== undefined && given !== null && given !== false)
      throw invalidQuery(`Option ${name} is set but table is not partitioned`);
  }
}

function createView(
  plan: Extract<DdlPlan, { kind: 'CREATE_VIEW' | 'CREATE_MATERIALIZED_VIEW' }>,
  request: AnalyzeRequest,
  context: CompileContext,
  values: ReadonlyMap<string, Value>,
): Statement {
  const columns = resultColumns(plan.query);
  // Compiled for its refusals: a view that cannot run is not made. Its readers give the filter over partitions.
  context.requiresPartitionFilters = false;
  compileQuery(context, plan.query);
  const named = columns.map(({ name, expr }, i) => ({ name: plan.columnNames?.[i] ?? name, type: expr.type }));
  const materialized = plan.kind === 'CREATE_MATERIALIZED_VIEW';
  if (materialized && !context.deterministic)
    throw invalidQuery('Materialized view query cannot use non-deterministic functions');
  return {
    kind: plan.kind,
    target: targetTable(plan.path, request),
    mode: plan.mode,
    viewQuery: plan.columnNames === undefined ? plan.sql : renamed(plan.sql, named),
    fields: named.map(fieldOf),
    ...(plan.partitionBy === undefined ? {} : { partitionBy: plan.partitionBy }),
    ...(plan.clusterBy === undefined ? {} : { clusterBy: plan.clusterBy }),
    options: materialized
      ? tableOptions('MATERIALIZED_VIEW', 'CREATE MATERIALIZED VIEW', values)
      : tableOptions('VIEW', 'CREATE VIEW', values),
  };
}

async function alter(plan: AlterPlan, request: AnalyzeRequest, evaluate: Evaluate): Promise<Statement> {
  const { object, ifExists } = plan;
  const name = `ALTER ${object.replace('_', ' ')}`;
  if (object === 'SCHEMA') {
    const options = {};
    for (const action of plan.actions) {
      if (action.kind !== 'set_options') throw unsupported(`${name} ${action.kind.replaceAll('_', ' ').toUpperCase()}`);
      const { location, ...given } = schemaOptions(name, await evaluate(action.options));
      if (location !== undefined) throw invalidQuery('The location of a schema cannot be changed');
      Object.assign(options, given);
    }
    return { kind: 'ALTER_SCHEMA', target: targetDataset(plan.path, request), ifExists, options };
  }
  const actions: AlterTableAction[] = [];
  for (const action of plan.actions) {
    if (object !== 'TABLE' && action.kind !== 'set_options' && !(object === 'VIEW' && action.kind === 'column_options'))
      throw unsupported(`${name} ${action.kind.replaceAll('_', ' ').toUpperCase()}`);
    actions.push(
      action.kind === 'set_options'
        ? { kind: 'set_options', options: tableOptions(object, name, await evaluate(action.options)) }
        : await tableAction(action, request, evaluate),
    );
  }
  return { kind: `ALTER_${object}`, target: targetTable(plan.path, request), ifExists, actions };
}

async function tableAction(
  action: Exclude<AlterAction, { kind: 'set_options' }>,
  request: AnalyzeRequest,
  evaluate: Evaluate,
): Promise<AlterTableAction> {
  switch (action.kind) {
    case 'rename_to': {
      const [tableId] = action.path;
      if (action.path.length !== 1 || tableId === undefined || tableId.includes('.'))
        throw invalidQuery('ALTER TABLE RENAME TO takes the new name of the table only, without project and dataset');
      return { kind: 'rename_to', tableId: targetTable(['d', tableId], request).tableId };
    }
    case 'column_options': {
      const { column, ifExists } = action;
      let description: string | null = null;
      for (const [name, value] of await evaluate(action.options)) {
        if (name !== 'description') throw unsupported(`Column option ${name}`);
        if (value !== null && typeof value !== 'string') throw invalidQuery('Option description must be a STRING');
        description = value;
      }
      return { kind: 'column_description', column, ifExists, description };
    }
    default:
      return action;
  }
}

/** A view's text in which the columns have the names of the view's column list. */
function renamed(sql: string, columns: readonly { readonly name: string; readonly type: GType }[]): string {
  const quoted = columns.map(({ name, type }) => ({
    name: `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``,
    type,
  }));
  const nulls = quoted.map(({ name, type }) => `CAST(NULL AS ${typeName(type)}) AS ${name}`);
  // The first input of UNION ALL names the columns; LIMIT 0 leaves only the view's rows.
  return `SELECT ${quoted.map((c) => c.name).join(', ')} FROM ((SELECT ${nulls.join(', ')} LIMIT 0) UNION ALL (${sql}\n))`;
}
