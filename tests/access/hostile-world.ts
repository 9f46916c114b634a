// A server with something to steal beside its data directory, and a place where nothing may
// be written; and the tokens of somebody who wants in.
import { createHmac, createPublicKey, createSign, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { issueUserToken } from '../../packages/bigquery-local/src/index.ts';
import { OWNER, PROJECT, ServerUnderTest, type Answer } from '../../packages/bigquery-local/src/server-under-test.ts';

export const MARKER = 'THE-SECRET-OF-THE-HOST';
const P = `/bigquery/v2/projects/${PROJECT}`;

type KeyFile = { readonly client_email: string; readonly private_key: string; readonly private_key_id: string };

export class HostileWorld implements AsyncDisposable {
  readonly server: ServerUnderTest;
  readonly #host: string;
  #account = 0;

  private constructor(server: ServerUnderTest, host: string) {
    this.server = server;
    this.#host = host;
  }

  static async create(): Promise<HostileWorld> {
    const host = await mkdtemp(join(tmpdir(), 'sluice-hostile-'));
    const world = new HostileWorld(await ServerUnderTest.start(), host);
    await writeFile(world.secret, `x\n${MARKER}\n`);
    await world.server.createDataset('ds');
    await world.server.rows('CREATE TABLE ds.canary AS SELECT 1 AS x');
    await world.server.request('POST', `/storage/v1/b?project=${PROJECT}`, { name: 'hostile-bucket' });
    return world;
  }

  /** A file that SQL could read, if it could reach files. */
  get secret(): string {
    return join(this.#host, 'secret.csv');
  }

  /** A file that SQL could write. */
  get target(): string {
    return join(this.#host, 'target');
  }

  place(input: string): string {
    return input.replaceAll('{secret}', this.secret).replaceAll('{target}', this.target).replaceAll('{P}', PROJECT);
  }

  /** Throws when the host shows a trace of the attempt, or the canary has gone. */
  async check(): Promise<void> {
    const files = await readdir(this.#host);
    if (files.length !== 1) throw new Error(`Files were written beside the data directory: ${files.join(', ')}`);
    for (const path of ['evil', '../evil', 'projects/evil', 'storage/evil'])
      if (existsSync(join(this.server.dataDir, path))) throw new Error(`${path} was written.`);
    const [row] = await this.server.rows('SELECT count(*), min(x) FROM ds.canary');
    if (JSON.stringify(row) !== '["1","1"]') throw new Error(`The canary changed: ${JSON.stringify(row)}`);
  }

  /** A request whose Authorization is exactly this. */
  async knock(authorization: string | undefined): Promise<Answer> {
    const response = await fetch(`${this.server.url}${P}/datasets/ds`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    return { status: response.status, body: await response.json(), headers: response.headers };
  }

  async serviceAccountKey(): Promise<KeyFile> {
    const { body: account } = await this.server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts`, {
      accountId: `attacked-${this.#account++}`,
    });
    await this.server.grant(`serviceAccount:${String(account.email)}`, ['roles/bigquery.dataViewer']);
    const path = `/v1/projects/${PROJECT}/serviceAccounts/${String(account.email)}/keys`;
    const { body: key } = await this.server.request('POST', path, {});
    return JSON.parse(Buffer.from(String(key.privateKeyData), 'base64').toString()) as KeyFile;
  }

  userToken(): Promise<string> {
    return issueUserToken({ dataDir: this.server.dataDir, email: OWNER });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await rm(this.#host, { recursive: true, force: true });
  }
}

type Part = Readonly<Record<string, unknown>>;

const encode = (part: Part): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const AUDIENCE = 'https://bigquery.googleapis.com/';

function claimsOf(email: string, more: Part = {}): Part {
  const now = Math.floor(Date.now() / 1000);
  return { iss: email, sub: email, aud: AUDIENCE, iat: now, exp: now + 3600, ...more };
}

export function signed(header: Part, claims: Part, privateKey: string): string {
  const text = `${encode({ alg: 'RS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
}

function hmac(header: Part, claims: Part, secret: string): string {
  const text = `${encode({ alg: 'HS256', typ: 'at+jwt', ...header })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** A token that the server takes, to be sure that the others fail for their one fault. */
export async function honestToken(world: HostileWorld): Promise<string> {
  const key = await world.serviceAccountKey();
  return signed({ kid: key.private_key_id }, claimsOf(key.client_email), key.private_key);
}

const OURS = { iss: 'sluice-bigquery-local', email: OWNER, scope: 'https://www.googleapis.com/auth/cloud-platform' };

/** By the names of hostile-input.jsonl: the whole Authorization header. */
export const TOKENS: Readonly<Record<string, (world: HostileWorld) => Promise<string | undefined>>> = {
  'none at all': () => Promise.resolve(undefined),
  'no token behind Bearer': () => Promise.resolve('Bearer '),
  'text that is no token': () => Promise.resolve('Bearer ../../etc/passwd'),
  'Basic credentials': () => Promise.resolve(`Basic ${Buffer.from(`${OWNER}:x`).toString('base64')}`),
  'unsigned: alg none': async () =>
    `Bearer ${encode({ alg: 'none', typ: 'at+jwt' })}.${encode({ ...claimsOf(OWNER), ...OURS })}.`,
  'unsigned: alg None, in another case': async () =>
    `Bearer ${encode({ alg: 'nOnE', typ: 'at+jwt' })}.${encode({ ...claimsOf(OWNER), ...OURS })}.`,
  'a true token without its signature': async (world) => {
    const token = await world.userToken();
    return `Bearer ${token.slice(0, token.lastIndexOf('.') + 1)}`;
  },
  'a true token with another e-mail in its payload': async (world) => {
    const [header, payload = '', signature] = (await world.userToken()).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Part;
    return `Bearer ${header}.${encode({ ...claims, email: 'eve@example.com' })}.${signature}`;
  },
  'signed with another secret': async () => `Bearer ${hmac({}, { ...claimsOf(OWNER), ...OURS }, 'secret')}`,
  expired: async (world) => {
    const token = await issueUserToken({ dataDir: world.server.dataDir, email: OWNER, lifetimeSeconds: 1 });
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    return `Bearer ${token}`;
  },
  "alg confusion: HMAC with the account's public key": async (world) => {
    const key = await world.serviceAccountKey();
    const pem = createPublicKey(key.private_key).export({ type: 'spki', format: 'pem' }).toString();
    return `Bearer ${hmac({ typ: 'JWT', kid: key.private_key_id }, claimsOf(key.client_email), pem)}`;
  },
  'of a service account, signed with another private key under its key id': async (world) => {
    const key = await world.serviceAccountKey();
    return `Bearer ${signed({ kid: key.private_key_id }, claimsOf(key.client_email), attacker().pem)}`;
  },
  "of a service account, with the attacker's key in its header": async (world) => {
    const key = await world.serviceAccountKey();
    const { pem, jwk } = attacker();
    const header = {
      kid: key.private_key_id,
      jwk,
      jku: 'https://evil.example.com/keys',
      x5u: 'https://evil.example.com',
    };
    return `Bearer ${signed(header, claimsOf(key.client_email), pem)}`;
  },
  'of a service account, with a key id that is a path': async (world) => {
    const key = await world.serviceAccountKey();
    return `Bearer ${signed({ kid: '../../../../dev/null' }, claimsOf(key.client_email), key.private_key)}`;
  },
  'of a service account, for another audience': async (world) => {
    const key = await world.serviceAccountKey();
    const claims = claimsOf(key.client_email, { aud: 'https://evil.example.com/' });
    return `Bearer ${signed({ kid: key.private_key_id }, claims, key.private_key)}`;
  },
  'of a service account, expired': async (world) => {
    const key = await world.serviceAccountKey();
    const now = Math.floor(Date.now() / 1000);
    const claims = claimsOf(key.client_email, { iat: now - 7200, exp: now - 3600 });
    return `Bearer ${signed({ kid: key.private_key_id }, claims, key.private_key)}`;
  },
  'of a service account, valid for a year': async (world) => {
    const key = await world.serviceAccountKey();
    const claims = claimsOf(key.client_email, { exp: Math.floor(Date.now() / 1000) + 365 * 86_400 });
    return `Bearer ${signed({ kid: key.private_key_id }, claims, key.private_key)}`;
  },
  'of a service account, in the name of somebody else': async (world) => {
    const key = await world.serviceAccountKey();
    return `Bearer ${signed({ kid: key.private_key_id }, claimsOf(key.client_email, { sub: OWNER }), key.private_key)}`;
  },
  'replayed after its key was deleted': async (world) => {
    const key = await world.serviceAccountKey();
    const token = signed({ kid: key.private_key_id }, claimsOf(key.client_email), key.private_key);
    await mustBeTaken(world, token);
    const path = `/v1/projects/${PROJECT}/serviceAccounts/${key.client_email}/keys/${key.private_key_id}`;
    await world.server.request('DELETE', path);
    return `Bearer ${token}`;
  },
  'an issued access token, replayed after its account was disabled': async (world) => {
    const key = await world.serviceAccountKey();
    const scope = 'https://www.googleapis.com/auth/bigquery';
    const claims = claimsOf(key.client_email, { aud: `${world.server.url}/token`, scope });
    const assertion = signed({ kid: key.private_key_id }, claims, key.private_key);
    const response = await fetch(`${world.server.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }),
    });
    const { access_token: token = '' } = (await response.json()) as { access_token?: string };
    await mustBeTaken(world, token);
    const path = `/v1/projects/${PROJECT}/serviceAccounts/${key.client_email}:disable`;
    await world.server.request('POST', path, {});
    return `Bearer ${token}`;
  },
};

async function mustBeTaken(world: HostileWorld, token: string): Promise<void> {
  const { status } = await world.knock(`Bearer ${token}`);
  if (status !== 200) throw new Error(`The token was answered ${status} before it was to be refused.`);
}

function attacker(): { pem: string; jwk: Part } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    jwk: publicKey.export({ format: 'jwk' }),
  };
}
