// The JSON key file of a service account, as Google's clients load it, pointing at this
// server. Its `universe_domain` is not Google's: Google's Node client ignores `token_uri`
// and would ask Google itself for a token, but in another universe it signs its own.
import { UNIVERSE_DOMAIN } from '../../auth/authenticator.ts';
import type { ServiceAccount } from '../../catalog/service-accounts.ts';
import { TOKEN_PATH } from '../oauth2/routes.ts';

export type KeyFile = Readonly<Record<string, string>>;

export function keyFile(account: ServiceAccount, keyId: string, privateKey: string, baseUrl: string): KeyFile {
  return {
    type: 'service_account',
    project_id: account.projectId,
    private_key_id: keyId,
    private_key: privateKey,
    client_email: account.email,
    client_id: account.uniqueId,
    auth_uri: `${baseUrl}/o/oauth2/auth`,
    token_uri: `${baseUrl}${TOKEN_PATH}`,
    auth_provider_x509_cert_url: `${baseUrl}/oauth2/v1/certs`,
    client_x509_cert_url: `${baseUrl}/robot/v1/metadata/x509/${encodeURIComponent(account.email)}`,
    universe_domain: UNIVERSE_DOMAIN,
  };
}
