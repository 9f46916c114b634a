export { createRegistry } from './registry.ts';
export type { RegistryOptions } from './registry.ts';
export { authorize } from './oauth/authorize.ts';
export type { AuthorizeOptions } from './oauth/authorize.ts';
export { endpointsOf } from './oauth/endpoints.ts';
export type { OAuthConfig, OAuthEndpoints } from './oauth/endpoints.ts';
export { credentialsOf, renewConnection } from './oauth/keeper.ts';
export type { Connection, ConnectionStore, StoredConnection } from './oauth/keeper.ts';
export { providerOf, providers } from './oauth/providers.ts';
export type { OAuthProvider } from './oauth/providers.ts';
export { exchangeCode, refreshGrant } from './oauth/token-request.ts';
export type { Grant, OAuthClient, TokenRequestOptions } from './oauth/token-request.ts';
// What a user interface needs of the contract, so that it need not know the kit.
export {
  actionOf,
  importSubscription,
  mappingReferences,
  parseSubscriptions,
  suggestMapping,
} from '@sluice/destination-kit';
export type { NotCarried, SuggestedMapping } from '@sluice/destination-kit';
