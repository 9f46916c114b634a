// Signing in to a destination, for people.
import type { createRegistry, OAuthEndpoints } from '@sluice/destinations';
import { printable } from './style.ts';
import type { Style } from './style.ts';

type Authentication = Awaited<ReturnType<ReturnType<typeof createRegistry>['testAuthentication']>>;

export function signInLines(
  { provider, registration, scopes }: OAuthEndpoints,
  url: string,
  redirectUri: string,
  style: Style,
): string[] {
  return [
    `Sign in to ${provider} and allow the access:`,
    '',
    url,
    '',
    style.dim(`Redirect URL (must be registered for the client): ${redirectUri}`),
    ...(scopes.length === 0 ? [] : [style.dim(`Scopes: ${scopes.join(' ')}`)]),
    ...(registration === undefined ? [] : [style.dim(registration)]),
    'Waiting for the answer …',
  ];
}

export function connectedLines(
  document: {
    readonly destination: string;
    readonly provider: string;
    readonly expiresAt?: string;
    readonly settings: Readonly<Record<string, string>>;
    readonly renewable: boolean;
    readonly file: string;
    readonly authentication: Authentication;
  },
  style: Style,
): string[] {
  const { destination, provider, expiresAt, settings, renewable, file, authentication } = document;
  const until = expiresAt === undefined ? '' : ` The access token ends at ${expiresAt}`;
  return [
    `${style.good('✓')} ${destination} is connected to ${provider}.`,
    ...Object.entries(settings).map(([name, value]) => `  ${name}: ${printable(value)}`),
    renewable
      ? `  It is renewed by itself when it expires.${until === '' ? '' : `${until}.`}`
      : `  ${style.warn('It cannot be renewed')}: ${provider} gave no refresh token.${until === '' ? '' : `${until}; connect again then.`}`,
    `  Tokens: ${file} (only you can read it)`,
    ...authenticationLines(destination, authentication, style).map((line) => `  ${line}`),
  ];
}

export function authenticationLines(name: string, authentication: Authentication, style: Style): string[] {
  switch (authentication.result) {
    case 'valid':
      return [`${style.good('✓')} ${name} takes the credentials.`];
    case 'untested':
      return [`${name} has no way to test credentials; the first sync shows whether they are right.`];
    default: {
      const what = authentication.result === 'invalid' ? 'refuses the credentials' : 'could not be asked';
      return [`${style.bad('✗')} ${name} ${what}: ${printable(authentication.message)} (${authentication.code})`];
    }
  }
}
