// Collation of STRING: `und:ci`, which does not tell upper from lower case. An operation that has it compares the sort
// keys of its operands; an operation that is not here is refused by name, never done without the collation.
// Source: "Working with collation" of the GoogleSQL reference.
import { unsupported } from '../analyzer/analyzer-error.ts';
import type { AggregateExpr, Expr } from '../ir.ts';
import { has, isMessage, part, parts, text, type Message } from './message.ts';

export type Collation = 'und:ci';

const STRING = { kind: 'STRING' } as const;
const BOOL = { kind: 'BOOL' } as const;

/** Of a ResolvedCollationProto. Undefined where there is none; refuses those that are not supported. */
export function collationOf(proto: unknown): Collation | undefined {
  if (!isMessage(proto)) return undefined;
  const name = text(proto, 'collationName');
  if (name !== '') return known(name);
  if (parts(proto, 'childList').some((child) => collationOf(child) !== undefined))
    throw unsupported('Collation inside of a STRUCT or an ARRAY');
  return undefined;
}

function known(name: string): Collation | undefined {
  if (name === 'binary') return undefined;
  if (name === 'und:ci') return name;
  throw unsupported(`Collation ${name}`);
}

/** Kind of AnnotationProto that is a collation. */
const COLLATION_ANNOTATION = '1';

/** Of a column, by its AnnotationMapProto. */
export function columnCollation(column: Message): Collation | undefined {
  return has(column, 'annotationMap') ? mapCollation(part(column, 'annotationMap')) : undefined;
}

function mapCollation(map: Message): Collation | undefined {
  const own = parts(map, 'annotations').find((annotation) => text(annotation, 'id') === COLLATION_ANNOTATION);
  const name = own === undefined || !has(own, 'value') ? '' : text(part(own, 'value'), 'stringValue');
  return name === '' ? undefined : known(name);
}

/** What an operation with the collation compares in place of a text. */
export function collationKey(expr: Expr): Expr {
  return call('$collation_key', [expr], STRING);
}

function call(name: string, args: readonly Expr[], type: Expr['type']): Expr {
  return { kind: 'call', name, args, contextId: '', safe: false, type };
}

const COMPARISONS = new Set([
  '$equal',
  '$not_equal',
  '$less',
  '$less_or_equal',
  '$greater',
  '$greater_or_equal',
  '$between',
  '$in',
  '$is_distinct_from',
  '$is_not_distinct_from',
]);

type CallExpr = Extract<Expr, { kind: 'call' }>;

function requireTexts(name: string, args: readonly Expr[]): void {
  if (args.some(({ type }) => type.kind !== 'STRING'))
    throw unsupported(`${shown(name)} of these types with collation`);
}

function shown(name: string): string {
  return name.replace(/^\$/, '').toUpperCase();
}

/** A call with the collations that the analyser gives it. */
export function collatedCall(expr: CallExpr, fields: Message): Expr {
  const { name, args } = expr;
  if (name === 'collate') {
    const collation = args[1]?.kind === 'literal' ? args[1].value.value : undefined;
    if (typeof collation === 'string' && collation !== '') known(collation);
    return args[0]!;
  }
  if (!isCollated(fields)) return expr;
  if (COMPARISONS.has(name)) {
    requireTexts(name, args);
    return { ...expr, args: args.map(collationKey) };
  }
  if (name === 'nullif') {
    requireTexts(name, args);
    const equal = call('$equal', args.map(collationKey), BOOL);
    return call(
      'if',
      [equal, { kind: 'literal', type: expr.type, value: { type: expr.type, value: null } }, args[0]!],
      expr.type,
    );
  }
  if (name === '$case_with_value') {
    const last = args.length - 1;
    return {
      ...expr,
      args: args.map((arg, i) => (i === 0 || (i % 2 === 1 && i < last) ? collationKey(arg) : arg)),
    };
  }
  throw unsupported(`${shown(name)} with collation`);
}

/** COUNT(DISTINCT …), MIN and MAX; the extreme of texts that the collation takes for equal is one of them. */
export function collatedAggregate(expr: AggregateExpr, fields: Message): AggregateExpr {
  if (!isCollated(fields)) return expr;
  const [first] = expr.args;
  if (expr.name === 'count' && expr.distinct && first !== undefined) {
    requireTexts(expr.name, expr.args);
    return { ...expr, args: [collationKey(first)] };
  }
  if ((expr.name === 'min' || expr.name === 'max') && first !== undefined && !expr.distinct) {
    requireTexts(expr.name, expr.args);
    return { ...expr, name: `${expr.name}_by`, args: [first, collationKey(first)] };
  }
  throw unsupported(`${shown(expr.name)} with collation`);
}

function isCollated(fields: Message): boolean {
  return parts(fields, 'collationList').some((collation) => collationOf(collation) !== undefined);
}
