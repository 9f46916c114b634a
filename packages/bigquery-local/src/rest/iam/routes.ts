// IAM API v1: the methods of service accounts, keys and roles.
import type { Identity } from '../../auth/identity.ts';
import type { Route } from '../route.ts';
import { roleRoutes } from './roles.ts';
import { serviceAccountKeyRoutes } from './service-account-keys.ts';
import { serviceAccountRoutes } from './service-accounts.ts';

export function iamRoutes(identity: Identity): Route[] {
  return [...serviceAccountRoutes(identity), ...serviceAccountKeyRoutes(identity), ...roleRoutes(identity)];
}
