// The routines that one text calls: which bodies the analysed text needs, and the bodies in the place of the calls.
import { unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import { barrier } from '../barrier.ts';
import type { AggregateExpr, Column, Computed, Expr, Relation } from '../ir.ts';
import { resolveAggregate, resolveExpr } from '../resolve/expression.ts';
import { flag, isMessage, items, nodeOf, part, parts, text, type Message } from '../resolve/message.ts';
import { resolveQuery } from '../resolve/query.ts';
import type { RoutineExpander } from '../resolve/scope.ts';
import { sameType, type GType } from '../types.ts';
import { argumentUse, bindArguments, withLets } from './arguments.ts';
import { bodyKey, type AnalyzedBody, type Callee, type RoutineStore, type TextOrigin } from './callee.ts';
import { javascriptCall } from './javascript/call.ts';
import { ROUTINE_GROUP, TEMPLATED_GROUP } from './signature.ts';

/** A call in a body is a call for each call of that body. */
const MAX_EXPANSIONS = 10_000;

export class CalledRoutines implements RoutineExpander {
  readonly #bodies: RoutineStore;
  readonly #origin: TextOrigin;
  readonly #callees = new Map<string, Callee>();
  readonly #loaded = new Map<string, AnalyzedBody>();

  constructor(bodies: RoutineStore, origin: TextOrigin) {
    this.#bodies = bodies;
    this.#origin = origin;
  }

  /** `name` is the path as the text writes it, with dots and in lower case. */
  add(name: string, callee: Callee): void {
    this.#callees.set(name, callee);
  }

  /** Analyses the bodies of all calls in a resolved statement. */
  async load(statement: unknown): Promise<void> {
    if (this.#callees.size === 0) return;
    for (const { callee, types } of this.#calls(statement)) {
      if (callee.properties.language === 'JAVASCRIPT') continue;
      const key = bodyKey(callee, types);
      if (!this.#loaded.has(key)) this.#loaded.set(key, await this.#bodies.body(callee, types, this.#origin));
    }
  }

  scalar(fields: Message, resolve: (value: unknown) => Expr): Expr | undefined {
    const callee = this.#calleeOf(fields);
    if (callee === undefined) return undefined;
    const types = signatureTypes(fields);
    const args = items(fields, 'argumentList').map(resolve);
    this.#use(callee);
    if (callee.properties.language === 'JAVASCRIPT') return javascriptCall(callee.properties, types, args);
    const body = this.#body(callee, types);
    const expression = body.fields['functionExpression'];
    const outer = body.scopeFor(new Map());
    const newColumn = (name: string, type: GType): Column => outer.newColumn(name, type);
    const bound = bindArguments(callee, argumentUse(expression), args, newColumn);
    return withLets(bound.lets, resolveExpr(body.scopeFor(bound.values), expression), newColumn);
  }

  table(fields: Message, resolve: (value: unknown) => Expr, columns: readonly Column[]): Relation | undefined {
    const callee = this.#callees.get(text(part(fields, 'tvf'), 'name').replaceAll('`', '').toLowerCase());
    if (callee === undefined) return undefined;
    const types = tableTypes(fields);
    const args = parts(fields, 'argumentList').map((argument) => resolve(argument['expr']));
    this.#use(callee);
    const body = this.#body(callee, types);
    const bound = bindArguments(callee, argumentUse(body.fields['query']), args, undefined);
    const scope = body.scopeFor(bound.values);
    const { relation, outputs, valueTable } = resolveQuery(scope, body.fields);
    if (valueTable) throw unsupported(`A table function of a value table (${callee.name})`);
    const indexes = items(fields, 'columnIndexList').map(Number);
    const computed = columns.map((column, i): Computed => {
      const from = outputs[indexes[i]!]!.column;
      const expr: Expr = { kind: 'column', column: from, type: from.type };
      return {
        column,
        expr: sameType(from.type, column.type) ? expr : { kind: 'cast', input: expr, safe: false, type: column.type },
      };
    });
    return { kind: 'project', input: body.hidesRows ? barrier(relation) : relation, computed, columns };
  }

  aggregate(
    fields: Message,
    resolve: (value: unknown) => Expr,
  ): { readonly aggregates: readonly Computed<AggregateExpr>[]; readonly expr: Expr } | undefined {
    const callee = this.#calleeOf(fields);
    if (callee === undefined) return undefined;
    if (
      flag(fields, 'distinct') ||
      items(fields, 'orderByItemList').length > 0 ||
      isMessage(fields['limit']) ||
      isMessage(fields['havingModifier']) ||
      !['', 'DEFAULT_NULL_HANDLING'].includes(text(fields, 'nullHandlingModifier'))
    )
      throw unsupported(
        `A call of the aggregate function ${callee.name} with DISTINCT, HAVING, ORDER BY, LIMIT or NULLS`,
      );
    const body = this.#body(callee, signatureTypes(fields));
    const args = items(fields, 'argumentList').map(resolve);
    this.#use(callee);
    const list = parts(body.fields, 'aggregateExpressionList');
    const use = argumentUse([list, body.fields['functionExpression']]);
    const scope = body.scopeFor(bindArguments(callee, use, args, undefined).values);
    const aggregates = list.map((entry) => {
      if (routineName(nodeOf(entry['expr']).fields) !== undefined)
        throw unsupported(`An aggregate function that calls another one (${callee.name})`);
      return { column: scope.column(part(entry, 'column')), expr: resolveAggregate(scope, entry['expr']) };
    });
    return { aggregates, expr: resolveExpr(scope, body.fields['functionExpression']) };
  }

  #use(callee: Callee): void {
    this.#bodies.recordCall(callee, this.#origin.via, MAX_EXPANSIONS);
  }

  #calleeOf(fields: Message): Callee | undefined {
    const name = routineName(fields);
    if (name === undefined) return undefined;
    const callee = this.#callees.get(name);
    if (callee === undefined) throw new Error(`The analyser named a routine that is not in its catalog: ${name}`);
    return callee;
  }

  #body(callee: Callee, types: readonly GType[]): AnalyzedBody {
    const body = this.#loaded.get(bodyKey(callee, types));
    if (body === undefined) throw new Error(`The body of ${callee.name} was not analysed.`);
    return body;
  }

  *#calls(value: unknown): Generator<{ readonly callee: Callee; readonly types: readonly GType[] }> {
    if (Array.isArray(value)) {
      for (const item of value) yield* this.#calls(item);
      return;
    }
    if (!isMessage(value)) return;
    const kind = value['node'];
    if (kind === 'resolvedFunctionCallNode' || kind === 'resolvedAggregateFunctionCallNode') {
      const { fields } = nodeOf(value);
      const callee = this.#calleeOf(fields);
      if (callee !== undefined) yield { callee, types: signatureTypes(fields) };
    } else if (kind === 'resolvedTvfscanNode') {
      const { fields } = nodeOf(value);
      const callee = this.#callees.get(text(part(fields, 'tvf'), 'name').replaceAll('`', '').toLowerCase());
      if (callee !== undefined) yield { callee, types: tableTypes(fields) };
    }
    for (const item of Object.values(value)) if (typeof item === 'object') yield* this.#calls(item);
  }
}

/** The path of the routine that is called, in lower case; undefined for a built-in function. */
function routineName(fields: Message): string | undefined {
  const full = isMessage(fields['function']) ? text(fields['function'], 'name') : '';
  const colon = full.indexOf(':');
  const group = full.slice(0, colon);
  if (group !== ROUTINE_GROUP && group !== TEMPLATED_GROUP) return undefined;
  return full
    .slice(colon + 1)
    .replaceAll('`', '')
    .toLowerCase();
}

/** The types of the arguments, after the casts that the analyser has put around them. */
function signatureTypes(fields: Message): GType[] {
  return parts(part(fields, 'signature'), 'argument').map((argument) => typeFromProto(argument['type']));
}

function tableTypes(fields: Message): GType[] {
  return parts(part(fields, 'signature'), 'argument').map((argument) => {
    const scalar = argument['scalarArgument'];
    if (!isMessage(scalar)) throw unsupported('A table argument of a table function');
    return typeFromProto(scalar['type']);
  });
}
