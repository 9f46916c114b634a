// Renewing OAuth tokens with a definition's own `refreshAccessToken`.
import type { JsonObject } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { BatchResult, Credentials } from '../destination.ts';
import type { Redactor } from '../redact.ts';
import type { HttpPool } from '../request/client.ts';
import type { DestinationDefinition, ExecuteInput } from '../segment/definition.ts';
import { failureOfThrown } from './classify.ts';
import type { FreshTokens } from './tokens.ts';
import { authTokensOf } from './tokens.ts';

export async function refreshCall(
  definition: DestinationDefinition,
  settings: JsonObject,
  credentials: Credentials,
  http: HttpPool,
  signal: AbortSignal,
): Promise<unknown> {
  const data = { settings, auth: authTokensOf(credentials) };
  const defaults = definition.extendRequest?.({ ...data, payload: undefined } as unknown as ExecuteInput) ?? {};
  return definition.authentication?.refreshAccessToken?.(http.client(defaults, { signal }), data);
}

/** Throws when the answer holds no token. */
export function freshTokensOf(answer: unknown): FreshTokens {
  const { accessToken, refreshToken } = (answer ?? {}) as { accessToken?: unknown; refreshToken?: unknown };
  if (typeof accessToken !== 'string' || accessToken === '') {
    throw new AppError('the answer to the refresh holds no access token', {
      code: 'OAUTH_REFRESH_FAILED',
      kind: 'unauthenticated',
      origin: 'destination',
    });
  }
  return { accessToken, ...(typeof refreshToken === 'string' ? { refreshToken } : {}) };
}

/** A refusal stops the sync: somebody must connect the destination anew. No answer may be tried again. */
export function refreshFailureOf(thrown: unknown, redact: Redactor): Extract<BatchResult, { kind: 'failed' }> {
  const failure = failureOfThrown(thrown, redact);
  const refused = failure.cause !== 'later' || (thrown instanceof AppError && thrown.code === 'OAUTH_REFRESH_FAILED');
  return {
    kind: 'failed',
    cause: refused ? 'stop' : 'later',
    code: refused ? 'OAUTH_REFRESH_FAILED' : failure.code,
    message: `the access token has expired and could not be renewed: ${failure.message}`.slice(0, 500),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  };
}
