// What a person does in the Google Cloud console, done over the same APIs that the console
// uses: Resource Manager v1, IAM v1 and BigQuery v2, as one signed-in user.
import { setTimeout as wait } from 'node:timers/promises';
import { openAsBlob } from 'node:fs';
import type { JsonObject, JsonValue } from '@sluice/core';

const requestTimeoutMs = 60_000;
const jobTimeoutMs = 120_000;
const pollMs = 100;

export type TableReference = { readonly projectId: string; readonly datasetId: string; readonly tableId: string };

/** One entry of a dataset's `access[]`: who (e-mail address or special group) and as what. */
export type AccessEntry = { readonly role: string; readonly member: string };

export class Cloud {
  readonly #url: string;
  readonly #token: string;
  readonly #signal: AbortSignal;

  /** `url`: base URL of the local BigQuery; `token`: the user's access token. */
  constructor(url: string, token: string, signal: AbortSignal) {
    this.#url = url;
    this.#token = token;
    this.#signal = signal;
  }

  async createProject(projectId: string, name: string): Promise<void> {
    await this.#call('POST', '/v1/projects', { projectId, name });
  }

  /** role → members */
  async projectPolicy(projectId: string): Promise<Map<string, string[]>> {
    const policy = await this.#call('POST', `/v1/projects/${projectId}:getIamPolicy`, {});
    return new Map(bindingsOf(policy).map(({ role, members }) => [role, members]));
  }

  /** Adds a member to roles, on the policy's current etag. */
  async grantOnProject(projectId: string, member: string, roles: readonly string[]): Promise<void> {
    const policy = await this.#call('POST', `/v1/projects/${projectId}:getIamPolicy`, {});
    const bindings = bindingsOf(policy);
    for (const role of roles) {
      const binding = bindings.find((each) => each.role === role);
      if (binding === undefined) bindings.push({ role, members: [member] });
      else if (!binding.members.includes(member)) binding.members.push(member);
    }
    await this.#call('POST', `/v1/projects/${projectId}:setIamPolicy`, { policy: { ...policy, bindings } });
  }

  /** The new account's e-mail address. */
  async createServiceAccount(projectId: string, accountId: string, displayName: string): Promise<string> {
    const account = await this.#call('POST', `/v1/projects/${projectId}/serviceAccounts`, {
      accountId,
      serviceAccount: { displayName },
    });
    return text(account['email'], 'email of the service account');
  }

  /** The text of the JSON key file. */
  async createKey(projectId: string, email: string): Promise<string> {
    const key = await this.#call(
      'POST',
      `/v1/projects/${projectId}/serviceAccounts/${encodeURIComponent(email)}/keys`,
      {
        privateKeyType: 'TYPE_GOOGLE_CREDENTIALS_FILE',
      },
    );
    return Buffer.from(text(key['privateKeyData'], 'privateKeyData of the key'), 'base64').toString('utf8');
  }

  /** The new dataset's access entries. */
  async createDataset(projectId: string, datasetId: string, location: string): Promise<AccessEntry[]> {
    const dataset = await this.#call('POST', `/bigquery/v2/projects/${projectId}/datasets`, {
      datasetReference: { projectId, datasetId },
      location,
    });
    return entriesOf(dataset);
  }

  /** Adds a reader to the dataset's access entries; refused when somebody else changed them meanwhile. */
  async shareWithReader(projectId: string, datasetId: string, email: string): Promise<AccessEntry[]> {
    const path = `/bigquery/v2/projects/${projectId}/datasets/${datasetId}`;
    const dataset = await this.#call('GET', path);
    const access = [...objects(dataset['access']), { role: 'READER', userByEmail: email }];
    const changed = await this.#call(
      'PATCH',
      path,
      { access },
      { 'if-match': text(dataset['etag'], 'etag of the dataset') },
    );
    return entriesOf(changed);
  }

  /** Loads a local file by a load job with multipart upload; gives the number of rows. */
  async load(table: TableReference, file: string, options: JsonObject, location: string): Promise<number> {
    const boundary = 'sluice-demo-boundary';
    const metadata = {
      configuration: { load: { destinationTable: { ...table }, writeDisposition: 'WRITE_TRUNCATE', ...options } },
      jobReference: { projectId: table.projectId, location },
    };
    const body = new Blob([
      `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n`,
      `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`,
      await openAsBlob(file),
      `\r\n--${boundary}--\r\n`,
    ]);
    const path = `/upload/bigquery/v2/projects/${table.projectId}/jobs?uploadType=multipart`;
    const job = await this.#finish(
      table.projectId,
      await this.#call('POST', path, body, { 'content-type': `multipart/related; boundary=${boundary}` }),
    );
    return Number(object(object(job['statistics'])['load'])['outputRows'] ?? Number.NaN);
  }

  /** Runs one statement; gives the rows, or for DML the number of rows changed. */
  async query(projectId: string, query: string, location: string): Promise<{ rows: JsonValue[][]; affected: number }> {
    const job = await this.#finish(
      projectId,
      await this.#call('POST', `/bigquery/v2/projects/${projectId}/jobs`, {
        configuration: { query: { query, useLegacySql: false } },
        jobReference: { projectId, location },
      }),
    );
    const affected = Number(object(object(job['statistics'])['query'])['numDmlAffectedRows'] ?? 0);
    const id = text(object(job['jobReference'])['jobId'], 'jobId');
    const rows: JsonValue[][] = [];
    let pageToken: JsonValue | undefined;
    do {
      const page = await this.#call(
        'GET',
        `/bigquery/v2/projects/${projectId}/queries/${id}?location=${location}&maxResults=10000${typeof pageToken === 'string' ? `&pageToken=${encodeURIComponent(pageToken)}` : ''}`,
      );
      for (const row of objects(page['rows'])) rows.push(objects(row['f']).map((cell) => cell['v'] ?? null));
      pageToken = page['pageToken'];
    } while (typeof pageToken === 'string' && pageToken !== '');
    return { rows, affected };
  }

  async #finish(projectId: string, inserted: JsonObject): Promise<JsonObject> {
    const reference = object(inserted['jobReference']);
    const id = text(reference['jobId'], 'jobId');
    const location = typeof reference['location'] === 'string' ? `?location=${reference['location']}` : '';
    const deadline = Date.now() + jobTimeoutMs;
    let job = inserted;
    for (;;) {
      const status = object(job['status']);
      if (status['state'] === 'DONE') {
        const failure = object(status['errorResult']);
        if (failure['message'] !== undefined)
          throw new Error(`job ${id} failed: ${text(failure['message'], 'message')}`);
        return job;
      }
      if (Date.now() > deadline) throw new Error(`job ${id} did not end within ${jobTimeoutMs / 1000} s`);
      await wait(pollMs, undefined, { signal: this.#signal });
      job = await this.#call('GET', `/bigquery/v2/projects/${projectId}/jobs/${id}${location}`);
    }
  }

  async #call(
    method: string,
    path: string,
    body?: JsonObject | Blob,
    headers: Record<string, string> = {},
  ): Promise<JsonObject> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined || body instanceof Blob ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(requestTimeoutMs)]),
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
    });
    const answer = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path.split('?')[0]} answered ${response.status}: ${messageIn(answer)}`);
    return answer === '' ? {} : object(JSON.parse(answer) as JsonValue);
  }
}

function messageIn(answer: string): string {
  try {
    return text(object(object(JSON.parse(answer) as JsonValue)['error'])['message'], 'message');
  } catch {
    return answer.slice(0, 200);
  }
}

function bindingsOf(policy: JsonObject): { role: string; members: string[] }[] {
  return objects(policy['bindings']).map((binding) => ({
    role: text(binding['role'], 'role'),
    members: Array.isArray(binding['members']) ? binding['members'].map(String) : [],
  }));
}

function entriesOf(dataset: JsonObject): AccessEntry[] {
  return objects(dataset['access']).map((entry) => ({
    role: text(entry['role'], 'role of an access entry'),
    member: text(
      entry['specialGroup'] ?? entry['userByEmail'] ?? entry['groupByEmail'] ?? entry['domain'] ?? entry['iamMember'],
      'member of an access entry',
    ),
  }));
}

function object(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.map(object) : [];
}

function text(value: JsonValue | undefined, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`the answer holds no ${what}`);
  return value;
}
