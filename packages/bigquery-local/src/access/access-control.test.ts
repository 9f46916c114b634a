import { describe, expect, it } from 'vitest';

import { createAccessControl } from './access-control.ts';
import type { Decision, Principal, Resource } from './decision.ts';
import type { AccessEntry, Binding, DatasetAccess, Policy, PolicyReader } from './policy.ts';

const ada: Principal = { kind: 'user', email: 'ada@example.com' };
const robot: Principal = { kind: 'serviceAccount', email: 'robot@shop-data.iam.gserviceaccount.com' };
const project: Resource = { kind: 'project', projectId: 'shop-data' };
const dataset: Resource = { kind: 'dataset', projectId: 'shop-data', datasetId: 'sales' };
const table: Resource = { kind: 'table', projectId: 'shop-data', datasetId: 'sales', tableId: 'orders' };

type World = {
  readonly projects?: Readonly<Record<string, readonly Binding[]>>;
  readonly access?: readonly AccessEntry[];
  readonly anonymous?: boolean;
  readonly tablePolicy?: Policy;
  readonly groups?: readonly string[];
  readonly customRoles?: Readonly<Record<string, readonly string[]>>;
};

function readerOf(world: World): PolicyReader {
  const policies = new Map(
    Object.entries(world.projects ?? { 'shop-data': [] }).map(([id, bindings]) => [id, { bindings }]),
  );
  const found: DatasetAccess | undefined =
    world.access === undefined ? undefined : { access: world.access, anonymous: world.anonymous ?? false };
  return {
    projectPolicy: (projectId) => policies.get(projectId),
    datasetAccess: () => found,
    tablePolicy: () => world.tablePolicy,
    customRole: (name) => (world.customRoles?.[name] === undefined ? undefined : new Set(world.customRoles[name])),
    groupsOf: () => world.groups ?? [],
  };
}

function decide(world: World, principal: Principal, permission: string, resource: Resource): Decision {
  return createAccessControl(readerOf(world)).decide(principal, permission, resource);
}

describe('the access decision', () => {
  it('names the grant that allows', () => {
    const world = { access: [{ role: 'READER', userByEmail: 'Ada@Example.com' }] };
    expect(decide(world, ada, 'bigquery.tables.getData', table)).toEqual({
      allowed: true,
      by: { role: 'roles/bigquery.dataViewer', member: 'user:ada@example.com', on: dataset },
    });
  });

  it('inherits a project grant in every dataset and table, existing or not', () => {
    const world = {
      projects: { 'shop-data': [{ role: 'roles/bigquery.dataViewer', members: ['user:ada@example.com'] }] },
    };
    expect(decide(world, ada, 'bigquery.tables.getData', table).allowed).toBe(true);
    expect(decide(world, ada, 'bigquery.tables.updateData', table).allowed).toBe(false);
  });

  it('adds the grants of project, dataset and table up', () => {
    const world: World = {
      projects: { 'shop-data': [{ role: 'roles/bigquery.jobUser', members: ['user:ada@example.com'] }] },
      access: [{ role: 'READER', userByEmail: 'ada@example.com' }],
      tablePolicy: { bindings: [{ role: 'roles/bigquery.dataEditor', members: ['user:ada@example.com'] }] },
    };
    expect(decide(world, ada, 'bigquery.jobs.create', project).allowed).toBe(true);
    expect(decide(world, ada, 'bigquery.tables.getData', table).allowed).toBe(true);
    expect(decide(world, ada, 'bigquery.tables.updateData', table).allowed).toBe(true);
    expect(decide(world, ada, 'bigquery.tables.create', dataset).allowed).toBe(false);
  });

  it('gives a project owner no tables of a dataset that took the special groups away', () => {
    const owner: World = {
      projects: { 'shop-data': [{ role: 'roles/owner', members: ['user:ada@example.com'] }] },
      access: [{ role: 'OWNER', userByEmail: 'other@example.com' }],
    };
    expect(decide(owner, ada, 'bigquery.tables.getData', table).allowed).toBe(false);
    expect(decide(owner, ada, 'bigquery.datasets.update', dataset).allowed).toBe(true);
  });

  it('takes special groups for the holders of that very role on the dataset’s project', () => {
    const access = [{ role: 'WRITER', specialGroup: 'projectWriters' }];
    const editor = { projects: { 'shop-data': [{ role: 'roles/editor', members: ['user:ada@example.com'] }] }, access };
    const owner = { projects: { 'shop-data': [{ role: 'roles/owner', members: ['user:ada@example.com'] }] }, access };
    const stranger = {
      projects: { 'shop-data': [], elsewhere: [{ role: 'roles/editor', members: ['user:ada@example.com'] }] },
      access,
    };
    expect(decide(editor, ada, 'bigquery.tables.updateData', table).allowed).toBe(true);
    expect(decide(owner, ada, 'bigquery.tables.updateData', table).allowed).toBe(false);
    expect(decide(stranger, ada, 'bigquery.tables.updateData', table).allowed).toBe(false);
  });

  it('follows an iamMember entry to the viewers of another project', () => {
    const world: World = {
      projects: { 'shop-data': [], partners: [{ role: 'roles/viewer', members: ['user:ada@example.com'] }] },
      access: [{ role: 'READER', iamMember: 'projectViewer:partners' }],
    };
    expect(decide(world, ada, 'bigquery.tables.getData', table).allowed).toBe(true);
    expect(decide(world, robot, 'bigquery.tables.getData', table).allowed).toBe(false);
  });

  it('knows members by group, domain and sign-in, and service accounts by e-mail', () => {
    const reads = (access: AccessEntry, principal: Principal, groups: readonly string[] = []) =>
      decide({ access: [access], groups }, principal, 'bigquery.tables.getData', table).allowed;
    expect(reads({ role: 'READER', groupByEmail: 'Data@example.com' }, ada, ['data@example.com'])).toBe(true);
    expect(reads({ role: 'READER', groupByEmail: 'data@example.com' }, ada)).toBe(false);
    expect(reads({ role: 'READER', domain: 'example.com' }, ada)).toBe(true);
    expect(reads({ role: 'READER', domain: 'example.org' }, ada)).toBe(false);
    expect(reads({ role: 'READER', domain: 'shop-data.iam.gserviceaccount.com' }, robot)).toBe(false);
    expect(reads({ role: 'READER', specialGroup: 'allAuthenticatedUsers' }, ada)).toBe(true);
    expect(reads({ role: 'READER', iamMember: 'allUsers' }, ada)).toBe(true);
    expect(reads({ role: 'READER', userByEmail: robot.email }, robot)).toBe(true);
    expect(reads({ role: 'READER', userByEmail: robot.email }, ada)).toBe(false);
  });

  it('gives nothing for deleted members, entries whose condition does not hold, unknown roles and authorized views', () => {
    const entries: readonly AccessEntry[] = [
      { role: 'READER', iamMember: 'deleted:user:ada@example.com?uid=1' },
      { role: 'READER', userByEmail: 'ada@example.com', condition: { expression: 'false' } },
      { role: 'READER', userByEmail: 'ada@example.com', condition: { expression: 'resource.type == "x"' } },
      { role: 'roles/bigquery.unheardOf', userByEmail: 'ada@example.com' },
      { view: { projectId: 'shop-data', datasetId: 'sales', tableId: 'v' } },
    ];
    expect(decide({ access: entries }, ada, 'bigquery.tables.getData', table).allowed).toBe(false);
  });

  it('keeps cached results to whoever ran the query, also from owners and administrators', () => {
    const world: World = {
      projects: { 'shop-data': [{ role: 'roles/bigquery.admin', members: ['user:ada@example.com'] }] },
      access: [{ role: 'OWNER', userByEmail: robot.email }],
      anonymous: true,
    };
    expect(decide(world, ada, 'bigquery.tables.getData', table).allowed).toBe(false);
    expect(decide(world, robot, 'bigquery.tables.getData', table).allowed).toBe(true);
  });

  it('lets the creator of a job get and update it, and nothing more', () => {
    const job: Resource = { kind: 'job', projectId: 'shop-data', location: 'US', jobId: 'j', owner: 'ADA@example.com' };
    expect(decide({}, ada, 'bigquery.jobs.get', job).allowed).toBe(true);
    expect(decide({}, ada, 'bigquery.jobs.update', job).allowed).toBe(true);
    expect(decide({}, ada, 'bigquery.jobs.delete', job).allowed).toBe(false);
    expect(decide({}, robot, 'bigquery.jobs.get', job).allowed).toBe(false);
  });

  it('grants what a custom role contains while the role is there', () => {
    const name = 'projects/shop-data/roles/reporting';
    const projects = { 'shop-data': [{ role: name, members: ['user:ada@example.com'] }] };
    const customRoles = { [name]: ['bigquery.tables.getData'] };
    expect(decide({ projects, customRoles }, ada, 'bigquery.tables.getData', table).allowed).toBe(true);
    expect(decide({ projects }, ada, 'bigquery.tables.getData', table).allowed).toBe(false);
  });

  it('denies changes to a principal whose token may only read', () => {
    const world = { projects: { 'shop-data': [{ role: 'roles/bigquery.admin', members: ['user:ada@example.com'] }] } };
    const reader: Principal = { ...ada, readOnly: true };
    const answer = (permission: string, resource: Resource) => decide(world, reader, permission, resource).allowed;
    expect(answer('bigquery.tables.getData', table)).toBe(true);
    expect(answer('bigquery.jobs.create', project)).toBe(true);
    expect(answer('bigquery.tables.updateData', table)).toBe(false);
    expect(answer('bigquery.tables.create', dataset)).toBe(false);
    expect(answer('bigquery.datasets.delete', dataset)).toBe(false);
  });

  it('lets users, but not service accounts, create projects under a free id', () => {
    const fresh: Resource = { kind: 'project', projectId: 'brand-new' };
    expect(decide({}, ada, 'resourcemanager.projects.create', fresh).allowed).toBe(true);
    expect(decide({}, robot, 'resourcemanager.projects.create', fresh).allowed).toBe(false);
    expect(decide({}, ada, 'resourcemanager.projects.create', project).allowed).toBe(false);
    expect(decide({}, ada, 'bigquery.jobs.create', fresh).allowed).toBe(false);
  });

  it('follows a change of policy at once', () => {
    let policy: Policy = { bindings: [{ role: 'roles/bigquery.jobUser', members: ['user:ada@example.com'] }] };
    const control = createAccessControl({ ...readerOf({}), projectPolicy: () => policy });
    expect(control.decide(ada, 'bigquery.jobs.create', project).allowed).toBe(true);
    policy = { bindings: [] };
    expect(control.decide(ada, 'bigquery.jobs.create', project).allowed).toBe(false);
  });

  it('reports every decision', () => {
    const heard: unknown[] = [];
    const control = createAccessControl(readerOf({}), { sink: (...decision) => heard.push(decision) });
    control.decide(ada, 'bigquery.jobs.create', project);
    expect(heard).toEqual([[ada, 'bigquery.jobs.create', project, { allowed: false }]]);
  });
});
