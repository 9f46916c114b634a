// Where destinations sign in with OAuth: endpoints, scopes and what is special per provider,
// as data. The client (id and secret) is always the user's own.

export type OAuthProvider = {
  readonly id: string;
  readonly name: string;
  /** `{host}` stands for the sign-in host that the connection chooses, see `hosts`. */
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** The provider's document of all this. */
  readonly source: string;
  /** Scopes that are asked for, per type of destination. Its keys are the types that sign in here. */
  readonly scopes: Readonly<Record<string, readonly string[]>>;
  /** Scopes that are granted where the account has them, and left out elsewhere (HubSpot). */
  readonly optionalScopes?: readonly string[];
  /** Further parameters of the authorization request. */
  readonly parameters?: Readonly<Record<string, string>>;
  /**
   * False where a client with a secret is refused when it sends a `code_verifier`; the
   * secret and the state protect the code there.
   */
  readonly pkce: boolean;
  /** How the client proves itself at the token endpoint (RFC 6749, 2.3.1). */
  readonly clientAuthentication: 'client_secret_post' | 'client_secret_basic';
  readonly redirect: {
    /** As the provider wants it to be registered. */
    readonly host: '127.0.0.1' | 'localhost';
    /** The provider takes any port of the loopback interface (RFC 8252, 7.3); otherwise the registered one. */
    readonly anyPort: boolean;
  };
  /** Setting of the destination → field of the token answer that fills it. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What must be done at the provider before. */
  readonly registration: string;
  /** What is to know about the refresh token. */
  readonly refresh: string;
};

/** Where the redirect goes when the provider wants one registered port and the user names none. */
export const DEFAULT_REDIRECT_PORT = 48_213;

export const SALESFORCE_HOSTS = { production: 'login.salesforce.com', sandbox: 'test.salesforce.com' } as const;

const google = {
  authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
  tokenEndpoint: 'https://oauth2.googleapis.com/token',
  source: 'https://developers.google.com/identity/protocols/oauth2/native-app',
  // Without both a second consent gives no refresh token.
  parameters: { access_type: 'offline', prompt: 'consent' },
  pkce: true,
  clientAuthentication: 'client_secret_post',
  redirect: { host: '127.0.0.1', anyPort: true },
  refresh:
    'Keeps its value. Google ends it after seven days while the consent screen is in "Testing", after six months without use, and when the user revokes it.',
} as const;

export const providers: readonly OAuthProvider[] = [
  {
    id: 'salesforce',
    name: 'Salesforce',
    authorizationEndpoint: 'https://{host}/services/oauth2/authorize',
    tokenEndpoint: 'https://{host}/services/oauth2/token',
    source: 'https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm',
    scopes: { 'actions-salesforce': ['api', 'refresh_token'] },
    pkce: true,
    clientAuthentication: 'client_secret_post',
    redirect: { host: 'localhost', anyPort: false },
    settings: { instanceUrl: 'instance_url' },
    registration:
      'Setup > External Client App Manager (or App Manager > New Connected App): enable OAuth with the callback URL below and the scopes "api" and "refresh_token".',
    refresh:
      'Keeps its value, or is replaced with each refresh when the app has "Enable Refresh Token Rotation". The app\'s refresh token policy says when it ends.',
  },
  {
    id: 'hubspot',
    name: 'HubSpot',
    authorizationEndpoint: 'https://app.hubspot.com/oauth/authorize',
    tokenEndpoint: 'https://api.hubapi.com/oauth/v1/token',
    source:
      'https://developers.hubspot.com/docs/api-reference/legacy/authentication/oauth-tokens/v1/refresh-oauth-token',
    scopes: {
      'actions-hubspot-cloud': [
        'oauth',
        'crm.objects.contacts.read',
        'crm.objects.contacts.write',
        'crm.schemas.contacts.read',
        'crm.schemas.contacts.write',
        'crm.objects.companies.read',
        'crm.objects.companies.write',
        'crm.schemas.companies.read',
        'crm.schemas.companies.write',
      ],
    },
    optionalScopes: [
      'crm.objects.deals.read',
      'crm.objects.deals.write',
      'crm.schemas.deals.read',
      'crm.schemas.deals.write',
      'crm.objects.custom.read',
      'crm.objects.custom.write',
      'crm.schemas.custom.read',
      'crm.lists.read',
      'crm.lists.write',
      'analytics.behavioral_events.send',
      'behavioral_events.event_definitions.read_write',
    ],
    pkce: true,
    clientAuthentication: 'client_secret_post',
    redirect: { host: 'localhost', anyPort: false },
    settings: { portalId: 'hub_id' },
    registration: 'Make an app with the auth type "oauth", the redirect URL below and the scopes of the destination.',
    refresh: 'Keeps its value until the app is removed from the account.',
  },
  {
    id: 'google',
    name: 'Google',
    ...google,
    scopes: {
      'actions-google-sheets': ['https://www.googleapis.com/auth/spreadsheets'],
      'actions-google-enhanced-conversions': ['https://www.googleapis.com/auth/adwords'],
      'actions-google-campaign-manager-360': ['https://www.googleapis.com/auth/ddmconversions'],
    },
    registration:
      'Google Cloud console > APIs & Services > Credentials > Create credentials > OAuth client ID > Desktop app, and enable the API of the destination. Google Ads needs a developer token beside that, in ADWORDS_DEVELOPER_TOKEN.',
  },
  {
    id: 'linkedin',
    name: 'LinkedIn',
    authorizationEndpoint: 'https://www.linkedin.com/oauth/v2/authorization',
    tokenEndpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
    source: 'https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow',
    scopes: {
      'actions-linkedin-audiences': ['r_basicprofile', 'r_ads', 'rw_dmp_segments'],
      'actions-linkedin-conversions': ['r_basicprofile', 'r_ads', 'rw_conversions'],
    },
    // PKCE is for LinkedIn's native clients, at other endpoints; these refuse a code_verifier.
    pkce: false,
    clientAuthentication: 'client_secret_post',
    redirect: { host: 'localhost', anyPort: false },
    registration:
      'Make an app with the product of the destination (Advertising API, Matched Audiences or Conversions API) and the redirect URL below.',
    refresh:
      'Only for approved partners; keeps its value and ends after a year. Without one the connection ends with its access token, after 60 days.',
  },
];

export function providerOf(type: string): OAuthProvider | undefined {
  return providers.find(({ scopes }) => Object.hasOwn(scopes, type));
}
