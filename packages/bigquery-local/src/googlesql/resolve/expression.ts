// Resolved expressions → IR expressions.
import { unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import type { AggregateExpr, Expr, Frame, FrameBound, SortKey } from '../ir.ts';
import type { TypedValue } from '../types.ts';
import type { Scope } from './scope.ts';
import { flag, has, isMessage, items, nodeOf, part, parts, text, type Message } from './message.ts';
import { collatedAggregate, collatedCall, collationKey, collationOf } from './collation.ts';
import { typeParametersOf } from './type-parameters.ts';
import { literalOf } from './value.ts';

const SUBQUERY_KINDS = { SCALAR: 'scalar_subquery', ARRAY: 'array_subquery', EXISTS: 'exists' } as const;

export function resolveExpr(scope: Scope, value: unknown): Expr {
  const { kind, fields } = nodeOf(value);
  switch (kind) {
    case 'resolvedLiteralNode':
      return literal(literalOf(part(fields, 'value')));
    case 'resolvedColumnRefNode':
      return columnRef(scope, fields);
    case 'resolvedParameterNode':
      return literal(scope.parameter(text(fields, 'name'), Number(fields['position'] ?? 0)));
    case 'resolvedConstantNode':
      return literal(scope.variable(text(part(fields, 'constant'), 'name')));
    case 'resolvedSystemVariableNode':
      return literal(scope.variable(`@@${items(fields, 'namePath').map(String).join('.')}`));
    case 'resolvedFunctionCallNode':
      return (
        scope.routines?.scalar(fields, (argument) => resolveExpr(scope, argument)) ??
        collatedCall({ kind: 'call', ...call(scope, fields) }, fields)
      );
    case 'resolvedArgumentRefNode':
      return scope.argument(text(fields, 'name'));
    case 'resolvedCastNode':
      return cast(scope, fields);
    case 'resolvedMakeStructNode':
      return {
        kind: 'struct',
        fields: items(fields, 'fieldList').map((f) => resolveExpr(scope, f)),
        type: typeOf(fields),
      };
    case 'resolvedGetStructFieldNode':
      return {
        kind: 'field',
        input: resolveExpr(scope, fields['expr']),
        index: Number(fields['fieldIdx'] ?? 0),
        type: typeOf(fields),
      };
    case 'resolvedGetJsonFieldNode':
      return {
        kind: 'json_field',
        input: resolveExpr(scope, fields['expr']),
        name: text(fields, 'fieldName'),
        type: typeOf(fields),
      };
    case 'resolvedSubqueryExprNode':
      return subquery(scope, fields);
    case 'resolvedDmldefaultNode':
      return { kind: 'default', type: typeOf(fields) };
    default:
      throw unsupported(`Expression ${nodeName(kind)}`);
  }
}

/** `resolvedSystemVariableNode` → `SystemVariable`. */
export function nodeName(kind: string): string {
  return kind.replace(/^resolved/, '').replace(/Node$/, '');
}

function literal(value: TypedValue): Expr {
  return { kind: 'literal', value, type: value.type };
}

export function columnRef(scope: Scope, ref: Message): Expr {
  const column = scope.column(part(ref, 'column'));
  return { kind: 'column', column, type: column.type };
}

function typeOf(fields: Message): Expr['type'] {
  return typeFromProto(fields['type']);
}

function call(scope: Scope, fields: Message): Omit<Extract<Expr, { kind: 'call' }>, 'kind'> {
  if (items(fields, 'genericArgumentList').length > 0)
    throw unsupported(`A lambda argument of ${functionName(fields).toUpperCase()}`);
  const name = functionName(fields);
  return {
    name,
    args: items(fields, 'argumentList').map((a) => resolveExpr(scope, a)),
    contextId: has(fields, 'signature') ? contextId(part(fields, 'signature')) : '',
    safe: text(fields, 'errorMode') === 'SAFE_ERROR_MODE',
    type: typeOf(fields),
  };
}

function contextId(signature: Message): string {
  const id = signature['contextId'];
  return typeof id === 'string' || typeof id === 'number' ? String(id) : '';
}

/** `ZetaSQL:upper` → `upper`; `bq:max_by` → `max_by`. */
function functionName(fields: Message): string {
  const full = text(part(fields, 'function'), 'name').toLowerCase();
  return full.slice(full.indexOf(':') + 1);
}

function cast(scope: Scope, fields: Message): Expr {
  if (has(fields, 'extendedCast')) throw unsupported('An extended cast');
  const modifiers = fields['typeModifiers'];
  const parameters = isMessage(modifiers) ? typeParametersOf(modifiers['typeParameters']) : undefined;
  return {
    kind: 'cast',
    input: resolveExpr(scope, fields['expr']),
    safe: flag(fields, 'returnNullOnError'),
    ...(parameters === undefined ? {} : { parameters }),
    ...(isMessage(fields['format']) ? { format: resolveExpr(scope, fields['format']) } : {}),
    ...(isMessage(fields['timeZone']) ? { timeZone: resolveExpr(scope, fields['timeZone']) } : {}),
    type: typeOf(fields),
  };
}

/** Whether a TypeParametersProto says anything (`STRING(10)`, `NUMERIC(5, 2)`), also deep in a struct or array. */
export function hasTypeParameters(value: unknown): boolean {
  if (!isMessage(value)) return false;
  if (has(value, 'stringTypeParameters') || has(value, 'numericTypeParameters')) return true;
  return items(value, 'childList').some(hasTypeParameters);
}

function subquery(scope: Scope, fields: Message): Expr {
  const relation = scope.scan(fields['subquery']);
  const subqueryType = text(fields, 'subqueryType');
  if (subqueryType === 'IN') {
    if (collationOf(fields['inCollation']) !== undefined) throw unsupported('IN (subquery) with collation');
    return { kind: 'in_subquery', needle: resolveExpr(scope, fields['inExpr']), relation, type: { kind: 'BOOL' } };
  }
  const kind = (SUBQUERY_KINDS as Readonly<Record<string, (typeof SUBQUERY_KINDS)[keyof typeof SUBQUERY_KINDS]>>)[
    subqueryType
  ];
  if (kind === undefined) throw unsupported(`A ${subqueryType.replaceAll('_', ' ')} subquery`);
  return { kind, relation, type: typeOf(fields) };
}

/** An aggregate or analytic call. */
export function resolveAggregate(scope: Scope, value: unknown): AggregateExpr & { readonly frame?: Frame } {
  const { kind, fields } = nodeOf(value);
  if (kind !== 'resolvedAggregateFunctionCallNode' && kind !== 'resolvedAnalyticFunctionCallNode') {
    throw unsupported(`Aggregate ${nodeName(kind)}`);
  }
  if (isMessage(fields['withGroupRowsSubquery'])) throw unsupported('WITH GROUP ROWS');
  const having = isMessage(fields['havingModifier']) ? part(fields, 'havingModifier') : undefined;
  const nulls = text(fields, 'nullHandlingModifier');
  const aggregate: AggregateExpr = {
    ...call(scope, fields),
    distinct: flag(fields, 'distinct'),
    orderBy: sortKeys(scope, fields),
    ...(isMessage(fields['limit']) ? { limit: resolveExpr(scope, fields['limit']) } : {}),
    nulls: nulls === 'IGNORE_NULLS' ? 'ignore' : nulls === 'RESPECT_NULLS' ? 'respect' : 'default',
    ...(having === undefined
      ? {}
      : {
          having: {
            kind: text(having, 'kind') === 'MAX' ? ('max' as const) : ('min' as const),
            expr: resolveExpr(scope, having['havingExpr']),
          },
        }),
  };
  return {
    ...collatedAggregate(aggregate, fields),
    ...(isMessage(fields['windowFrame']) ? { frame: frameOf(scope, part(fields, 'windowFrame')) } : {}),
  };
}

export function sortKeys(scope: Scope, fields: Message): SortKey[] {
  return parts(fields, 'orderByItemList').map((item) => {
    const given = isMessage(item['collationName']) ? resolveExpr(scope, item['collationName']) : undefined;
    if (given !== undefined && !(given.kind === 'literal' && given.value.value === 'und:ci'))
      throw unsupported('ORDER BY with this COLLATE');
    const isCollated = given !== undefined || collationOf(item['collation']) !== undefined;
    const column = columnRef(scope, part(item, 'columnRef'));
    const descending = flag(item, 'isDescending');
    const order = text(item, 'nullOrder');
    return {
      expr: isCollated ? collationKey(column) : column,
      descending,
      nullsFirst: order === 'NULLS_FIRST' || (order !== 'NULLS_LAST' && !descending),
    };
  });
}

function frameOf(scope: Scope, frame: Message): Frame {
  return {
    unit: text(frame, 'frameUnit') === 'RANGE' ? 'RANGE' : 'ROWS',
    start: boundOf(scope, part(frame, 'startExpr')),
    end: boundOf(scope, part(frame, 'endExpr')),
  };
}

function boundOf(scope: Scope, bound: Message): FrameBound {
  switch (text(bound, 'boundaryType')) {
    case 'OFFSET_PRECEDING':
      return { kind: 'preceding', offset: resolveExpr(scope, bound['expression']) };
    case 'OFFSET_FOLLOWING':
      return { kind: 'following', offset: resolveExpr(scope, bound['expression']) };
    case 'CURRENT_ROW':
      return { kind: 'current_row' };
    case 'UNBOUNDED_FOLLOWING':
      return { kind: 'unbounded_following' };
    default:
      return { kind: 'unbounded_preceding' };
  }
}
