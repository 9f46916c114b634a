// The scene of the access matrix: one server with a project, its datasets, jobs, accounts
// and roles, and one user per line of the matrix with exactly that line's grants.
import { join } from 'node:path';

import { IDENTITY_MIGRATIONS, openIdentity } from '../../packages/bigquery-local/src/auth/identity.ts';
import { CATALOG_FILE } from '../../packages/bigquery-local/src/auth/data-directory.ts';
import { CatalogDatabase } from '../../packages/bigquery-local/src/catalog/database.ts';
import { StorageClient } from '../../packages/bigquery-local/src/grpc/storage-client.ts';
import { ServerUnderTest, type Answer } from '../../packages/bigquery-local/src/server-under-test.ts';
import { ACCOUNT, CUSTOM_ROLES, emailOf, PROJECT, place, type Operation, type Subject } from './matrix.ts';

export const OWNER = 'ann@example.com';
const BUCKET = 'matrix-bucket';
const JO = 'jo@example.com';
const GROUP = 'readers@example.com';

const P = `/bigquery/v2/projects/${PROJECT}`;

export type Person = { readonly subject: Subject; readonly email: string; readonly n: number };

type Binding = { role: string; members: string[] };

export class MatrixWorld implements AsyncDisposable {
  readonly server: ServerUnderTest;
  readonly people: readonly Person[];
  #key = '';
  readonly #deletedAccounts = new Map<number, string>();
  /** Id of the custom role with exactly these permissions. */
  readonly #exact = new Map<string, string>();
  #dsAccess: unknown[] = [];
  readonly #storage: StorageClient;
  /** A stream of a read session of the owner's. */
  #stream = '';

  private constructor(server: ServerUnderTest, people: readonly Person[]) {
    this.server = server;
    this.people = people;
    this.#storage = new StorageClient(server);
  }

  static async create(subjects: readonly Subject[]): Promise<MatrixWorld> {
    const server = await ServerUnderTest.start({ project: PROJECT, owner: OWNER });
    const people = subjects.map((subject, n) => ({ subject, n, email: emailOf(n) }));
    const world = new MatrixWorld(server, people);
    try {
      await world.#build();
      return world;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As the owner; throws when it is refused. */
  async #must(method: string, path: string, body?: unknown): Promise<Answer['body']> {
    const answer = await this.server.request(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async #build(): Promise<void> {
    await Promise.all(this.people.map(({ email }) => this.server.token(email)));
    await this.server.token(JO);
    await this.#customRoles();
    this.#group();
    await this.#datasets();
    await this.#must('POST', `/v1/projects/${PROJECT}/serviceAccounts`, { accountId: 'fixture' });
    const key = await this.#must('POST', `/v1/projects/${PROJECT}/serviceAccounts/${ACCOUNT}/keys`, {});
    this.#key = String(key.name).split('/').at(-1)!;
    await this.#grantOnProject();
    await this.#grantOnTable();
    await this.#bucket();
    await this.#readSession();
    const query = { configuration: { query: { query: 'SELECT 1', useLegacySql: false } } };
    const job = { jobReference: { projectId: PROJECT, jobId: 'job_of_jo' }, ...query };
    const { status } = await this.server.request('POST', `${P}/jobs`, job, { as: JO });
    if (status !== 200) throw new Error(`The job of another user was answered ${status}.`);
  }

  async #readSession(): Promise<void> {
    await this.#must('POST', `${P}/queries`, {
      query: 'CREATE TABLE bare.s AS SELECT 1 AS x UNION ALL SELECT 2',
      useLegacySql: false,
    });
    const session = await this.#storage.createReadSession(OWNER, {
      parent: `projects/${PROJECT}`,
      readSession: { table: `projects/${PROJECT}/datasets/bare/tables/s`, dataFormat: 'ARROW' },
    });
    this.#stream = session.streams[0].name;
  }

  async #customRoles(): Promise<void> {
    const path = `/v1/projects/${PROJECT}/roles`;
    for (const [roleId, { permissions, state }] of CUSTOM_ROLES) {
      await this.#must('POST', path, {
        roleId,
        role: { title: roleId, includedPermissions: permissions, stage: state === 'disabled' ? 'DISABLED' : 'GA' },
      });
    }
    await this.#must('POST', path, { roleId: 'fixture', role: { title: 'fixture', includedPermissions: [] } });
    for (const { subject, n } of this.people) {
      const [exact] = subject.grants[0] ?? [''];
      if (!exact.startsWith('exact:') || this.#exact.has(exact)) continue;
      // Equal sets share a role: a project has at most 300.
      this.#exact.set(exact, `exact_${n}`);
      const includedPermissions = exact.slice('exact:'.length).split(',');
      await this.#must('POST', path, { roleId: `exact_${n}`, role: { title: `exact ${n}`, includedPermissions } });
    }
  }

  /** The person is a member of a group that is a member of the group that is granted the role. */
  #group(): void {
    // As the command line does it, beside the running server.
    using db = new CatalogDatabase(join(this.server.dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
    const { groups, users } = openIdentity(db, this.server.dataDir);
    const fixture = groups.create('fixture@example.com', {}, new Date());
    groups.addMember(fixture, JO, 'MEMBER');
    for (const { subject, email } of this.people)
      if (subject.grants.some(([, on]) => on === 'directory')) users.update(email, { admin: true });
    const outer = groups.create(GROUP, {}, new Date());
    const inner = groups.create('inner@example.com', {}, new Date());
    groups.addMember(outer, inner.email, 'MEMBER');
    for (const { subject, email } of this.people)
      if (subject.through === 'group') groups.addMember(inner, email, 'MEMBER');
  }

  async #datasets(): Promise<void> {
    const defaults = ['READER', 'WRITER', 'OWNER'].map((role) => ({
      role,
      specialGroup: { READER: 'projectReaders', WRITER: 'projectWriters', OWNER: 'projectOwners' }[role],
    }));
    const given = this.people.flatMap(({ subject, email }) =>
      subject.grants
        .filter(([, on]) => on === 'dataset')
        .map(([role]) => (subject.through === 'group' ? { role, groupByEmail: GROUP } : { role, userByEmail: email })),
    );
    const own = { role: 'OWNER', userByEmail: OWNER };
    this.#dsAccess = [...defaults, own, ...given];
    const view = (tableId: string) => ({ view: { projectId: PROJECT, datasetId: 'pub', tableId } });
    for (const [datasetId, access] of [
      ['ds', this.#dsAccess],
      ['bare', [own]],
      ['pub', [own, { role: 'READER', specialGroup: 'allAuthenticatedUsers' }]],
    ] as const) {
      await this.#must('POST', `${P}/datasets`, { datasetReference: { datasetId }, access });
      await this.table(datasetId, 't');
    }
    await this.view('ds', 'v', 'SELECT x FROM ds.t');
    await this.table('ds', 'r');
    await this.#rowAccessPolicy('fixture');
    await this.view('pub', 'authorized', 'SELECT x FROM bare.t');
    await this.view('pub', 'unauthorized', 'SELECT x FROM bare.t');
    await this.#routine('ds.f', 'x + 1');
    await this.#routine('ds.reads', '(SELECT MAX(t.x) FROM bare.t AS t) + x');
    await this.#routine('ds.authorized', '(SELECT MAX(t.x) FROM bare.t AS t) + x');
    await this.#routine('ds.tf', 'SELECT x AS y', 'TABLE_VALUED_FUNCTION');
    await this.#routine('ds.p', 'BEGIN SELECT 1; END', 'PROCEDURE');
    const routine = { routine: { projectId: PROJECT, datasetId: 'ds', routineId: 'authorized' } };
    await this.#must('PATCH', `${P}/datasets/bare`, { access: [own, view('authorized'), routine] });
  }

  async #grantOnProject(): Promise<void> {
    const policy = await this.#policy();
    const add = (role: string, member: string) => {
      const known = policy.bindings.find((binding) => binding.role === role);
      if (known === undefined) policy.bindings.push({ role, members: [member] });
      else known.members.push(member);
    };
    add('roles/bigquery.jobUser', `user:${JO}`);
    for (const { subject, email } of this.people) {
      for (const [role, on] of subject.grants) {
        if (on !== 'project') continue;
        const custom = this.#exact.get(role) ?? role.split('custom:')[1];
        add(custom === undefined ? role : `projects/${PROJECT}/roles/${custom}`, `user:${email}`);
      }
    }
    await this.#must('POST', `/v1/projects/${PROJECT}:setIamPolicy`, { policy });
    await this.#must('DELETE', `/v1/projects/${PROJECT}/roles/deleted`);
  }

  async #grantOnTable(): Promise<void> {
    const bindings = this.people.flatMap(({ subject, email }) =>
      subject.grants.filter(([, on]) => on === 'table').map(([role]) => ({ role, members: [`user:${email}`] })),
    );
    await this.#must('POST', `${P}/datasets/ds/tables/t:setIamPolicy`, { policy: { bindings } });
  }

  async #rowAccessPolicy(policyId: string): Promise<void> {
    await this.#must('POST', `${P}/datasets/ds/tables/r/rowAccessPolicies`, {
      rowAccessPolicyReference: { policyId },
      filterPredicate: 'TRUE',
      grantees: [`user:${OWNER}`],
    });
  }

  async #bucket(): Promise<void> {
    await this.#must('POST', `/storage/v1/b?project=${PROJECT}`, { name: BUCKET });
    const bindings = this.people.flatMap(({ subject, email }) =>
      subject.grants.filter(([, on]) => on === 'bucket').map(([role]) => ({ role, members: [`user:${email}`] })),
    );
    const admin = { role: 'roles/storage.admin', members: [`user:${OWNER}`] };
    await this.#must('PUT', `/storage/v1/b/${BUCKET}/iam`, { bindings: [admin, ...bindings] });
    await this.#object('o.csv');
  }

  async #object(name: string): Promise<void> {
    await this.#must('POST', `/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=${name}`, '1\n');
  }

  async #policy(): Promise<{ bindings: Binding[] }> {
    return (await this.#must('POST', `/v1/projects/${PROJECT}:getIamPolicy`, {})) as { bindings: Binding[] };
  }

  async table(datasetId: string, tableId: string): Promise<void> {
    const schema = { fields: [{ name: 'x', type: 'INTEGER' }] };
    await this.#must('POST', `${P}/datasets/${datasetId}/tables`, { tableReference: { tableId }, schema });
  }

  async view(datasetId: string, tableId: string, query: string): Promise<void> {
    const view = { query, useLegacySql: false };
    await this.#must('POST', `${P}/datasets/${datasetId}/tables`, { tableReference: { tableId }, view });
  }

  async #routine(name: string, definitionBody: string, routineType = 'SCALAR_FUNCTION'): Promise<void> {
    const [datasetId = '', routineId = ''] = name.split('.');
    await this.#must('POST', `${P}/datasets/${datasetId}/routines`, {
      routineReference: { routineId },
      routineType,
      arguments: [{ name: 'x', dataType: { typeKind: 'INT64' } }],
      definitionBody,
    });
  }

  /** Makes what the probe needs; `what` is a line of an operation's `before`. */
  async prepare(what: string, n: number): Promise<void> {
    const [kind = '', name = ''] = place(what, n).split(' ');
    switch (kind) {
      case 'like-ds':
        await this.#must('POST', `${P}/datasets`, { datasetReference: { datasetId: name }, access: this.#dsAccess });
        return;
      case 'table': {
        const [datasetId = '', tableId = ''] = name.split('.');
        await this.table(datasetId, tableId);
        return;
      }
      case 'routine':
        return this.#routine(name, 'x + 1');
      case 'job': {
        const job = await this.server.request('POST', `${P}/jobs`, {
          jobReference: { projectId: PROJECT, jobId: name },
          configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
        });
        const ended = await this.#ofJob(job, OWNER);
        if (ended !== '200') throw new Error(`Job ${name}: ${ended}`);
        return;
      }
      case 'account':
        await this.#must('POST', `/v1/projects/${PROJECT}/serviceAccounts`, { accountId: name });
        return;
      case 'role':
        await this.#must('POST', `/v1/projects/${PROJECT}/roles`, {
          roleId: name,
          role: { title: name, includedPermissions: [] },
        });
        return;
      case 'deleted-account': {
        const account = await this.#must('POST', `/v1/projects/${PROJECT}/serviceAccounts`, { accountId: name });
        await this.#must('DELETE', `/v1/projects/${PROJECT}/serviceAccounts/${String(account.email)}`);
        this.#deletedAccounts.set(n, String(account.uniqueId));
        return;
      }
      case 'policy':
        return this.#rowAccessPolicy(name);
      case 'object':
        return this.#object(name);
      case 'user':
        await this.#must('POST', '/admin/directory/v1/users', {
          primaryEmail: name,
          name: { givenName: 'L', familyName: 'L' },
        });
        return;
      case 'group':
        await this.#must('POST', '/admin/directory/v1/groups', { email: name });
        return;
      case 'member':
        await this.#must('POST', '/admin/directory/v1/groups/fixture@example.com/members', { email: name });
        return;
      default:
        await this.#must(kind, name);
    }
  }

  /** The answer of one operation to one person, in the words of the matrix. */
  async answer(operation: Operation, person: Person): Promise<string> {
    for (const what of operation.before ?? []) await this.prepare(what, person.n);
    const answer = await this.#ask(operation, person);
    if (operation.after !== undefined) {
      const [method = '', path = ''] = place(operation.after, person.n).split(' ');
      await this.server.request(method, path, {});
    }
    return answer;
  }

  async #ask(operation: Operation, { email, n }: Person): Promise<string> {
    if (operation.grpc !== undefined) return this.#grpc(operation.grpc, email, n);
    if (operation.upload !== undefined) return this.#ofJob(await this.#upload(operation, email, n), email);
    if (operation.job !== undefined) {
      const body = { configuration: JSON.parse(place(JSON.stringify(operation.job), n)) as unknown };
      return this.#ofJob(await this.server.request('POST', `${P}/jobs`, body, { as: email }), email);
    }
    if (operation.sql !== undefined) {
      const configuration = JSON.parse(place(JSON.stringify(operation.configuration ?? {}), n)) as object;
      if (operation.configuration !== undefined) return this.#dryRunJob(place(operation.sql, n), configuration, email);
      const body = {
        query: place(operation.sql, n),
        useLegacySql: false,
        dryRun: operation.run !== true,
        defaultDataset: undefined,
      };
      return wordsOf(operation, await this.server.request('POST', `${P}/queries`, body, { as: email }));
    }
    const [method = '', path = ''] = place(operation.request ?? '', n).split(' ');
    const body =
      operation.body === undefined
        ? undefined
        : await this.#body(JSON.parse(place(JSON.stringify(operation.body), n)) as Record<string, unknown>);
    return wordsOf(
      operation,
      await this.server.request(
        method,
        path.replace('{K}', this.#key).replace('{U}', this.#deletedAccounts.get(n) ?? ''),
        body,
        { as: email },
      ),
    );
  }

  /** `OK`, or status and text. */
  async #grpc({ method, request }: NonNullable<Operation['grpc']>, as: string, n: number): Promise<string> {
    const message = JSON.parse(place(JSON.stringify(request), n).replaceAll('{S}', this.#stream)) as {
      readStream: string;
      name: string;
      fraction: number;
    };
    try {
      if (method === 'createReadSession') await this.#storage.createReadSession(as, message);
      else if (method === 'readRows') await this.#storage.responses(as, message.readStream);
      else await this.#storage.split(as, message.name, message.fraction);
      return 'OK';
    } catch (error) {
      return (error as Error).message.replace(/^\d+ (\w+): /, '$1 ').replaceAll(this.#stream, '{S}');
    }
  }

  async #dryRunJob(query: string, more: object, as: string): Promise<string> {
    const configuration = { dryRun: true, query: { query, useLegacySql: false, ...more } };
    return wordsOf(undefined, await this.server.request('POST', `${P}/jobs`, { configuration }, { as }));
  }

  async #body(body: Record<string, unknown>): Promise<unknown> {
    if (body['policy'] === '{policy}') return { policy: await this.#policy() };
    return body['policy'] === '{bucketPolicy}' ? this.#must('GET', `/storage/v1/b/${BUCKET}/iam`) : body;
  }

  async #upload(operation: Operation, as: string, n: number): Promise<Answer> {
    const configuration = place(JSON.stringify(operation.job), n);
    const head = `--b0\r\nContent-Type: application/json\r\n\r\n{"configuration": ${configuration}}\r\n`;
    const body = `${head}--b0\r\nContent-Type: text/csv\r\n\r\n${operation.upload}\r\n--b0--\r\n`;
    const path = `/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=multipart`;
    const headers = { 'content-type': 'multipart/related; boundary=b0' };
    return this.server.request('POST', path, body, { as, headers });
  }

  /** A job that was accepted: `200`, or `job REASON MESSAGE`. */
  async #ofJob(answer: Answer, as: string): Promise<string> {
    if (answer.status !== 200) return wordsOf(undefined, answer);
    const { jobId } = answer.body.jobReference as { jobId: string };
    for (;;) {
      const { body } = await this.server.request('GET', `${P}/jobs/${jobId}`, undefined, { as });
      const { state, errorResult } = body.status as {
        state: string;
        errorResult?: { reason: string; message: string };
      };
      if (state === 'DONE')
        return errorResult === undefined ? '200' : `job ${errorResult.reason} ${errorResult.message}`;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storage[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

function wordsOf(operation: Operation | undefined, { status, body }: Answer): string {
  if (status >= 300) {
    // OAuth's endpoints have errors of their own.
    if (typeof body.error === 'string') return String(status);
    // Those of a download are plain text.
    if (typeof body === 'string') return `${status} ${status === 403 ? 'forbidden ' : ''}${body}`;
    const error = body.error as { message: string; errors?: { reason: string }[] };
    return `${status} ${error.errors?.[0]?.reason ?? ''} ${error.message}`;
  }
  if (operation?.shows === undefined) return String(status);
  return `${status} ${sees(operation.shows.what, body) ? 'with' : 'without'} ${operation.shows.what}`;
}

function sees(what: string, body: Answer['body']): boolean {
  switch (what) {
    case 'matrix project':
      return ((body.projects ?? []) as { id?: string; projectId?: string }[]).some(({ id, projectId }) =>
        [id, projectId].includes(PROJECT),
      );
    case 'the tested permission':
      return ((body.permissions ?? []) as string[]).length === 1;
    case 'dataset ds':
      return ((body.datasets ?? []) as { id: string }[]).some(({ id }) => id === `${PROJECT}:ds`);
    case 'configuration of a job of another user': {
      const jobs = (body.jobs ?? []) as { id: string; configuration?: unknown }[];
      return jobs.find(({ id }) => id.endsWith('.job_of_jo'))?.configuration !== undefined;
    }
    default:
      throw new Error(`operations.jsonl shows an unknown thing: ${what}`);
  }
}
