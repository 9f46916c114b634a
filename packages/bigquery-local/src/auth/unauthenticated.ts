// The 401s of Google's API front end, and the header that goes with them.
import { BigQueryError } from '../bigquery-error.ts';

const EXPECTED =
  'Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.';

export function credentialsMissing(): BigQueryError {
  return new BigQueryError('required', `Request is missing required authentication credential. ${EXPECTED}`, {
    innerMessage: 'Login Required.',
    location: 'Authorization',
    locationType: 'header',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'CREDENTIALS_MISSING', domain: 'googleapis.com' },
    ],
  });
}

export function credentialsInvalid(): BigQueryError {
  return new BigQueryError('authError', `Request had invalid authentication credentials. ${EXPECTED}`, {
    innerMessage: 'Invalid Credentials',
    location: 'Authorization',
    locationType: 'header',
  });
}

/** Value of `WWW-Authenticate` for a 401. */
export function challengeOf(error: BigQueryError): string {
  const realm = 'Bearer realm="https://accounts.google.com/"';
  return error.reason === 'required' ? realm : `${realm}, error="invalid_token"`;
}
