import type { Identity } from '../../auth/identity.ts';
import type { Route } from '../route.ts';

export function oauth2Routes(_identity: Identity): Route[] {
  throw new Error('in work');
}
