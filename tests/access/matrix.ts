// The access matrix: what each principal is answered by each operation. Written from
// Google's documentation as two independent tables — `role-permissions.txt` (what a role
// holds: Google's role data) and `operations.jsonl` (what an operation needs, in the order
// in which it is asked for, and the text of the refusal) — and multiplied here, without
// any code of the server, into `expected.txt`, which is checked in for review.
import { readFileSync } from 'node:fs';

export const PROJECT = 'matrix-project';

export type Operation = {
  /** Name in Google's API. */
  readonly operation: string;
  readonly case?: string;
  /** METHOD and path. */
  readonly request?: string;
  readonly body?: unknown;
  /** A method of the Storage Read API; `{S}` is a stream of the owner's. Answers are gRPC statuses. */
  readonly grpc?: { readonly method: 'createReadSession' | 'readRows' | 'splitReadStream'; readonly request: unknown };
  /** A statement for jobs.query; as a dry run, unless `run`. */
  readonly sql?: string;
  readonly run?: boolean;
  /** The statement of a script that is refused, as errors name it: `[2:1]`. */
  readonly script?: string;
  /** Of a `sql` query. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Configuration for jobs.insert: its refusals are the job's errors. */
  readonly job?: unknown;
  readonly upload?: string;
  /** Before the text of a job that Cloud Storage refuses. */
  readonly storageRefusal?: string;
  /** What the owner makes first, for this principal. */
  readonly before?: readonly string[];
  /** METHOD and path: what the owner puts right afterwards. */
  readonly after?: string;
  /** Not at the same time for two principals. */
  readonly alone?: true;
  /**
   * `permission@resource`, `a|b@resource` for either, `query@table` for what a query reads,
   * `sees@table` for a table that a statement names: who may neither read nor change it nor
   * get its metadata is answered as if it did not exist. `unless sees@table: …` likewise.
   */
  readonly needs?: readonly string[];
  /** Of those who hold what is needed. Default `200`. */
  readonly answer?: string;
  /** A part of the answer that not everybody sees. */
  readonly shows?: { readonly what: string; readonly needs: string };
};

export type Grant = readonly [role: string, on: 'project' | 'dataset' | 'table' | 'bucket' | 'directory'];

export type Subject = {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly through?: 'group';
  /** Asked for nothing else: holds all that one operation needs but for one permission. */
  readonly only?: Operation;
};

/** Custom roles of the project; those of `exactPermissions` subjects are added to them. */
export const CUSTOM_ROLES: ReadonlyMap<string, { permissions: readonly string[]; state?: 'disabled' | 'deleted' }> =
  new Map([
    [
      'loader',
      {
        permissions: [
          'bigquery.jobs.create',
          'bigquery.datasets.get',
          'bigquery.tables.create',
          'bigquery.tables.get',
          'bigquery.tables.update',
          'bigquery.tables.updateData',
        ],
      },
    ],
    ['disabled', { permissions: ['bigquery.datasets.get', 'bigquery.tables.getData'], state: 'disabled' }],
    ['deleted', { permissions: ['bigquery.datasets.get', 'bigquery.tables.getData'], state: 'deleted' }],
  ]);

export function readText(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

export const OPERATIONS = jsonLines('./operations.jsonl') as readonly Operation[];

function jsonLines(file: string): unknown[] {
  return readText(file)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

/** role → permissions. */
const ROLES: ReadonlyMap<string, ReadonlySet<string>> = readRoles();

function readRoles(): Map<string, Set<string>> {
  const roles = new Map<string, Set<string>>();
  for (const line of readText('./role-permissions.txt').split('\n')) {
    const [permission, names] = line.split(': ', 2);
    if (permission === undefined || names === undefined || line.startsWith('#')) continue;
    for (const name of names.split(' ')) {
      const held = roles.get(`roles/${name}`) ?? new Set();
      roles.set(`roles/${name}`, held.add(permission));
    }
  }
  return roles;
}

/** Every predefined role on the project, the grants of principals.jsonl, and one per operation and permission left out. */
export function subjects(): Subject[] {
  const onProject = [...ROLES.keys()]
    // Legacy roles are given on buckets only.
    .filter((role) => !role.includes('.legacy'))
    .map((role): Subject => ({ name: `project ${role}`, grants: [[role, 'project']] }));
  return [...(jsonLines('./principals.jsonl') as Subject[]), ...onProject, ...almost()];
}

function almost(): Subject[] {
  return OPERATIONS.flatMap((operation) => {
    const asked = allNeeds(operation).filter((need) => !/^(?:unless |sees@)/.test(need));
    const needed = [...new Set(asked.map((need) => permissionOf(need)))];
    if (needed.length < 2) return [];
    return needed.map((left): Subject => ({
      name: `all that it needs but ${left}`,
      grants: [[`exact:${needed.filter((permission) => permission !== left).join(',')}`, 'project']],
      only: operation,
    }));
  });
}

/** What one operation answers one principal: `403 accessDenied Access Denied: …`, `200`, `200 shows …`. */
export function expectedAnswer(operation: Operation, subject: Subject, n: number): string {
  for (const need of allNeeds(operation)) {
    if (!holds(subject, need)) return place(refusal(operation, need), n);
  }
  const { answer = '200', shows } = operation;
  if (shows === undefined) return place(answer, n);
  return `${answer} ${holds(subject, shows.needs) ? 'with' : 'without'} ${shows.what}`;
}

export function place(text: string, n: number): string {
  return text
    .replaceAll('{E}', emailOf(n))
    .replaceAll('{P}', PROJECT)
    .replaceAll('{n}', String(n))
    .replaceAll('{A}', ACCOUNT);
}

/** The user who stands for the matrix's line number n. */
export function emailOf(n: number): string {
  return `p${n}@example.org`;
}

export const ACCOUNT = `fixture@${PROJECT}.iam.gserviceaccount.com`;

function allNeeds({ operation, needs = [] }: Operation): readonly string[] {
  return operation === 'bigquery.jobs.query' || operation === 'bigquery.jobs.insert'
    ? ['bigquery.jobs.create@project', ...needs]
    : needs;
}

function permissionOf(need: string): string {
  const name = need.slice(0, need.indexOf('@'));
  return name === 'query' ? 'bigquery.tables.getData' : name.split('|')[0]!;
}

const SEEING = 'bigquery.tables.getData|bigquery.tables.get|bigquery.tables.updateData';

function holds(subject: Subject, need: string): boolean {
  const [, unless, then] = /^unless (\S+): (.*)$/.exec(need) ?? [];
  if (unless !== undefined) return holds(subject, unless) || holds(subject, then!);
  if (need.startsWith('sees@')) return holds(subject, need.replace('sees', SEEING));
  const at = need.indexOf('@');
  const resource = need.slice(at + 1).split(':')[0]!;
  const permissions = need.startsWith('query@') ? ['bigquery.tables.getData'] : need.slice(0, at).split('|');
  const roles = rolesOn(subject, resource);
  return permissions.some((permission) => roles.some((role) => permissionsOf(role).has(permission)));
}

const LEGACY: Readonly<Record<string, string>> = {
  READER: 'roles/bigquery.dataViewer',
  WRITER: 'roles/bigquery.dataEditor',
  OWNER: 'roles/bigquery.dataOwner',
};

function permissionsOf(role: string): ReadonlySet<string> {
  if (role === 'administrator') return new Set([role]);
  if (role.startsWith('exact:')) return new Set(role.slice('exact:'.length).split(','));
  if (!role.startsWith('custom:')) return ROLES.get(LEGACY[role] ?? role)!;
  const custom = CUSTOM_ROLES.get(role.slice('custom:'.length))!;
  return new Set(custom.state === undefined ? custom.permissions : []);
}

/** The default entries of a new dataset: the basic roles' holders are its readers, writers and owners. */
const SPECIAL_GROUPS: Readonly<Record<string, string>> = {
  'roles/viewer': 'READER',
  'roles/editor': 'WRITER',
  'roles/owner': 'OWNER',
};

function rolesOn({ grants }: Subject, resource: string): string[] {
  const given = (on: string) => grants.filter(([, where]) => where === on).map(([role]) => role);
  const project = given('project');
  const dataset = [...project, ...given('dataset'), ...project.flatMap((role) => SPECIAL_GROUPS[role] ?? [])];
  switch (resource) {
    case 'project':
    case 'job':
    case 'account':
    case 'missing':
    // Its special groups were removed.
    // oxlint-disable-next-line no-fallthrough
    case 'bare':
    case 'bareTable':
      return project;
    case 'dataset':
    case 'like':
    case 'other':
    case 'routine':
      return dataset;
    case 'table':
      return [...dataset, ...given('table')];
    case 'bucket':
      return [...project, ...given('bucket')];
    case 'directory':
      return given('directory');
    case 'pubTable':
      return [...project, 'READER'];
    default:
      throw new Error(`operations.jsonl names an unknown resource: ${resource}`);
  }
}

/** Dataset and table of a need's resource, as BigQuery writes them. */
function bigQueryName(need: string): [kind: string, name: string] {
  const [resource = '', detail = ''] = need.slice(need.indexOf('@') + 1).split(/:(.*)/s);
  switch (resource) {
    case 'dataset':
      return ['Dataset', '{P}:ds'];
    case 'missing':
    case 'bare':
      return ['Dataset', `{P}:${resource}`];
    case 'like':
      return ['Dataset', `{P}:${detail}`];
    case 'table':
      return ['Table', '{P}:ds.t'];
    case 'other':
      return ['Table', `{P}:${detail}`];
    case 'routine':
      return ['Routine', `{P}:${detail}`];
    case 'bareTable':
      return ['Table', '{P}:bare.t'];
    case 'pubTable':
      return ['Table', `{P}:pub.${detail === '' ? 't' : detail}`];
    case 'job':
      return ['Job', `{P}:US.${detail}`];
    default:
      throw new Error(`operations.jsonl names an unknown resource: ${resource}`);
  }
}

/** The refusals' texts, as the real service gives them. In a script they tell of which statement they are. */
function refusal(operation: Operation, written: string): string {
  const text = refusalOfStatement(operation, written);
  if (operation.script === undefined || written.startsWith('bigquery.jobs.create@')) return text;
  return `${text.replace(/^403 \w+ /, '$&Query error: ')} at ${operation.script}`;
}

function refusalOfStatement(operation: Operation, written: string): string {
  const need = written.replace(/^unless \S+: /, '');
  const permission = need.slice(0, need.indexOf('@')).split('|')[0]!;
  if (operation.grpc !== undefined) return `PERMISSION_DENIED ${grpcRefusal(permission, need)}`;
  // A job that was accepted ends with the error; without jobs.create there is no job.
  const job = operation.job !== undefined && permission !== 'bigquery.jobs.create';
  const denied = job ? 'job accessDenied' : '403 accessDenied';
  if (permission === 'query' || permission === 'sees') {
    const [, name] = bigQueryName(need);
    return `${denied} Access Denied: Table ${name}: User does not have permission to query table ${name}, or perhaps it does not exist.`;
  }
  if (permission === 'administrator') return '403 forbidden Not Authorized to access this resource/api';
  if (permission.startsWith('storage.')) {
    const on = need.endsWith('@project')
      ? 'Google Cloud project'
      : permission.startsWith('storage.objects.') && permission !== 'storage.objects.list'
        ? 'Google Cloud Storage object'
        : 'Google Cloud Storage bucket';
    const text = `{E} does not have ${permission} access to the ${on}. Permission '${permission}' denied on resource (or it may not exist).`;
    return job ? `${denied} Access Denied: ${operation.storageRefusal ?? ''}${text}` : `403 forbidden ${text}`;
  }
  if (!permission.startsWith('bigquery.')) {
    const [resource = '', detail] = need.slice(need.indexOf('@') + 1).split(/:(.*)/s);
    const name =
      resource === 'project'
        ? '//cloudresourcemanager.googleapis.com/projects/{P}'
        : `//iam.googleapis.com/projects/{P}/serviceAccounts/${detail ?? '{A}'}`;
    return `403 forbidden Permission '${permission}' denied on resource '${name}' (or it may not exist).`;
  }
  if (need.endsWith('@project')) {
    return `${denied} Access Denied: Project {P}: User does not have ${permission} permission in project {P}.`;
  }
  const [kind, name] = bigQueryName(need);
  return `${denied} Access Denied: ${kind} ${name}: Permission ${permission} denied on ${kind.toLowerCase()} ${name} (or it may not exist).`;
}

/** Texts of the Storage Read API, as public reports of Google's clients show them. */
function grpcRefusal(permission: string, need: string): string {
  if (permission === 'bigquery.readsessions.create')
    return `request failed: the user does not have '${permission}' permission for 'projects/{P}'`;
  if (permission.startsWith('bigquery.readsessions.'))
    return `there was an error operating on '{S}': the user does not have '${permission}' permission for '{S}'`;
  const [kind, name] = bigQueryName(need);
  return `Access Denied: ${kind} ${name}: Permission ${permission} denied on ${kind.toLowerCase()} ${name} (or it may not exist).`;
}

/** The whole matrix as text: per operation each answer and who gets it. */
export function expandedMatrix(): string {
  const all = subjects();
  const blocks = OPERATIONS.map((operation) => {
    const answers = new Map<string, string[]>();
    for (const subject of all) {
      if (subject.only !== undefined && subject.only !== operation) continue;
      // The number of the principal stands for itself.
      const answer = expectedAnswer(operation, subject, 0).replaceAll(/(?<=[a-z][_-])0\b|(?<=\bp)0(?=@)/g, 'N');
      answers.set(answer, [...(answers.get(answer) ?? []), subject.name]);
    }
    const title = [operation.operation, operation.case].filter((part) => part !== undefined).join(', ');
    const lines = [...answers].map(([answer, names]) => `  ${answer}\n${wrapped(names)}`);
    return `${title}\n${lines.join('')}`;
  });
  return blocks.join('\n');
}

function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length > 130) lines.push(name);
    else lines[lines.length - 1] = `${last}; ${name}`;
  }
  return lines.map((line) => `      ${line}\n`).join('');
}
