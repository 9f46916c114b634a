// OAuth scopes of BigQuery's methods.
import type { Authentication } from './authenticator.ts';

/** 403 `insufficientPermissions` when the token's scopes do not cover the operation (`bigquery.datasets.insert`). */
export function requireScope(_authentication: Authentication, _operation: string): void {
  throw new Error('in work');
}
