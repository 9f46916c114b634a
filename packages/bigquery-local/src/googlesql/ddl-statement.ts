// DDL plans → the contract's statements: targets resolved, OPTIONS evaluated.
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import type { CompileContext } from './compile/context.ts';
import { compileQuery, resultColumns } from './compile/query.ts';
import type { ConstantEvaluator } from './constant.ts';
import type { DdlPlan, Options } from './resolve/ddl.ts';
import type { AnalyzeRequest, Statement, TableOptions } from './statement.ts';
import { targetDataset, targetTable } from './table-path.ts';
import { typeName, type GType, type Value } from './types.ts';
import { fieldOf } from './values/schema.ts';

export async function ddlStatement(
  plan: DdlPlan,
  request: AnalyzeRequest,
  context: CompileContext,
  constants: ConstantEvaluator,
): Promise<Statement> {
  const evaluated = async (options: Options, allowed: readonly string[]): Promise<Map<string, Value>> => {
    const values = new Map<string, Value>();
    for (const [name, expr] of options) {
      if (!allowed.includes(name)) throw unsupported(`Option ${name} of ${plan.kind.replaceAll('_', ' ')}`);
      values.set(name, await constants.evaluate(context, expr));
    }
    return values;
  };
  switch (plan.kind) {
    case 'CREATE_TABLE': {
      const values = await evaluated(plan.options, ['description', 'friendly_name', 'labels', 'expiration_timestamp']);
      const query = plan.query === undefined ? undefined : compileQuery(context, plan.query, plan.fields);
      const fields = plan.query?.valueTable === true ? query!.columns.map(fieldOf) : plan.fields;
      if (fields.length === 0) throw invalidQuery('Table must have at least one column');
      return {
        kind: query === undefined ? 'CREATE_TABLE' : 'CREATE_TABLE_AS_SELECT',
        target: targetTable(plan.path, request),
        mode: plan.mode,
        fields,
        ...(query === undefined ? {} : { query }),
        ...(plan.partitionBy === undefined ? {} : { partitionBy: plan.partitionBy }),
        ...(plan.clusterBy === undefined ? {} : { clusterBy: plan.clusterBy }),
        options: tableOptions(values),
      };
    }
    case 'CREATE_VIEW': {
      const values = await evaluated(plan.options, ['description', 'friendly_name', 'labels', 'expiration_timestamp']);
      const columns = resultColumns(plan.query);
      // Compiled for its refusals: a view that cannot run is not made.
      compileQuery(context, plan.query);
      const named = columns.map(({ name, expr }, i) => ({ name: plan.columnNames?.[i] ?? name, type: expr.type }));
      return {
        kind: 'CREATE_VIEW',
        target: targetTable(plan.path, request),
        mode: plan.mode,
        viewQuery: plan.columnNames === undefined ? plan.sql : renamed(plan.sql, named),
        fields: named.map(fieldOf),
        options: tableOptions(values),
      };
    }
    case 'CREATE_SCHEMA': {
      if (plan.mode === 'or_replace') throw unsupported('CREATE OR REPLACE SCHEMA');
      const values = await evaluated(plan.options, ['description', 'friendly_name', 'labels', 'location']);
      const { expirationMicros: _none, ...options } = tableOptions(values);
      const location = stringOption(values, 'location');
      return {
        kind: 'CREATE_SCHEMA',
        target: targetDataset(plan.path, request),
        ifNotExists: plan.mode === 'if_not_exists',
        options: { ...options, ...(location === undefined ? {} : { location }) },
      };
    }
    case 'DROP':
      if (plan.object === 'SCHEMA') {
        return {
          kind: 'DROP_SCHEMA',
          target: targetDataset(plan.path, request),
          ifExists: plan.ifExists,
          cascade: plan.cascade,
        };
      }
      return {
        kind: plan.object === 'VIEW' ? 'DROP_VIEW' : 'DROP_TABLE',
        target: targetTable(plan.path, request),
        ifExists: plan.ifExists,
      };
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

function tableOptions(values: ReadonlyMap<string, Value>): TableOptions {
  const description = stringOption(values, 'description');
  const friendlyName = stringOption(values, 'friendly_name');
  const labels = values.get('labels') ?? undefined;
  const expiration = values.get('expiration_timestamp') ?? undefined;
  return {
    ...(description === undefined ? {} : { description }),
    ...(friendlyName === undefined ? {} : { friendlyName }),
    ...(labels === undefined ? {} : { labels: labelsOf(labels) }),
    ...(expiration === undefined ? {} : { expirationMicros: expirationOf(expiration) }),
  };
}

function stringOption(values: ReadonlyMap<string, Value>, name: string): string | undefined {
  const value = values.get(name) ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalidQuery(`Option ${name} must be a STRING`);
}

function expirationOf(value: Value): bigint {
  if (typeof value === 'bigint') return value;
  throw invalidQuery('Option expiration_timestamp must be a TIMESTAMP');
}

function labelsOf(value: Value): Record<string, string> {
  if (!Array.isArray(value)) throw invalidQuery('Option labels must be an ARRAY<STRUCT<STRING, STRING>>');
  return Object.fromEntries(
    (value as readonly Value[]).map((pair): [string, string] => {
      const [key, label] = Array.isArray(pair) ? (pair as readonly Value[]) : [];
      if (typeof key !== 'string' || typeof label !== 'string')
        throw invalidQuery('Option labels must be an ARRAY<STRUCT<STRING, STRING>>');
      return [key, label];
    }),
  );
}
