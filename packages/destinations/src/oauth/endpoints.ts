// What one connection needs to know for signing in: the provider's row of the table, with what
// the user's configuration chooses or overrides.
import type { JsonObject } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { OAuthProvider } from './providers.ts';
import { DEFAULT_REDIRECT_PORT, SALESFORCE_HOSTS, providerOf } from './providers.ts';

/** `oauth` of a destination in the configuration. */
export type OAuthConfig = {
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientSecret?: string;
  /** Salesforce: My Domain, `acme` or `acme.my.salesforce.com`, also `acme--test.sandbox.my.salesforce.com`. */
  readonly domain?: string;
  /** In the place of the table's. */
  readonly scopes?: readonly string[];
  /** In the place of the table's; for types that it lacks, both are needed. */
  readonly authorizationEndpoint?: string;
  readonly tokenEndpoint?: string;
  /** Port of the redirect on the loopback interface. */
  readonly redirectPort?: number;
};

export type OAuthEndpoints = {
  /** The provider's name, for messages. */
  readonly provider: string;
  readonly authorizationEndpoint: URL;
  readonly tokenEndpoint: URL;
  readonly scopes: readonly string[];
  readonly optionalScopes: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
  readonly pkce: boolean;
  readonly clientAuthentication: OAuthProvider['clientAuthentication'] | 'none';
  readonly redirectHost: '127.0.0.1' | 'localhost';
  /** 0 takes any free port. */
  readonly redirectPort: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly registration?: string;
};

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Throws an AppError `INVALID_OAUTH` when they cannot be known, or are not safe. */
export function endpointsOf(type: string, config: OAuthConfig, settings: JsonObject): OAuthEndpoints {
  const provider = providerOf(type);
  const host = provider?.id === 'salesforce' ? salesforceHost(config.domain, settings) : '';
  if (config.domain !== undefined && provider?.id !== 'salesforce') {
    throw invalid('oauth.domain', `only Salesforce has a domain of its own, not ${type}`, 'Remove oauth.domain.');
  }
  const address = (name: 'authorization' | 'token', own: string | undefined): URL =>
    endpoint(type, name, own ?? provider?.[`${name}Endpoint`].replace('{host}', host));
  return {
    provider: provider?.name ?? type,
    authorizationEndpoint: address('authorization', config.authorizationEndpoint),
    tokenEndpoint: address('token', config.tokenEndpoint),
    scopes: config.scopes ?? provider?.scopes[type] ?? [],
    optionalScopes: config.scopes === undefined ? (provider?.optionalScopes ?? []) : [],
    parameters: provider?.parameters ?? {},
    pkce: provider?.pkce ?? true,
    clientAuthentication:
      config.clientSecret === undefined ? 'none' : (provider?.clientAuthentication ?? 'client_secret_post'),
    redirectHost: provider?.redirect.host ?? '127.0.0.1',
    redirectPort:
      config.redirectPort ?? (provider === undefined || provider.redirect.anyPort ? 0 : DEFAULT_REDIRECT_PORT),
    settings: provider?.settings ?? {},
    ...(provider === undefined ? {} : { registration: provider.registration }),
  };
}

function endpoint(type: string, name: string, text: string | undefined): URL {
  const key = `oauth.${name}_endpoint`;
  if (text === undefined) {
    throw invalid(
      key,
      `the ${name} endpoint of ${type} is not known to Sluice`,
      `Set ${key}, and oauth.scopes, from the vendor's documentation.`,
    );
  }
  const url = URL.parse(text);
  // Codes, tokens and the secret travel to it.
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname));
  if (url === null || !safe || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw invalid(key, `${key} must be an https: URL without user, password and fragment`, 'Correct the URL.');
  }
  return url;
}

function salesforceHost(domain: string | undefined, settings: JsonObject): string {
  if (domain === undefined) {
    return settings['isSandbox'] === true ? SALESFORCE_HOSTS.sandbox : SALESFORCE_HOSTS.production;
  }
  const host = (/\./.test(domain) ? domain : `${domain}.my.salesforce.com`).toLowerCase();
  if (/^[a-z0-9-]+(\.sandbox|\.develop|\.scratch|\.demo|\.patch|\.trailblaze|\.free)?\.my\.salesforce\.com$/.test(host))
    return host;
  throw invalid(
    'oauth.domain',
    'oauth.domain is not a My Domain of Salesforce',
    'Write it as Setup > My Domain shows it, for example acme.my.salesforce.com, without https://.',
  );
}

function invalid(where: string, message: string, fix: string): AppError {
  return new AppError(message, { code: 'INVALID_OAUTH', kind: 'invalid', where, fix });
}
