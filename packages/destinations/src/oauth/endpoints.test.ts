import { expect, it } from 'vitest';
import { offers } from '../catalogue/offers.ts';
import { endpointsOf } from './endpoints.ts';
import { providers } from './providers.ts';

const client = { clientId: 'id', clientSecret: 'secret' };

it.each([
  [{}, {}, 'https://login.salesforce.com/services/oauth2/authorize'],
  [{}, { isSandbox: true }, 'https://test.salesforce.com/services/oauth2/authorize'],
  [{ domain: 'acme' }, {}, 'https://acme.my.salesforce.com/services/oauth2/authorize'],
  [
    { domain: 'acme--test.sandbox.my.salesforce.com' },
    { isSandbox: true },
    'https://acme--test.sandbox.my.salesforce.com/services/oauth2/authorize',
  ],
])('signs in to Salesforce where the account lives (%j, %j)', (more, settings, expected) => {
  const endpoints = endpointsOf('actions-salesforce', { ...client, ...more }, settings);
  expect(endpoints.authorizationEndpoint.href).toBe(expected);
  expect(endpoints.tokenEndpoint.host).toBe(endpoints.authorizationEndpoint.host);
  expect(endpoints.settings).toEqual({ instanceUrl: 'instance_url' });
});

it.each([
  ['actions-salesforce', { domain: 'evil.example/.my.salesforce.com' }, 'oauth.domain'],
  ['actions-salesforce', { domain: 'https://acme.my.salesforce.com' }, 'oauth.domain'],
  ['actions-hubspot-cloud', { domain: 'acme' }, 'oauth.domain'],
  ['actions-hubspot-cloud', { tokenEndpoint: 'http://api.example/token' }, 'oauth.token_endpoint'],
  ['actions-hubspot-cloud', { authorizationEndpoint: 'https://user:pw@api.example/' }, 'oauth.authorization_endpoint'],
  ['actions-pardot', {}, 'oauth.authorization_endpoint'],
])('refuses %s with %j', (type, more, where) => {
  expect(() => endpointsOf(type, { ...client, ...more }, {})).toThrow(
    expect.objectContaining({ code: 'INVALID_OAUTH', where }),
  );
});

it('takes the scopes, endpoints and port of the configuration first', () => {
  const own = {
    scopes: ['one'],
    authorizationEndpoint: 'http://127.0.0.1:1/auth',
    tokenEndpoint: 'https://vendor.example/token',
    redirectPort: 4000,
  };
  expect(endpointsOf('actions-hubspot-cloud', { ...client, ...own }, {})).toMatchObject({
    scopes: ['one'],
    optionalScopes: [],
    redirectPort: 4000,
  });
  expect(endpointsOf('actions-pardot', { clientId: 'id', ...own }, {})).toMatchObject({
    clientAuthentication: 'none',
    pkce: true,
  });
});

it('names only destinations that are offered, and asks each provider by https', () => {
  const offered = new Set(offers.map(({ type }) => type));
  for (const { scopes, authorizationEndpoint, tokenEndpoint, source } of providers) {
    for (const [type, asked] of Object.entries(scopes)) {
      expect(offered).toContain(type);
      expect(asked.length).toBeGreaterThan(0);
    }
    for (const url of [authorizationEndpoint, tokenEndpoint, source]) expect(url).toMatch(/^https:\/\//);
  }
});
