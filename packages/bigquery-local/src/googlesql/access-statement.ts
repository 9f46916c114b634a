// GRANT, REVOKE and the row access policy statements: what they are about, and that the
// predicate of a policy is one that this server can run.
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import type { CompileContext } from './compile/context.ts';
import { compileExpr } from './compile/expression.ts';
import type { Expr } from './ir.ts';
import { resolveExpr } from './resolve/expression.ts';
import { flag, isMessage, items, part, text, type Message, type Node } from './resolve/message.ts';
import type { Scope } from './resolve/scope.ts';
import type { AnalyzeRequest, GrantTarget, Statement, TableInfo, TableRef } from './statement.ts';
import { targetDataset, targetTable, unqualifiedTable } from './table-path.ts';
import type { TextAnalysis } from './text-analysis.ts';

/** Undefined for every other statement. */
export function accessStatement(
  { kind, fields }: Node,
  scope: Scope,
  context: CompileContext,
  analysis: TextAnalysis,
  request: AnalyzeRequest,
): Statement | undefined {
  switch (kind) {
    case 'resolvedGrantStmtNode':
    case 'resolvedRevokeStmtNode':
      return {
        kind: kind === 'resolvedGrantStmtNode' ? 'GRANT' : 'REVOKE',
        on: grantTarget(fields, request),
        roles: (items(fields, 'privilegeList') as readonly Message[]).map(roleOf),
        grantees: granteesOf(scope, fields),
      };
    case 'resolvedCreateRowAccessPolicyStmtNode':
      return createPolicy(fields, scope, context, analysis, request);
    case 'resolvedDropRowAccessPolicyStmtNode':
      return {
        kind: 'DROP_ROW_ACCESS_POLICY',
        target: targetTable(items(fields, 'targetNamePath').map(String), request),
        policyId: flag(fields, 'isDropAll') ? undefined : text(fields, 'name'),
        ifExists: flag(fields, 'isIfExists'),
      };
    default:
      return undefined;
  }
}

function grantTarget(fields: Message, request: AnalyzeRequest): GrantTarget {
  const path = items(fields, 'namePath').map(String);
  const object = items(fields, 'objectTypeList').map(String).join(' ').toUpperCase();
  switch (object) {
    case 'PROJECT':
      return { kind: 'PROJECT', projectId: path.join('.') };
    case 'SCHEMA':
      return { kind: 'SCHEMA', ...targetDataset(path, request) };
    case 'TABLE':
    case 'VIEW':
      return { kind: object, ...targetTable(path, request) };
    default:
      throw unsupported(`GRANT and REVOKE on ${object === '' ? 'an object without a type' : object}`);
  }
}

function roleOf(privilege: Message): string {
  const role = text(privilege, 'actionType');
  if (items(privilege, 'unitList').length > 0) throw unsupported('A privilege on columns');
  if (!/^(roles|projects\/[^/]+\/roles|organizations\/\d+\/roles)\/[\w.]+$/.test(role))
    throw invalidQuery(`Invalid role: ${role}. A role is written as \`roles/bigquery.dataViewer\``);
  return role;
}

function granteesOf(scope: Scope, fields: Message): string[] {
  const named = items(fields, 'granteeList').map(String);
  const written = items(fields, 'granteeExprList').map((value) => {
    const expr = resolveExpr(scope, value);
    const grantee = expr.kind === 'literal' ? expr.value.value : undefined;
    if (typeof grantee !== 'string') throw invalidQuery('A grantee must be a string, such as "user:a@example.com"');
    return grantee;
  });
  return [...named, ...written];
}

function createPolicy(
  fields: Message,
  scope: Scope,
  context: CompileContext,
  analysis: TextAnalysis,
  request: AnalyzeRequest,
): Statement {
  const grantees = granteesOf(scope, fields);
  // The text is stored and resolved again by later statements, which have other parameters or none.
  if (JSON.stringify(fields['predicate']).includes('"node":"resolvedParameterNode"'))
    throw invalidQuery('Query parameters cannot be used in a row access policy');
  if (namesJsonColumn(fields['predicate'])) throw invalidQuery('Row access policies cannot use columns of type JSON');
  const target = targetTable(items(fields, 'targetNamePath').map(String), request);
  const predicate = resolveExpr(scope, fields['predicate']);
  if (analysis.routines.hasCalls) throw unsupported('A row access policy that calls a routine');
  const sources = analysis.sources();
  for (const source of sources) requirePolicySource(source, target);
  if (sources.length > 0) requireStoredNames(target, analysis, request);
  requireComparable(predicate);
  // Functions that this server lacks are refused now and not when somebody queries the table.
  compileExpr(context, predicate);
  const mode = text(fields, 'createMode');
  return {
    kind: 'CREATE_ROW_ACCESS_POLICY',
    target,
    mode: mode === 'CREATE_OR_REPLACE' ? 'or_replace' : mode === 'CREATE_IF_NOT_EXISTS' ? 'if_not_exists' : 'default',
    policyId: text(fields, 'name'),
    filter: text(fields, 'predicateStr'),
    allRows: predicate.kind === 'literal' && predicate.value.value === true,
    grantees,
  };
}

/** "Limitations" of row-level security: what the subqueries of a policy may read. */
export function requirePolicySource({ ref, kind, systemView, rowLevelSecurity }: TableInfo, target: TableRef): void {
  const name = `${ref.projectId}:${ref.datasetId}.${ref.tableId}`;
  if (kind !== 'TABLE' || systemView !== undefined)
    throw invalidQuery(`A row access policy can refer to tables only, and ${name} is a view`);
  const same =
    ref.projectId === target.projectId && ref.datasetId === target.datasetId && ref.tableId === target.tableId;
  if (rowLevelSecurity === true || same)
    throw invalidQuery(`A row access policy cannot refer to a table with row-level security: ${name}`);
}

/** The text is read again without the default dataset, and for the project of its table. */
function requireStoredNames(target: TableRef, { unqualified }: TextAnalysis, request: AnalyzeRequest): void {
  const [name] = unqualified.filter((tableId) => tableId.toLowerCase() !== target.tableId.toLowerCase());
  if (name !== undefined) throw unqualifiedTable(name);
  if (target.projectId !== request.defaultProject)
    throw unsupported('A row access policy with a subquery on a table of another project than that of the job');
}

const INCOMPARABLE: ReadonlySet<string> = new Set(['FLOAT64', 'STRUCT', 'ARRAY', 'JSON', 'GEOGRAPHY']);

/** "Top-level IN subqueries" are not available for values of some types. */
function requireComparable(predicate: Expr): void {
  if (predicate.kind === 'call' && ['$and', '$or', '$not'].includes(predicate.name))
    for (const part of predicate.args) requireComparable(part);
  if (predicate.kind === 'in_subquery' && INCOMPARABLE.has(predicate.needle.type.kind))
    throw invalidQuery(
      `Row access policies cannot search a subquery for a value of type ${predicate.needle.type.kind}`,
    );
}

function namesJsonColumn(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(namesJsonColumn);
  if (!isMessage(value)) return false;
  if (value['node'] === 'resolvedColumnRefNode') {
    const type = part(part(part(value, 'resolvedColumnRefNode'), 'column'), 'type');
    if (text(type, 'typeKind') === 'TYPE_JSON') return true;
  }
  return Object.values(value).some(namesJsonColumn);
}
