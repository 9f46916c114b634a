// Google's OAuth endpoints: `POST /token` (JWT-bearer grant) and `/tokeninfo`. Their errors
// have OAuth's form, `{error, error_description}`, not that of the APIs.
import { verifyAccessToken } from '../../auth/access-token.ts';
import { isActive } from '../../auth/identity.ts';
import type { Identity } from '../../auth/identity.ts';
import { grantToken } from '../../auth/jwt-bearer-grant.ts';
import { Answer } from '../route.ts';
import type { RequestContext, Route } from '../route.ts';

/** Path of the token endpoint: `token_uri` of key files is the server's URL with it. */
export const TOKEN_PATH = '/token';

const NOT_STORED = { 'cache-control': 'no-store' };

export function oauth2Routes(identity: Identity): Route[] {
  const tokenInfo = (context: RequestContext) => describeToken(identity, context);
  return [
    {
      method: 'POST',
      path: TOKEN_PATH,
      operation: 'oauth2.token',
      public: true,
      handle: (context) => token(identity, context),
    },
    { method: 'GET', path: '/tokeninfo', operation: 'oauth2.tokeninfo', public: true, handle: tokenInfo },
    { method: 'POST', path: '/tokeninfo', operation: 'oauth2.tokeninfo', public: true, handle: tokenInfo },
  ];
}

async function token(identity: Identity, context: RequestContext): Promise<Answer> {
  const { body, baseUrl } = context;
  const request = { grantType: body['grant_type'], assertion: body['assertion'], ownUrl: baseUrl + TOKEN_PATH };
  const answer = await grantToken(identity, request, new Date());
  return new Answer(answer.status, answer.body, NOT_STORED);
}

/** The values are strings, as Google's. */
async function describeToken(identity: Identity, context: RequestContext): Promise<Answer> {
  const given = context.query['access_token'] ?? context.body['access_token'];
  const now = new Date();
  const claims = typeof given === 'string' ? await verifyAccessToken(identity.signingKey, given, now) : undefined;
  if (claims === undefined || !isActive(identity, claims)) {
    return new Answer(400, { error: 'invalid_token', error_description: 'Invalid Value' }, NOT_STORED);
  }
  const info = {
    azp: claims.subject,
    aud: claims.subject,
    sub: claims.subject,
    scope: claims.scopes.join(' '),
    exp: String(claims.expiresAt),
    expires_in: String(claims.expiresAt - Math.floor(now.getTime() / 1000)),
    email: claims.email,
    email_verified: 'true',
    access_type: 'online',
  };
  return new Answer(200, info, NOT_STORED);
}
