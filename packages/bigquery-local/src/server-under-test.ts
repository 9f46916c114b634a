// For tests: a whole server on a temporary data directory, and requests as any user.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BigQuery } from '@google-cloud/bigquery';
import { issueUserToken, startBigQuery, type RunningBigQuery, type StartOptions } from './index.ts';

export const PROJECT = 'test-project';
export const OWNER = 'ann@example.com';

export type Answer = { readonly status: number; readonly body: any; readonly headers: Headers };

export class ServerUnderTest implements AsyncDisposable {
  readonly dataDir: string;
  #server: RunningBigQuery;
  readonly #tokens = new Map<string, string>();

  private constructor(dataDir: string, server: RunningBigQuery) {
    this.dataDir = dataDir;
    this.#server = server;
  }

  static async start(options: Partial<StartOptions> = {}): Promise<ServerUnderTest> {
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-bigquery-'));
    return new ServerUnderTest(
      dataDir,
      await startBigQuery({ dataDir, port: 0, project: PROJECT, owner: OWNER, ...options }),
    );
  }

  get url(): string {
    return this.#server.restUrl;
  }

  /** Address of the Storage Read API. */
  get grpcAddress(): string {
    return this.#server.grpcAddress;
  }

  get operations(): readonly string[] {
    return this.#server.operations;
  }

  async restart(): Promise<void> {
    await this.#server.close();
    this.#server = await startBigQuery({ dataDir: this.dataDir, port: 0 });
  }

  /** `path` begins behind the address; a body is sent as JSON. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    options: { as?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const token = await this.token(options.as ?? OWNER);
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined
        ? {}
        : { body: body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text, headers: response.headers };
  }

  /** jobs.query. */
  query(sql: string, options: { as?: string; body?: Record<string, unknown> } = {}): Promise<Answer> {
    return this.request(
      'POST',
      `/bigquery/v2/projects/${PROJECT}/queries`,
      { query: sql, useLegacySql: false, ...options.body },
      options.as === undefined ? {} : { as: options.as },
    );
  }

  /** Values of the result, row by row; throws the server's text when it fails. */
  async rows(sql: string, options: { as?: string } = {}): Promise<unknown[][]> {
    const { status, body } = await this.query(sql, options);
    if (status !== 200) throw new Error(body.error.message);
    return ((body.rows ?? []) as { f: { v: unknown }[] }[]).map((row) => row.f.map((cell) => cell.v));
  }

  async createDataset(datasetId: string, more: Record<string, unknown> = {}): Promise<void> {
    const { status, body } = await this.request('POST', `/bigquery/v2/projects/${PROJECT}/datasets`, {
      datasetReference: { datasetId },
      ...more,
    });
    if (status !== 200) throw new Error(JSON.stringify(body));
  }

  /** Uploads data as a load job by multipart and waits for its end; answers the job. */
  async load(tableId: string, data: string | Uint8Array, load: Record<string, unknown>, as = OWNER): Promise<any> {
    const job = {
      configuration: { load: { destinationTable: { projectId: PROJECT, datasetId: 'ds', tableId }, ...load } },
    };
    const head = `--b0\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(job)}\r\n--b0\r\nContent-Type: */*\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), Buffer.from(data), Buffer.from('\r\n--b0--\r\n')]);
    const answer = await this.request(
      'POST',
      `/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=multipart`,
      body,
      { as, headers: { 'content-type': 'multipart/related; boundary=b0' } },
    );
    return answer.status === 200 ? this.finished(answer.body.jobReference.jobId) : answer.body;
  }

  async finished(jobId: string): Promise<any> {
    for (let i = 0; i < 300; i++) {
      const { body } = await this.request('GET', `/bigquery/v2/projects/${PROJECT}/jobs/${jobId}`);
      if (body.status?.state === 'DONE') return body;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`Job ${jobId} did not end.`);
  }

  /** A new service account with these roles on the project, its key, and Google's client using it. */
  async serviceAccount(name: string, roles: readonly string[]): Promise<{ email: string; client: BigQuery }> {
    const account = await this.request('POST', `/v1/projects/${PROJECT}/serviceAccounts`, { accountId: name });
    const { email } = account.body;
    await this.grant(`serviceAccount:${email}`, roles);
    const key = await this.request('POST', `/v1/projects/${PROJECT}/serviceAccounts/${email}/keys`, {});
    const credentials = JSON.parse(Buffer.from(key.body.privateKeyData, 'base64').toString());
    return {
      email,
      client: new BigQuery({
        projectId: PROJECT,
        credentials,
        apiEndpoint: this.url,
        universeDomain: credentials.universe_domain,
      }),
    };
  }

  async grant(member: string, roles: readonly string[]): Promise<void> {
    const { body: policy } = await this.request('POST', `/v1/projects/${PROJECT}:getIamPolicy`, {});
    for (const role of roles) {
      const binding = policy.bindings.find((b: { role: string }) => b.role === role);
      if (binding === undefined) policy.bindings.push({ role, members: [member] });
      else binding.members.push(member);
    }
    const answer = await this.request('POST', `/v1/projects/${PROJECT}:setIamPolicy`, { policy });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  }

  async token(email: string): Promise<string> {
    const token = this.#tokens.get(email) ?? (await issueUserToken({ dataDir: this.dataDir, email }));
    this.#tokens.set(email, token);
    return token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
