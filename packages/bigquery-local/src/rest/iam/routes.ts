import type { Identity } from '../../auth/identity.ts';
import type { Route } from '../route.ts';

export function iamRoutes(_identity: Identity): Route[] {
  throw new Error('in work');
}
