import { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { signedJwt } from '../../auth/test-accounts.ts';
import { RoutesUnderTest } from '../iam/routes-under-test.ts';
import type { Route } from '../route.ts';

const SCOPE = 'https://www.googleapis.com/auth/bigquery';

/** Stands for BigQuery: answers a list of one dataset to whoever may create jobs, and says who asked. */
const datasets: Route = {
  method: 'GET',
  path: '/bigquery/v2/projects/:projectId/datasets',
  operation: 'bigquery.datasets.list',
  handle(context) {
    const projectId = context.params['projectId'] ?? '';
    context.authorize('bigquery.jobs.create', { kind: 'project', projectId });
    return {
      datasets: [{ datasetReference: { projectId, datasetId: 'sales' }, labels: { caller: context.principal.email } }],
    };
  },
};

describe('the OAuth endpoints', () => {
  const server = new RoutesUnderTest([datasets]);
  let url: string;
  let owner: string;
  let file: Record<string, string>;

  beforeAll(async () => {
    url = await server.start();
    owner = await server.userToken('owner@example.com');
    await server.call('POST', '/v1/projects', { token: owner, body: { projectId: 'shop-data' } });
    await server.call('POST', '/v1/projects/shop-data/serviceAccounts', {
      token: owner,
      body: { accountId: 'sync-robot' },
    });
    const keys = '/v1/projects/shop-data/serviceAccounts/sync-robot@shop-data.iam.gserviceaccount.com/keys';
    const { body } = await server.call('POST', keys, { token: owner, body: {} });
    file = JSON.parse(Buffer.from(body['privateKeyData'] as string, 'base64').toString()) as Record<string, string>;
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const exchange = () => {
    const seconds = Math.floor(Date.now() / 1000);
    const claims = {
      iss: file['client_email'],
      scope: SCOPE,
      aud: file['token_uri'],
      iat: seconds,
      exp: seconds + 3600,
    };
    const assertion = signedJwt(file['private_key']!, claims);
    return server.call('POST', '/token', {
      form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion },
    });
  };

  it('exchanges an assertion for a token that tokeninfo describes', async () => {
    const { status, body, headers } = await exchange();
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toMatchObject({ expires_in: 3599, token_type: 'Bearer' });
    const token = body['access_token'] as string;
    for (const info of [
      await server.call('GET', `/tokeninfo?access_token=${token}`),
      await server.call('POST', '/tokeninfo', { form: { access_token: token } }),
    ]) {
      expect(info).toMatchObject({
        status: 200,
        body: { email: file['client_email'], scope: SCOPE, sub: file['client_id'] },
      });
    }
    const bad = await server.call('GET', '/tokeninfo?access_token=nonsense');
    expect([bad.status, bad.body]).toEqual([400, { error: 'invalid_token', error_description: 'Invalid Value' }]);
  });

  it('answers errors in OAuth’s own form', async () => {
    const bad = await server.call('POST', '/token', { form: { grant_type: 'password' } });
    expect([bad.status, bad.body]).toEqual([
      400,
      { error: 'unsupported_grant_type', error_description: 'Invalid grant_type: password' },
    ]);
  });

  it('has a challenge in its 401s', async () => {
    const path = '/v1/projects/shop-data';
    const none = await server.call('GET', path);
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="https://accounts.google.com/"',
    ]);
    const bad = await server.call('GET', path, { token: 'nonsense' });
    expect([bad.status, bad.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="https://accounts.google.com/", error="invalid_token"',
    ]);
  });

  it('signs Google’s own Node client in with the key file alone, and gives it what the account may do', async () => {
    const client = new BigQuery({ projectId: 'shop-data', credentials: file, apiEndpoint: url });
    await expect(client.getDatasets()).rejects.toMatchObject({ code: 403 });

    const { body: policy } = await server.call('POST', '/v1/projects/shop-data:getIamPolicy', {
      token: owner,
      body: {},
    });
    const bindings = [
      ...(policy['bindings'] as unknown[]),
      { role: 'roles/bigquery.jobUser', members: [`serviceAccount:${file['client_email']}`] },
    ];
    await server.call('POST', '/v1/projects/shop-data:setIamPolicy', {
      token: owner,
      body: { policy: { ...policy, bindings } },
    });
    const [found] = await client.getDatasets();
    expect(found.map((dataset) => dataset.metadata as unknown)).toMatchObject([
      { labels: { caller: file['client_email'] } },
    ]);
  });
});
