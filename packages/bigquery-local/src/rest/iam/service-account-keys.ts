// IAM API v1: projects.serviceAccounts.keys. The key file with the private key is in the
// answer of create and nowhere else.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { ServiceAccountKey } from '../../catalog/service-account-keys.ts';
import type { ServiceAccount } from '../../catalog/service-accounts.ts';
import type { Route } from '../route.ts';
import { optionalText, requiredText } from './body.ts';
import { keyFile } from './key-file.ts';
import { authorizedAccount } from './service-accounts.ts';

const COLLECTION = '/v1/projects/:projectId/serviceAccounts/:account/keys';
const ONE = `${COLLECTION}/:keyId`;
const KEY_BEFORE_VERB = `${COLLECTION}/:keyId([^:/]+)::`;
const KEY_TYPES: ReadonlySet<string> = new Set(['USER_MANAGED', 'SYSTEM_MANAGED']);

export function serviceAccountKeyRoutes(identity: Identity): Route[] {
  const accounts = identity.serviceAccounts;
  const name = (method: string) => `iam.projects.serviceAccounts.keys.${method}`;
  return [
    {
      method: 'POST',
      path: COLLECTION,
      operation: name('create'),
      async handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccountKeys.create');
        requireOneOf(
          optionalText(context.body, 'privateKeyType'),
          ['TYPE_GOOGLE_CREDENTIALS_FILE', 'TYPE_UNSPECIFIED'],
          'Private key type',
        );
        requireOneOf(
          optionalText(context.body, 'keyAlgorithm'),
          ['KEY_ALG_RSA_2048', 'KEY_ALG_UNSPECIFIED'],
          'Key algorithm',
        );
        const { key, privateKey } = await accounts.createKey(account.email, new Date());
        const file = JSON.stringify(keyFile(account, key.id, privateKey, context.baseUrl), null, 2);
        return {
          ...keyResource(account, key),
          privateKeyType: 'TYPE_GOOGLE_CREDENTIALS_FILE',
          privateKeyData: Buffer.from(file).toString('base64'),
        };
      },
    },
    {
      method: 'GET',
      path: COLLECTION,
      operation: name('list'),
      handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccountKeys.list');
        const types = (context.query['keyTypes'] ?? '').split(',').filter((type) => KEY_TYPES.has(type));
        const keys = accounts
          .keys(account)
          .filter(({ type }) => types.length === 0 || types.includes(type))
          .map((key) => keyResource(account, key));
        return keys.length === 0 ? {} : { keys };
      },
    },
    {
      method: 'GET',
      path: ONE,
      operation: name('get'),
      handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccountKeys.get');
        const key = existingKey(accounts.keys(account), context.params['keyId']);
        const format = context.query['publicKeyType'];
        requireOneOf(format, ['TYPE_NONE', 'TYPE_RAW_PUBLIC_KEY'], 'Public key type');
        return {
          ...keyResource(account, key),
          ...(format === 'TYPE_RAW_PUBLIC_KEY' ? { publicKeyData: Buffer.from(key.publicKey).toString('base64') } : {}),
        };
      },
    },
    {
      method: 'DELETE',
      path: ONE,
      operation: name('delete'),
      handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccountKeys.delete');
        accounts.deleteKey(account, existingKey(accounts.keys(account), context.params['keyId']).id);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${COLLECTION}::upload`,
      operation: name('upload'),
      handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccountKeys.create');
        const certificate = Buffer.from(requiredText(context.body, 'publicKeyData', 25_000), 'base64').toString();
        return keyResource(account, accounts.uploadKey(account, certificate, new Date()));
      },
    },
    ...(['enable', 'disable'] as const).map((verb): Route => ({
      method: 'POST',
      path: `${KEY_BEFORE_VERB}${verb}`,
      operation: name(verb),
      handle(context) {
        const account = authorizedAccount(identity, context, `iam.serviceAccountKeys.${verb}`);
        const key = existingKey(accounts.keys(account), context.params['keyId']);
        accounts.setKeyDisabled(account, key.id, verb === 'disable');
        return {};
      },
    })),
  ];
}

function existingKey(keys: readonly ServiceAccountKey[], keyId: string | undefined): ServiceAccountKey {
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) throw new BigQueryError('notFound', `Service account key ${keyId ?? ''} does not exist.`);
  return key;
}

function requireOneOf(value: string | undefined, supported: readonly string[], what: string): void {
  if (value !== undefined && value !== '' && !supported.includes(value)) {
    throw new BigQueryError('badRequest', `${what} ${value} is not supported by the local BigQuery.`);
  }
}

function keyResource(account: ServiceAccount, key: ServiceAccountKey): Record<string, unknown> {
  return {
    name: `projects/${account.projectId}/serviceAccounts/${account.email}/keys/${key.id}`,
    validAfterTime: seconds(key.createdAt),
    validBeforeTime: key.validBefore === undefined ? '9999-12-31T23:59:59Z' : seconds(key.validBefore),
    keyAlgorithm: 'KEY_ALG_RSA_2048',
    keyOrigin: key.origin,
    keyType: key.type,
    ...(key.disabled ? { disabled: true } : {}),
  };
}

/** RFC 3339 without fractions. */
function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
