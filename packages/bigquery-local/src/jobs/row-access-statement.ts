// CREATE and DROP ROW ACCESS POLICY, and the rules that they share with the REST methods.
// Sources: "Data definition language", "Use row-level security".
import { normalMember } from '../access/members.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { TableReference } from '../catalog/datasets.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import type { RowAccessPolicy, RowAccessRule } from '../catalog/row-access-policies.ts';
import { nameOf, tableNotFound } from '../catalog/tables.ts';
import type { Statement } from '../googlesql/statement.ts';
import { requireGrantee } from '../rest/bigquery/iam-grantable.ts';
import type { Services } from '../services.ts';
import type { Execution } from './execution.ts';

type CreatePolicy = Extract<Statement, { readonly kind: 'CREATE_ROW_ACCESS_POLICY' }>;
type DropPolicy = Extract<Statement, { readonly kind: 'DROP_ROW_ACCESS_POLICY' }>;

const MAX_GRANTEES = 1500;

export async function runRowAccessStatement(
  execution: Execution,
  statement: CreatePolicy | DropPolicy,
  statistics: Record<string, unknown>,
): Promise<JobOutcome> {
  const { services, signal } = execution;
  const { target } = statement;
  return services.lock.hold(nameOf(target), signal, async () => {
    return services.db.transaction(() => {
      const outcome =
        statement.kind === 'CREATE_ROW_ACCESS_POLICY'
          ? create(services, statement, statistics)
          : drop(services, statement, statistics);
      execution.finish(outcome);
      return outcome;
    });
  });
}

function create(services: Services, statement: CreatePolicy, statistics: Record<string, unknown>): JobOutcome {
  const { target, policyId, mode } = statement;
  requirePlainTable(services, target);
  const old = services.rowAccessPolicies.get(target, policyId);
  const outcome = (operation: string): JobOutcome => outcomeOf(statistics, operation, statement);
  if (old !== undefined && mode === 'if_not_exists') return outcome('SKIP');
  if (old !== undefined && mode === 'default') throw policyExists(target, policyId);
  services.rowAccessPolicies.put(target, checkedRule(services, statement));
  return outcome(old === undefined ? 'CREATE' : 'REPLACE');
}

function drop(services: Services, statement: DropPolicy, statistics: Record<string, unknown>): JobOutcome {
  const { target, policyId, ifExists } = statement;
  requirePlainTable(services, target);
  const policies = services.rowAccessPolicies.list(target);
  if (policyId === undefined) {
    services.rowAccessPolicies.dropAll(target);
    return outcomeOf(statistics, 'DROP', statement, policies.length);
  }
  if (services.rowAccessPolicies.get(target, policyId) === undefined) {
    if (ifExists) return outcomeOf(statistics, 'SKIP', statement);
    throw policyNotFound(target, policyId);
  }
  dropPolicies(services, target, [policyId], false);
  return outcomeOf(statistics, 'DROP', statement);
}

function outcomeOf(
  statistics: Record<string, unknown>,
  operation: string,
  { target, policyId }: CreatePolicy | DropPolicy,
  count?: number,
): JobOutcome {
  const query = {
    ...(statistics['query'] as Record<string, unknown>),
    ddlOperationPerformed: operation,
    ...(policyId === undefined
      ? { ddlTargetTable: target, ddlAffectedRowAccessPolicyCount: String(count ?? 0) }
      : { ddlTargetRowAccessPolicy: { ...target, policyId } }),
  };
  return { statistics: { ...statistics, query } };
}

/** The rule of a statement; throws 400 for an id that is not valid or a grantee that does not exist. */
export function checkedRule(services: Services, statement: CreatePolicy): RowAccessRule {
  const { policyId, filter, allRows } = statement;
  if (!/^\w{1,256}$/.test(policyId))
    throw invalid(
      `Invalid row access policy ID "${policyId}". IDs must be alphanumeric (plus underscores) and must be at most 256 characters long.`,
    );
  const grantees = [...new Set(statement.grantees.map(normalMember))];
  if (grantees.length > MAX_GRANTEES) throw invalid(`A row access policy has at most ${MAX_GRANTEES} grantees.`);
  for (const grantee of grantees) {
    if (/^project(Viewer|Editor|Owner):/.test(grantee))
      throw invalid(`The member ${grantee} is of an unknown type. Please set a valid type prefix for the member.`);
    requireGrantee(services.identity, grantee);
  }
  return { policyId, filter, allRows, grantees };
}

/** Ends these policies. The last ones of a table only with `force`: without policies everybody sees all rows. */
export function dropPolicies(services: Services, ref: TableReference, ids: readonly string[], force: boolean): void {
  const names = new Set(ids);
  for (const id of names) requirePolicy(services, ref, id);
  if (!force && services.rowAccessPolicies.list(ref).every(({ policyId }) => names.has(policyId)))
    throw invalid(
      `The last row access policy of table ${nameOf(ref)} cannot be dropped by its name: use DROP ALL ROW ACCESS POLICIES, or force in the REST API.`,
    );
  for (const id of names) services.rowAccessPolicies.drop(ref, id);
}

export function requirePolicy(services: Services, ref: TableReference, policyId: string): RowAccessPolicy {
  const policy = services.rowAccessPolicies.get(ref, policyId);
  if (policy === undefined) throw policyNotFound(ref, policyId);
  return policy;
}

/** Only tables have row access policies. */
export function requirePlainTable(services: Services, ref: TableReference): void {
  const table = services.tables.get(ref);
  if (table === undefined) throw tableNotFound(ref);
  if (table.kind !== 'TABLE')
    throw invalid(
      `${nameOf(ref)} is a ${table.kind.toLowerCase().replace('_', ' ')}: row access policies are supported on tables only.`,
    );
}

export function policyExists(ref: TableReference, policyId: string): BigQueryError {
  return new BigQueryError('duplicate', `Already Exists: Row access policy ${nameOf(ref)}.${policyId}`);
}

function policyNotFound(ref: TableReference, policyId: string): BigQueryError {
  return new BigQueryError('notFound', `Not found: Row access policy ${nameOf(ref)}.${policyId}`);
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalid', message);
}
