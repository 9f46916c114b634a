import { createVerify, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServiceAccountKey } from '../../run/api.ts';
import { BigQueryClient } from './client.ts';
import { ServiceAccountClient, parseKey } from './credentials.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

let server: Server;
let url: string;
let assertions: string[];
let authorizations: string[];
let tokenAnswers: { status: number; body: object }[];

beforeEach(async () => {
  assertions = [];
  authorizations = [];
  tokenAnswers = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const json = (status: number, answer: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      };
      if (request.url === '/token') {
        assertions.push(new URLSearchParams(body).get('assertion') ?? '');
        const answer = tokenAnswers.shift() ?? {
          status: 200,
          body: { access_token: 'token-1', expires_in: 3599, token_type: 'Bearer' },
        };
        json(answer.status, answer.body);
        return;
      }
      authorizations.push(request.headers.authorization ?? '');
      json(200, { path: request.url?.split('?')[0] });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const key = (): ServiceAccountKey => ({
  type: 'service_account',
  project_id: 'p',
  private_key_id: 'k1',
  private_key: privateKey,
  client_email: 'sync@p.iam.gserviceaccount.com',
  token_uri: `${url}/token`,
  universe_domain: 'sluice.localhost',
});

describe('a service account key', () => {
  test('is exchanged at its own token_uri with a signed assertion, also in another universe', async () => {
    const client = new BigQueryClient({
      kind: 'bigquery',
      name: 's',
      projectId: 'p',
      location: 'US',
      credentials: key(),
      endpoint: url,
    });
    const answer = await client.call<{ path: string }>({
      method: 'GET',
      path: 'projects/p/datasets',
      what: 'x',
      where: 'y',
    });
    expect(answer.path).toBe('/bigquery/v2/projects/p/datasets');
    expect(authorizations).toEqual(['Bearer token-1']);
    const [head, claims, signature] = (assertions[0] ?? '').split('.') as [string, string, string];
    expect(createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(publicKey, signature, 'base64url')).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'sync@p.iam.gserviceaccount.com',
      aud: `${url}/token`,
      scope: 'https://www.googleapis.com/auth/bigquery',
    });
  });

  test('is exchanged once for many calls', async () => {
    const client = new BigQueryClient({
      kind: 'bigquery',
      name: 's',
      projectId: 'p',
      location: 'US',
      credentials: key(),
      endpoint: url,
    });
    await Promise.all(
      [1, 2, 3, 4].map(() => client.call({ method: 'GET', path: 'projects/p/datasets', what: 'x', where: 'y' })),
    );
    expect(assertions.length).toBe(1);
  });

  test('tries the token endpoint again after a passing failure', async () => {
    tokenAnswers = [{ status: 503, body: {} }];
    await new ServiceAccountClient(key(), 'here').authenticate();
    expect(assertions.length).toBe(2);
  });

  test('names the account, the reason and the fix when it is refused', async () => {
    tokenAnswers = [{ status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } }];
    await expect(new ServiceAccountClient(key(), 'here').authenticate()).rejects.toMatchObject({
      code: 'KEY_REFUSED',
      where: 'sync@p.iam.gserviceaccount.com',
      message: expect.stringContaining('Invalid JWT Signature.') as string,
    });
  });

  test('says what is wrong with a broken key without repeating it', () => {
    const broken = { ...key(), private_key: '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----' };
    expect(() => parseKey(broken, 'sluice.yaml:4:3')).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID', where: 'sluice.yaml:4:3' }) as Error,
    );
    expect(() => parseKey(broken, 'here')).toThrow(/^(?!.*secret)/);
    expect(() => parseKey({ type: 'service_account' }, 'here')).toThrow(/"project_id" is missing/);
    expect(() => parseKey('{}', 'here')).toThrow(/not a JSON object/);
  });
});
