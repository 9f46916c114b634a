// A whole query → a CompiledQuery: output names as BigQuery gives them, value tables as columns.
import type { FieldSchema } from '../../catalog/schema.ts';
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import type { Expr, QueryPlan } from '../ir.ts';
import type { CompiledQuery, OutputColumn } from '../statement.ts';
import { requirePartitionFilters } from '../resolve/partition-filter.ts';
import type { CompileContext } from './context.ts';
import { compileOutput } from './relation.ts';

export type NamedExpr = { readonly name: string; readonly expr: Expr };

/** The columns of a query's result. Unnamed ones are `f0_`, `f1_`, …; a row of SELECT AS STRUCT becomes its fields. */
export function resultColumns(plan: QueryPlan): NamedExpr[] {
  let unnamed = 0;
  const nameOf = (name: string): string => {
    if (name !== '' && !name.startsWith('$')) return name;
    unnamed += 1;
    return `f${unnamed - 1}_`;
  };
  const [only] = plan.outputs;
  if (plan.valueTable && only?.column.type.kind === 'STRUCT') {
    const { column } = only;
    return only.column.type.fields.map((field, index) => ({
      name: nameOf(field.name),
      expr: { kind: 'field', input: { kind: 'column', column, type: column.type }, index, type: field.type },
    }));
  }
  return plan.outputs.map(({ name, column }) => ({
    name: nameOf(name),
    expr: { kind: 'column', column, type: column.type },
  }));
}

/** `schema`: the columns, in order, of the table that the result fills. */
export function compileQuery(
  context: CompileContext,
  plan: QueryPlan,
  schema: readonly FieldSchema[] = [],
): CompiledQuery {
  const outputs = resultColumns(plan);
  refuseDuplicates(outputs.map((o) => o.name));
  if (context.requiresPartitionFilters) requirePartitionFilters(plan.relation);
  const sql = compileOutput(context, plan.relation, outputs, schema);
  const columns: OutputColumn[] = outputs.map(({ name, expr }) => ({ name, type: expr.type }));
  return { sql, columns, deterministic: context.deterministic };
}

function refuseDuplicates(names: readonly string[]): void {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) {
    if (seen.has(name.toLowerCase())) twice.add(name);
    seen.add(name.toLowerCase());
  }
  if (twice.size > 0)
    throw invalidQuery(
      `Duplicate column names in the result are not supported. Found duplicate(s): ${[...twice].join(', ')}`,
    );
}
