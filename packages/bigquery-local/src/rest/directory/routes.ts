// Admin SDK Directory API v1 of the local directory.
import type { Identity } from '../../auth/identity.ts';
import type { Route } from '../route.ts';
import { groupRoutes } from './groups.ts';
import { memberRoutes } from './members.ts';
import { userRoutes } from './users.ts';

export function directoryRoutes(identity: Identity): Route[] {
  return [...userRoutes(identity), ...groupRoutes(identity), ...memberRoutes(identity)];
}
