// What a statement may do: each table it reads, and what it writes, creates or drops.
// Sources: BigQuery's "Access control", the DDL and DML pages ("required permissions"),
// and "Authorized views".
import type { Permission, Principal, Resource } from '../access/decision.ts';
import { accessDenied, queryDenied } from '../access/denied.ts';
import type { AnalyzedStatement, GrantTarget, Statement, TableRead, TableRef } from '../googlesql/statement.ts';
import type { Services } from '../services.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { mayUseRoutine, routineResource } from './routine-access.ts';
import { mayKnowDataset } from './table-lookup.ts';

/** Throws the 403 of the first permission that the caller lacks. */
export function authorizeStatement(services: Services, principal: Principal, analyzed: AnalyzedStatement): void {
  for (const use of analyzed.routines ?? []) {
    if (!mayUseRoutine(services, principal, use)) throw accessDenied('bigquery.routines.get', routineResource(use.ref));
  }
  for (const read of analyzed.reads) {
    if (!mayRead(services, principal, read)) throw queryDenied(read.ref);
  }
  for (const [permission, resource] of needs(services, analyzed.statement)) {
    if (services.access.decide(principal, permission, resource).allowed) continue;
    throw missingDataset(services, principal, resource) ?? accessDenied(permission, resource);
  }
}

/** The 404 for a dataset that does not exist, if the caller may know that. */
export function missingDataset(
  services: Services,
  principal: Principal,
  resource: Resource,
): BigQueryError | undefined {
  if (resource.kind !== 'dataset' && resource.kind !== 'table' && resource.kind !== 'routine') return undefined;
  const { projectId, datasetId } = resource;
  if (services.datasets.get(projectId, datasetId) !== undefined) return undefined;
  if (!mayKnowDataset(services, principal, projectId, datasetId)) return undefined;
  return new BigQueryError('notFound', `Not found: Dataset ${projectId}:${datasetId}`);
}

function mayRead(services: Services, principal: Principal, read: TableRead): boolean {
  if (services.access.decide(principal, 'bigquery.tables.getData', { kind: 'table', ...read.ref }).allowed) return true;
  return read.via !== undefined && services.authorizations.covers(read.via, read.ref);
}

function* needs(services: Services, statement: Statement): Generator<[Permission, Resource]> {
  switch (statement.kind) {
    case 'SELECT':
    case 'CREATE_TEMP_FUNCTION':
      return;
    case 'CREATE_FUNCTION':
    case 'CREATE_TABLE_FUNCTION':
    case 'CREATE_PROCEDURE':
      yield ['bigquery.routines.create', datasetOf(statement.target)];
      if (statement.mode === 'or_replace' && services.routines.get(statement.target) !== undefined)
        yield ['bigquery.routines.update', routineResource(statement.target)];
      return;
    case 'DROP_FUNCTION':
    case 'DROP_TABLE_FUNCTION':
    case 'DROP_PROCEDURE':
      yield ['bigquery.routines.delete', routineResource(statement.target)];
      return;
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
    case 'TRUNCATE_TABLE':
      yield ['bigquery.tables.updateData', tableOf(statement.target)];
      return;
    case 'CREATE_TABLE':
    case 'CREATE_TABLE_AS_SELECT':
    case 'CREATE_SNAPSHOT_TABLE':
    case 'CREATE_VIEW':
    case 'CREATE_MATERIALIZED_VIEW':
      yield* needsOfCreate(services, statement);
      return;
    case 'ALTER_TABLE':
    case 'ALTER_VIEW':
    case 'ALTER_MATERIALIZED_VIEW': {
      yield ['bigquery.tables.get', tableOf(statement.target)];
      yield ['bigquery.tables.update', tableOf(statement.target)];
      const expires = statement.actions.some(
        (a) => a.kind === 'set_options' && a.options.expirationMicros !== undefined,
      );
      if (expires) yield ['bigquery.tables.delete', tableOf(statement.target)];
      return;
    }
    case 'ALTER_SCHEMA':
      yield ['bigquery.datasets.get', datasetOf(statement.target)];
      yield ['bigquery.datasets.update', datasetOf(statement.target)];
      return;
    case 'DROP_SNAPSHOT_TABLE':
      yield ['bigquery.tables.deleteSnapshot', tableOf(statement.target)];
      return;
    case 'GRANT':
    case 'REVOKE':
      yield grantPermission(statement.on);
      return;
    case 'CREATE_ROW_ACCESS_POLICY': {
      const table = tableOf(statement.target);
      const replaces =
        statement.mode === 'or_replace' &&
        services.rowAccessPolicies.get(statement.target, statement.policyId) !== undefined;
      yield [`bigquery.rowAccessPolicies.${replaces ? 'update' : 'create'}`, table];
      yield ['bigquery.rowAccessPolicies.setIamPolicy', table];
      yield ['bigquery.tables.getData', table];
      return;
    }
    case 'DROP_ROW_ACCESS_POLICY': {
      const table = tableOf(statement.target);
      yield ['bigquery.rowAccessPolicies.delete', table];
      yield ['bigquery.rowAccessPolicies.setIamPolicy', table];
      if (statement.policyId === undefined) yield ['bigquery.rowAccessPolicies.list', table];
      return;
    }
    case 'DROP_TABLE':
    case 'DROP_VIEW':
    case 'DROP_MATERIALIZED_VIEW':
      yield ['bigquery.tables.delete', tableOf(statement.target)];
      yield ['bigquery.tables.get', tableOf(statement.target)];
      return;
    case 'CREATE_SCHEMA':
      yield ['bigquery.datasets.create', { kind: 'project', projectId: statement.target.projectId }];
      return;
    case 'DROP_SCHEMA':
      yield ['bigquery.datasets.delete', datasetOf(statement.target)];
      if (services.tables.count(statement.target.projectId, statement.target.datasetId) > 0) {
        yield ['bigquery.tables.delete', datasetOf(statement.target)];
      }
      return;
  }
}

type Create = Extract<
  Statement,
  {
    readonly kind:
      | 'CREATE_TABLE'
      | 'CREATE_TABLE_AS_SELECT'
      | 'CREATE_SNAPSHOT_TABLE'
      | 'CREATE_VIEW'
      | 'CREATE_MATERIALIZED_VIEW';
  }
>;

/** What is read of the source of COPY, CLONE and a snapshot is among the reads of the statement. */
function* needsOfCreate(services: Services, statement: Create): Generator<[Permission, Resource]> {
  const { target } = statement;
  yield ['bigquery.tables.create', datasetOf(target)];
  if (statement.mode === 'or_replace' && services.tables.get(target) !== undefined) {
    yield ['bigquery.tables.update', tableOf(target)];
    const holdsRows = statement.kind !== 'CREATE_VIEW' && statement.kind !== 'CREATE_MATERIALIZED_VIEW';
    if (holdsRows) yield ['bigquery.tables.updateData', tableOf(target)];
  }
  if (statement.options.expirationMicros !== undefined) yield ['bigquery.tables.delete', tableOf(target)];
  if (statement.kind === 'CREATE_SNAPSHOT_TABLE') {
    yield ['bigquery.tables.createSnapshot', tableOf(statement.source)];
    yield ['bigquery.tables.get', tableOf(statement.source)];
    return;
  }
  if (!('source' in statement) || statement.source === undefined) return;
  yield ['bigquery.tables.get', tableOf(statement.source.ref)];
  if (statement.source.how === 'CLONE' && services.tables.get(statement.source.ref)?.kind === 'SNAPSHOT')
    yield ['bigquery.tables.restoreSnapshot', tableOf(statement.source.ref)];
}

function grantPermission(on: GrantTarget): [Permission, Resource] {
  switch (on.kind) {
    case 'PROJECT':
      return ['resourcemanager.projects.setIamPolicy', { kind: 'project', projectId: on.projectId }];
    case 'SCHEMA':
      return ['bigquery.datasets.update', datasetOf(on)];
    default:
      return ['bigquery.tables.setIamPolicy', tableOf(on)];
  }
}

function tableOf(ref: TableRef): Resource {
  return { kind: 'table', projectId: ref.projectId, datasetId: ref.datasetId, tableId: ref.tableId };
}

function datasetOf(ref: { readonly projectId: string; readonly datasetId: string }): Resource {
  return { kind: 'dataset', projectId: ref.projectId, datasetId: ref.datasetId };
}
